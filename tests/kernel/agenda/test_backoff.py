from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.kernel.agenda.backoff import STUCK_AFTER, WAITS, after_error, wait_after
from lineaviva.kernel.errors import InvalidInput, NeedsPerson, Permanent, Temporary, Unknown

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)


def test_waits_grow_from_seconds_to_an_hour() -> None:
    assert [wait.total_seconds() for wait in WAITS] == [2, 5, 15, 60, 300, 900, 1800, 3600]


@given(st.integers(min_value=-1, max_value=10_000))
def test_a_wait_is_at_most_a_quarter_shorter_than_the_table_says(times: int) -> None:
    longest = WAITS[min(max(times, 1), 8) - 1]
    assert longest * 0.75 <= wait_after(times) <= longest


def test_waits_differ() -> None:
    assert len({wait_after(4) for _ in range(50)}) > 40


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        pytest.param(timedelta(seconds=30), timedelta(seconds=30), id="as asked"),
        pytest.param(timedelta(0), timedelta(milliseconds=200), id="at once would be a busy loop"),
        pytest.param(timedelta(seconds=-5), timedelta(milliseconds=200), id="in the past"),
        pytest.param(timedelta(days=365), timedelta(days=1), id="never again"),
    ],
)
def test_temporary_with_a_time(asked: timedelta, given_: timedelta) -> None:
    outcome = after_error(Temporary("busy", asked), failures=3, delays=5, now=NOW)
    assert outcome.at == NOW + given_
    assert outcome.changes == {"delays": 6, "last_error": "Temporary: busy"}


@pytest.mark.parametrize("delays", [0, 1, 7, 100, 32_767])
def test_temporary_never_gets_a_row_stuck(delays: int) -> None:
    outcome = after_error(Temporary("busy"), failures=0, delays=delays, now=NOW)
    longest = WAITS[min(delays, len(WAITS) - 1)]
    assert outcome.at is not None
    assert NOW + longest * 0.75 <= outcome.at <= NOW + longest
    assert outcome.changes == {"delays": min(delays + 1, 32_767), "last_error": "Temporary: busy"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Permanent("card stolen"), "Permanent: card stolen"), (NeedsPerson("call Anna"), "NeedsPerson: call Anna")],
)
def test_what_only_a_person_can_go_on_with(error: Exception, reason: str) -> None:
    outcome = after_error(error, failures=0, delays=0, now=NOW)
    assert outcome == (None, {"last_error": reason, "stuck_reason": reason}, None)


@pytest.mark.parametrize("error", [ValueError("bug"), InvalidInput("bug"), Unknown("LV-1", "bug"), KeyError("bug")])
@pytest.mark.parametrize("failures", range(STUCK_AFTER))
def test_anything_else_counts_and_in_the_end_gets_the_row_stuck(error: Exception, failures: int) -> None:
    outcome = after_error(error, failures=failures, delays=9, now=NOW)
    assert outcome.changes["failures"] == failures + 1
    assert "bug" in outcome.changes["last_error"]
    if failures < STUCK_AFTER - 1:
        assert outcome.at is not None
        assert NOW < outcome.at <= NOW + WAITS[failures]
        assert "stuck_reason" not in outcome.changes
    else:
        assert outcome.at is None
        assert outcome.changes["stuck_reason"].startswith("failed 8 times: ")


def test_the_reason_shows_no_number_and_no_key() -> None:
    error = ValueError("no answer for +393471234567 with sk_live_abc")
    assert after_error(error, failures=0, delays=0, now=NOW).changes["last_error"] == (
        "ValueError: no answer for …4567 with …"
    )
    assert after_error(ValueError(), failures=0, delays=0, now=NOW).changes["last_error"] == "ValueError"
