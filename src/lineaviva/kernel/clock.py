"""Time comes from here and nowhere else.

Rules and actions take `now` as an argument; the doors (pages, commands, worker) read it once from `now()`. Tests and
the demo put another clock in place with `use`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

ROME = ZoneInfo("Europe/Rome")


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock, moved by LINEAVIVA_CLOCK (an ISO instant at which the process is to believe it starts)."""

    def __init__(self, start: str = "") -> None:
        self._offset = datetime.fromisoformat(start).astimezone(UTC) - datetime.now(UTC) if start else timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset


class FrozenClock:
    """Stands still until told to move."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def move_to(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._at += by


_clock: Clock = SystemClock(os.environ.get("LINEAVIVA_CLOCK", ""))


def now() -> datetime:
    """The present instant by the clock in use."""
    return _clock.now()


def rome_date(instant: datetime) -> date:
    """The calendar day in Europe/Rome at `instant`; Italian deadlines are counted in that zone."""
    return instant.astimezone(ROME).date()


@contextmanager
def use(clock: Clock) -> Iterator[Clock]:
    """Put `clock` in place for the length of a `with` block."""
    global _clock
    before, _clock = _clock, clock
    try:
        yield clock
    finally:
        _clock = before
