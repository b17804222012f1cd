from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.accounts import rules

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh-hans", "zh-hans"),
        ("zh-Hans-CN", "zh-hans"),
        ("zh", "zh-hans"),
        ("zh-CN", "zh-hans"),
        ("zh_SG", "zh-hans"),
        ("zh-hant", "zh-hant"),
        ("zh-Hant-HK", "zh-hant"),
        ("zh-TW", "zh-hant"),
        ("zh_HK", "zh-hant"),
        ("zh-MO", "zh-hant"),
        ("it", "it"),
        ("it-CH", "it"),
        ("en", "en"),
        ("en-GB", "en"),
        (" EN ", "en"),
        ("de", None),
        ("", None),
        (None, None),
    ],
)
def test_language_of_a_tag(tag: str | None, language: str | None) -> None:
    assert rules.language_of(tag) == language


@given(st.text(max_size=20))
def test_any_tag_gives_one_of_ours_or_none(tag: str) -> None:
    assert rules.language_of(tag) in {*rules.LANGUAGES, None}


def test_a_tokens_hash_is_bound_to_its_purpose() -> None:
    assert rules.token_hash("abc") == rules.token_hash("abc", purpose="sign-in")
    assert rules.token_hash("abc") != rules.token_hash("abc", purpose="other")
    assert len(rules.token_hash("abc")) == 64


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        pytest.param({}, None, id="good"),
        pytest.param({"used_at": NOW - timedelta(hours=1)}, "link_used", id="used"),
        pytest.param({"expires_at": NOW}, "link_expired", id="ends at this instant"),
        pytest.param({"expires_at": NOW - timedelta(days=2)}, "link_expired", id="long over"),
        pytest.param({"is_active": False}, "account_inactive", id="account switched off"),
        pytest.param(
            {"used_at": NOW - timedelta(days=3), "expires_at": NOW - timedelta(days=2)},
            "link_used",
            id="used goes before expired",
        ),
    ],
)
def test_why_a_link_is_refused(facts: dict[str, object], refusal: str | None) -> None:
    sound = {"expires_at": NOW + timedelta(seconds=1), "used_at": None, "is_active": True, "now": NOW}
    assert rules.link_refusal(**{**sound, **facts}) == refusal  # type: ignore[arg-type]
