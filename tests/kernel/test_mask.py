from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.kernel.mask import masked, scrubbed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+393471234567", "…4567"),
        ("347 123 4567", "…4567"),
        ("8939010000000000017", "…0017"),
        ("89049032123451234512345678901235", "…1235"),
        ("1234", "…"),
        ("1234567", "…"),
        ("12345678", "…5678"),
        ("", "…"),
    ],
)
def test_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("no answer for +393471234567", "no answer for …4567", id="E.164"),
        pytest.param("no answer for 347 123 4567.", "no answer for …4567.", id="spaced number"),
        pytest.param("card 8939010000000000017 unknown", "card …0017 unknown", id="ICCID"),
        pytest.param("bad LPA:1$smdp.example.com$AB-12 there", "bad … there", id="activation code"),
        pytest.param("bad 1$smdp.example.com$AB-12", "bad …", id="activation code without prefix"),
        pytest.param("Invalid key sk_test_51Habc_D", "Invalid key …", id="provider's key"),
        pytest.param("sent whsec_abc123 and Bearer abc.def-1", "sent … and …", id="secret and token"),
        pytest.param("postgresql://anna:pass@db/lineaviva", "postgresql://…@db/lineaviva", id="password in a URL"),
        pytest.param("GET /x?token=abc&page=2", "GET /x?…&page=2", id="token in a URL"),
        pytest.param("HTTP 503 after 10.5 s on port 8002", "HTTP 503 after 10.5 s on port 8002", id="nothing to hide"),
        pytest.param("due on 2026-11-22 at 10:15", "due on 2026-11-22 at 10:15", id="a date is no number"),
    ],
)
def test_scrubbed(text: str, shown: str) -> None:
    assert scrubbed(text) == shown


def test_scrubbed_can_always_be_stored() -> None:
    assert scrubbed("a\0b \ud800 c") == "ab ? c"


def test_scrubbed_is_cut() -> None:
    assert scrubbed("word " * 1000) == "word " * 100
    assert scrubbed("word " * 3, limit=4) == "word"


@given(st.text(max_size=20), st.integers(min_value=3_200_000_000, max_value=3_999_999_999), st.text(max_size=20))
def test_no_number_comes_through(before: str, number: int, after: str) -> None:
    assert str(number) not in scrubbed(f"{before} +39{number} {after}")
