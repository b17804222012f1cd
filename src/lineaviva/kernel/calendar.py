"""Terms counted in calendar months, as the Italian civil code counts them."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lineaviva.kernel.clock import ROME


def add_months(day: date, months: int) -> date:
    """The last day of a term of `months` that starts by an event on `day`; negative counts backwards.

    Art. 2963 of the civil code: the day of the event does not count, and the term ends with the day of the last month
    that has the same number; where there is none, with that month's last day.
    """
    ahead = day.year * 12 + day.month - 1 + months
    year, month = divmod(ahead, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def end_of(day: date, zone: ZoneInfo = ROME) -> datetime:
    """The first instant, in UTC, at which `day` is over in `zone`. A term that ends on `day` still runs before it."""
    return datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
