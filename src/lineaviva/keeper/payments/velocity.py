"""How much may be paid within a time: the figures of velocity.toml, and the reckoning, which is pure."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from lineaviva.keeper.orders.rules import DAY, Ordered, amount_reached
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

FILE = Path(__file__).with_name("velocity.toml")
HOUR = timedelta(hours=1)
# What a bank says of a card that somebody tries out. What the provider itself could not do is nobody's fault.
DECLINED = frozenset(
    {"card_declined", "insufficient_funds", "expired_card", "card_number_wrong", "not_confirmed", "instrument_declined"}
)

Whose = Literal["account", "number", "card"]
Which = Literal["day", "week", "declined", "begun", "new_numbers"]


@dataclass(frozen=True)
class Velocity:
    """The most of everything: amounts in minor units of EUR, else how many."""

    providers: frozenset[str]
    account_day: int
    account_week: int
    account_declined: int
    account_begun: int
    number_declined: int
    card_day: int
    card_week: int
    card_declined: int
    card_new_numbers: int


@dataclass(frozen=True)
class Full:
    """The limit that another payment would pass. `until`: when there is room for it; None: not by waiting."""

    whose: Whose
    which: Which
    most: int
    until: datetime | None = None


def velocity(file: str = "") -> Velocity:
    """The figures of `file`, else those of this program; read once for each process."""
    return _kept(Path(file) if file else FILE)


@lru_cache(maxsize=4)
def _kept(file: Path) -> Velocity:
    return read(file.read_text(encoding="utf-8"))


def read(text: str) -> Velocity:
    """Figures from TOML. ValueError where one is missing, not above zero, or smaller than one for a shorter time."""
    data = tomllib.loads(text)
    try:
        account, card = (_amounts(data[name]) for name in ("account", "card"))
        counts = [data["account"]["declined"], data["account"]["begun"], data["number"]["declined"]]
        counts += [data["card"]["declined"], data["card"]["new_numbers"]]
        providers = frozenset(str(name) for name in data["providers"])
    except KeyError as missing:
        raise ValueError(f"payment limits lack {missing}") from None
    except (TypeError, InvalidInput) as wrong:
        raise ValueError(f"payment limits: {wrong}") from None
    if any(not isinstance(count, int) or count < 1 for count in counts):
        raise ValueError("payment limits: how often is a whole number above zero")
    return Velocity(
        providers=providers,
        account_day=account[0],
        account_week=account[1],
        account_declined=counts[0],
        account_begun=counts[1],
        number_declined=counts[2],
        card_day=card[0],
        card_week=card[1],
        card_declined=counts[3],
        card_new_numbers=counts[4],
    )


def _amounts(section: Mapping[str, Any]) -> tuple[int, int]:
    day, week = (Money.parse(section[name]).minor for name in ("day", "week"))
    if not 0 < day <= week:
        raise ValueError("payment limits: each amount is above zero, and day <= week")
    return day, week


@dataclass(frozen=True)
class Tried:
    """An attempt of the past: `live` where it has paid, or still may, and nothing came back of it.

    `minor` is 0 for an amount in another currency than EUR, which is not limited.
    """

    number: str
    minor: int
    begun: datetime
    ended: datetime | None = None
    live: bool = False
    declined: bool = False


def amounts_full(
    minor: int, tried: Sequence[Tried], *, whose: Whose, day: int, week: int, now: datetime
) -> Full | None:
    """Whether `minor` more is too much after what was paid."""
    paid = [Ordered(one.minor, one.begun) for one in tried if one.live]
    found = amount_reached(minor, paid, day=day, week=week, now=now)
    return Full(whose, "week" if found.which == "week" else "day", found.most, found.until) if found else None


def declined_full(tried: Sequence[Tried], *, whose: Whose, most: int, now: datetime) -> Full | None:
    """Whether so many attempts were declined within an hour that another one has to wait.

    That of an open attempt counts from when it was begun: its payer sits before the page with a card that was refused.
    """
    until = _room([one.ended or one.begun for one in tried if one.declined], most, HOUR, now)
    return Full(whose, "declined", most, until) if until else None


def begun_full(tried: Sequence[Tried], *, most: int, now: datetime) -> Full | None:
    """Whether one account has begun so many attempts within an hour that another one has to wait."""
    until = _room([one.begun for one in tried], most, HOUR, now)
    return Full("account", "begun", most, until) if until else None


def numbers_full(tried: Sequence[Tried], known: Collection[str], *, most: int, now: datetime) -> Full | None:
    """Whether a card may not pay for one more new number after what it paid for; `known` are those that are not new."""
    last = {one.number: one.begun for one in sorted(tried, key=lambda one: one.begun) if one.live}
    until = _room([at for number, at in last.items() if number not in known], most, DAY, now)
    return Full("card", "new_numbers", most, until) if until else None


def _room(times: Sequence[datetime], most: int, span: timedelta, now: datetime) -> datetime | None:
    """When less than `most` of these lie within the span again; None: they do now."""
    within = sorted(at for at in times if at > now - span)
    return within[-most] + span if len(within) >= most else None
