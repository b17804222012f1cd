"""What a step says about its row: when to look again and which columns change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """`at` is the next look, None for never; `changes` are columns to write; `then` decides both in the transaction."""

    at: datetime | None
    changes: dict[str, Any]
    then: Callable[[Any], Outcome] | None = None


def rest(**changes: Any) -> Outcome:
    """Nobody needs to look at the row again, unless it is woken."""
    return Outcome(None, changes)


def again(at: datetime, /, **changes: Any) -> Outcome:
    """Look at the row again at `at` (aware)."""
    if at.tzinfo is None:
        raise ValueError("the next look needs an aware instant")
    return Outcome(at, changes)


def settle(then: Callable[[Any], Outcome], /, **changes: Any) -> Outcome:
    """Call `then(row)` inside the transaction that writes the outcome, the row read again and locked.

    `then` writes what else there is to write, under a savepoint of its own, and returns rest() or again(). It may be
    called twice when a transaction must be repeated, so it does nothing outside the database.
    """
    return Outcome(None, changes, then)
