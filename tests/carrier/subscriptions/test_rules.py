"""What extends a line, when it may be bought for, how long a plan runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva import rulebook
from lineaviva.carrier.subscriptions.rules import extends, plan_period, refusal
from lineaviva.kernel.clock import ROME


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
    ("status", "state", "code"),
    [
        ("active", "full_service", None),
        ("active", "receive_only", None),
        ("active", "unknown", None),
        ("active", "off_recoverable", "line_off"),
        ("active", "lost", "line_off"),
        ("suspended", "full_service", "line_suspended"),
        ("closed", "full_service", "line_closed"),
    ],
)
def test_refusals(status: str, state: str, code: str | None) -> None:
    found = refusal(status, state)
    assert (found[0] if found else None) == code


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=ROME)


@pytest.mark.parametrize(
    ("now", "running_until", "months", "days", "start", "end"),
    [
        pytest.param(at(2026, 11, 22, 12), None, 1, None, at(2026, 11, 22, 12), at(2026, 12, 22), id="a month"),
        pytest.param(at(2026, 1, 31, 9), None, 1, None, at(2026, 1, 31, 9), at(2026, 2, 28), id="end of month"),
        pytest.param(at(2026, 3, 1, 12), None, 1, None, at(2026, 3, 1, 12), at(2026, 4, 1), id="into summer time"),
        pytest.param(at(2026, 11, 22, 12), None, None, 28, at(2026, 11, 22, 12), at(2026, 12, 20), id="28 days"),
        pytest.param(at(2026, 11, 22, 12), None, None, None, at(2026, 11, 22, 12), None, id="no end"),
        pytest.param(
            at(2026, 11, 22, 12), at(2026, 12, 1), 1, None, at(2026, 12, 1), at(2027, 1, 1), id="renewed early"
        ),
        pytest.param(
            at(2026, 11, 22, 12), at(2026, 11, 1), 1, None, at(2026, 11, 22, 12), at(2026, 12, 22), id="renewed late"
        ),
        # Half past midnight in Rome is the day before in UTC: the day counts where the line is.
        pytest.param(
            datetime(2026, 11, 21, 23, 30, tzinfo=UTC), None, 1, None,
            datetime(2026, 11, 21, 23, 30, tzinfo=UTC), at(2026, 12, 22), id="just after midnight",
        ),
    ],
)  # fmt: skip
def test_plan_periods(
    now: datetime, running_until: datetime | None, months: int | None, days: int | None, start: datetime, end: datetime
) -> None:
    assert plan_period(now=now, running_until=running_until, months=months, days=days) == (start, end)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants them bare
    st.integers(min_value=1, max_value=24),
)
def test_a_period_is_never_shorter_than_its_months_less_a_day(now: datetime, months: int) -> None:
    start, end = plan_period(now=now, running_until=None, months=months, days=None)
    assert start == now
    assert end is not None
    assert end - start > timedelta(days=28 * months - 1)
    assert end.astimezone(ROME).hour == 0
