"""A provider that lists whatever a test has written down for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from lineaviva.keeper.payments.ports import Asked, Movement
from lineaviva.kernel.errors import Temporary
from lineaviva.kernel.money import Money


class Listed:
    """Only what reconciliation asks of a provider."""

    configured = True
    reconciles = True
    polled = False
    lines: ClassVar[list[Movement]] = []
    asked: ClassVar[list[date]] = []
    away: ClassVar[bool] = False

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        self.asked.append(day)
        if Listed.away:
            raise Temporary("away")
        return [line for line in self.lines if line.at.astimezone(UTC).date() == day]


def lists(kind: Any, minor: int, at: datetime, *, fee: int = 0, ref: str = "", key: str = "", eur: str = "EUR") -> str:
    """One more line of the provider's list; its name."""
    name = f"txn_{len(Listed.lines) + 1}"
    Listed.lines.append(Movement(kind, name, ref, Money(minor, eur), Money(fee, eur), at, key))
    return name
