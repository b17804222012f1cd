"""The limits of limits.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from lineaviva.keeper.orders.rules import Limits
from lineaviva.kernel.money import Money

FILE = Path(__file__).with_name("limits.toml")


@cache
def limits() -> Limits:
    """Those that hold here, read once for each process."""
    return read(FILE.read_text(encoding="utf-8"))


def read(text: str) -> Limits:
    """Limits from TOML. ValueError where one is missing, not above zero, or smaller than one for a shorter time."""
    data = tomllib.loads(text)
    try:
        first, day, week = (Money.parse(data[name]).minor for name in ("first", "day", "week"))
    except KeyError as missing:
        raise ValueError(f"limits.toml lacks {missing}") from None
    if not 0 < first <= day <= week:
        raise ValueError("limits.toml: each limit is above zero, and first <= day <= week")
    return Limits(first, day, week)
