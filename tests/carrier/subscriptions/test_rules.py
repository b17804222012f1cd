"""What extends a line, when it may be bought for, how long a plan runs."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva import rulebook
from lineaviva.carrier.subscriptions.rules import extends, first_attempt, period_end, refusal


@pytest.mark.parametrize(
    ("operator", "kind", "minor", "expected"),
    [
        ("tim", "topup", 400, True),
        ("tim", "topup", 399, False),
        ("tim", "plan", 0, True),
        ("tim", "use", 0, False),
        ("vodafone", "topup", 500, True),
        ("vodafone", "topup", 499, False),
        ("vodafone", "plan", 999, False),
        ("windtre", "plan", 999, False),
    ],
)
def test_what_extends(operator: str, kind: str, minor: int, expected: bool) -> None:
    assert extends(rulebook.operator(operator), kind, minor) is expected


@pytest.mark.parametrize(
    ("status", "phase", "code"),
    [
        ("active", "full_service", None),
        ("active", "receive_only", None),
        ("active", "unknown", None),
        ("active", "off", "line_off"),
        ("active", "free", "line_off"),
        ("suspended", "full_service", "line_suspended"),
        ("closed", "full_service", "line_closed"),
        ("closed", "free", "line_closed"),
    ],
)
def test_refusals(status: str, phase: str, code: str | None) -> None:
    found = refusal(status, phase)
    assert (found[0] if found else None) == code


# --- periods --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "months", "days", "anchor", "end"),
    [
        pytest.param(date(2026, 11, 22), 1, None, None, date(2026, 12, 22), id="a month"),
        pytest.param(date(2026, 12, 22), 1, None, 22, date(2027, 1, 22), id="into the next year"),
        pytest.param(date(2026, 11, 22), 12, None, None, date(2027, 11, 22), id="a year"),
        pytest.param(date(2026, 11, 22), None, 28, None, date(2026, 12, 20), id="28 days"),
        pytest.param(date(2026, 11, 22), None, 1, None, date(2026, 11, 23), id="a day"),
        pytest.param(date(2026, 11, 22), None, None, None, None, id="no end"),
        pytest.param(date(2027, 1, 31), 1, None, None, date(2027, 2, 28), id="31 January"),
        pytest.param(date(2027, 2, 28), 1, None, 31, date(2027, 3, 31), id="and back to the 31st"),
        pytest.param(date(2027, 3, 31), 1, None, 31, date(2027, 4, 30), id="30 April"),
        pytest.param(date(2028, 1, 31), 1, None, None, date(2028, 2, 29), id="31 January of a leap year"),
        pytest.param(date(2028, 2, 29), 1, None, 31, date(2028, 3, 31), id="and back"),
        pytest.param(date(2028, 2, 29), 12, None, 29, date(2029, 2, 28), id="29 February, a year on"),
        pytest.param(date(2031, 2, 28), 12, None, 29, date(2032, 2, 29), id="and back in the next leap year"),
        pytest.param(date(2027, 1, 30), 1, None, 30, date(2027, 2, 28), id="30 January"),
        pytest.param(date(2027, 2, 28), 1, None, 28, date(2027, 3, 28), id="a plan that began on the 28th stays there"),
    ],
)
def test_periods(start: date, months: int | None, days: int | None, anchor: int | None, end: date | None) -> None:
    assert period_end(start, months=months, days=days, anchor_day=anchor) == end


DAYS = st.dates(date(2020, 1, 1), date(2090, 12, 31))


@given(DAYS, st.integers(1, 60))
def test_month_after_month_a_plan_keeps_to_its_day(start: date, months: int) -> None:
    """However short the months between, and the same whether they are counted one by one or at once."""
    end: date | None = start
    for _ in range(months):
        assert end is not None
        before, end = end, period_end(end, months=1, days=None, anchor_day=start.day)
        assert end is not None
        assert 28 <= (end - before).days <= 31
        last_of_month = (end + timedelta(days=1)).day == 1
        assert end.day == start.day or (last_of_month and end.day < start.day)
    assert end == period_end(start, months=months, days=None)


@given(DAYS, DAYS, st.integers(0, 5))
def test_the_first_attempt_is_after_today_and_not_after_the_end(end: date, today: date, ahead: int) -> None:
    found = first_attempt(end, today, ahead)
    assert found is not None
    assert end - timedelta(days=ahead) <= found <= end
    if end > today:
        assert found > today
    assert first_attempt(None, today, ahead) is None
