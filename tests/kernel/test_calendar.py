from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.kernel.calendar import add_months, end_of
from lineaviva.kernel.clock import ROME

days = st.dates(min_value=date(1990, 1, 1), max_value=date(2099, 12, 31))
months = st.integers(min_value=0, max_value=60)


@pytest.mark.parametrize(
    ("day", "months", "last"),
    [
        pytest.param("2025-03-31", 12, "2026-03-31", id="a year"),
        pytest.param("2025-03-31", 13, "2026-04-30", id="no 31 April"),
        pytest.param("2025-03-31", 11, "2026-02-28", id="no 31 February"),
        pytest.param("2027-03-31", 11, "2028-02-29", id="leap February"),
        pytest.param("2024-02-29", 12, "2025-02-28", id="leap day, a year on"),
        pytest.param("2024-02-29", 48, "2028-02-29", id="leap day, four years on"),
        pytest.param("2024-02-29", 1, "2024-03-29", id="not to the month's end"),
        pytest.param("2025-12-15", 1, "2026-01-15", id="over New Year"),
        pytest.param("2025-11-30", 1, "2025-12-30", id="same number, not the last"),
        pytest.param("2025-01-31", 0, "2025-01-31", id="nothing"),
        pytest.param("2026-03-31", -1, "2026-02-28", id="backwards"),
        pytest.param("2026-01-31", -1, "2025-12-31", id="backwards over New Year"),
        pytest.param("2026-01-15", -13, "2024-12-15", id="backwards over two"),
    ],
)
def test_add_months(day: str, months: int, last: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(last)


@given(days, days, months)
def test_a_later_event_never_ends_earlier(one: date, other: date, count: int) -> None:
    first, second = sorted([one, other])
    assert add_months(first, count) <= add_months(second, count)


@given(days, months)
def test_a_month_more_ends_later_and_in_the_next_month(day: date, count: int) -> None:
    first, second = add_months(day, count), add_months(day, count + 1)
    assert first < second
    assert (second.year * 12 + second.month) - (first.year * 12 + first.month) == 1


@given(days, months)
def test_the_same_number_or_the_month_s_last_day(day: date, count: int) -> None:
    last = add_months(day, count)
    assert last.day == day.day or (last.day < day.day and (last + timedelta(days=1)).day == 1)


@given(days, months, months)
def test_in_two_parts_never_later_than_at_once(day: date, one: int, other: int) -> None:
    """Which is why every date is counted from the event, and none from another computed date."""
    assert add_months(add_months(day, one), other) <= add_months(day, one + other)


@pytest.mark.parametrize(
    ("day", "instant"),
    [
        pytest.param("2026-01-10", "2026-01-10T23:00:00+00:00", id="winter"),
        pytest.param("2026-07-10", "2026-07-10T22:00:00+00:00", id="summer"),
        pytest.param("2026-03-28", "2026-03-28T23:00:00+00:00", id="eve of summer time"),
        pytest.param("2026-03-29", "2026-03-29T22:00:00+00:00", id="day of 23 hours"),
        pytest.param("2026-10-25", "2026-10-25T23:00:00+00:00", id="day of 25 hours"),
        pytest.param("2026-12-31", "2026-12-31T23:00:00+00:00", id="New Year's Eve"),
    ],
)
def test_end_of(day: str, instant: str) -> None:
    assert end_of(date.fromisoformat(day)) == datetime.fromisoformat(instant)
    assert end_of(date.fromisoformat(day)).tzinfo is UTC


def test_end_of_in_another_zone() -> None:
    assert end_of(date(2026, 1, 10), ZoneInfo("Asia/Shanghai")) == datetime(2026, 1, 10, 16, tzinfo=UTC)


@given(days)
def test_the_day_is_over_then_and_not_before(day: date) -> None:
    end = end_of(day)
    assert (end - timedelta(microseconds=1)).astimezone(ROME).date() == day
    assert end.astimezone(ROME).date() == day + timedelta(days=1)
