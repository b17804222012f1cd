"""What an order may become, and how its code is made and read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

# How long an order waits for its money. A cash code is good for as long, counted from when it is given out.
LIFE = timedelta(hours=48)

# The whole life of an order: a state, and the states it may go to. What is not here cannot happen.
TRANSITIONS: dict[str, frozenset[str]] = {
    "placed": frozenset({"paid", "expired", "cancelled"}),
    "paid": frozenset({"active", "failed"}),
    "active": frozenset(),
    "failed": frozenset({"refunded"}),
    "refunded": frozenset(),
    "expired": frozenset(),
    "cancelled": frozenset(),
}

# Italian, English and Chinese speakers write these down and read them aloud over a counter. Of each group that looks
# alike on paper (0OQD, 1I7T, 2Z, 3E, 4A, 5S, 6GB9, 8B, UVW, MN, 4Y) or sounds alike in one of the three languages (bi
# ci di e gi pi ti vi, effe-esse, emme-enne, A-H-8, I-Y, the Chinese 1-7, 6-9, 2-R and L-R) at most one is left.
DIGITS, LETTERS = "235678", "FKLMPWY"
ALPHABET = DIGITS + LETTERS
CODE_LENGTH = 8
# What a person surely meant who types a letter that is not in the alphabet; where it could be two, nothing is guessed.
_MISREAD = str.maketrans({"Z": "2", "E": "3", "S": "5", "G": "6", "B": "8", "N": "M", "R": "L"})
_SEPARATORS = re.compile(r"[\s\-–—.·_]+")

Move = Literal["go", "already", "never"]
DAY, WEEK = timedelta(hours=24), timedelta(days=7)


def move(state: str, target: str) -> Move:
    """Whether an order in `state` goes to `target` now, has been there already, or never gets there any more."""
    if target in TRANSITIONS[state]:
        return "go"
    return "already" if state in _from(target) else "never"


def _from(state: str) -> set[str]:
    """`state` and everything that comes after it."""
    return {state}.union(*(_from(after) for after in TRANSITIONS[state]))


def expires_at(placed_at: datetime) -> datetime:
    return placed_at + LIFE


def code_make(choose: Callable[[Sequence[str]], str]) -> str:
    """A new code of eight characters; `choose` picks one of a sequence (`secrets.choice`).

    Each group of four begins with a letter, so that no spreadsheet and no log filter takes a code for a number.
    """
    return "".join(choose(LETTERS if place % 4 == 0 else ALPHABET) for place in range(CODE_LENGTH))


def code_read(text: str) -> str:
    """The code as typed by a person: in any case, with spaces or dashes, with letters that are taken for others.

    Returns "" where it cannot be a code.
    """
    code = _SEPARATORS.sub("", text).upper().translate(_MISREAD)
    return code if len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) else ""


def code_grouped(code: str) -> str:
    """The code in two groups of four, as it is printed and read aloud: K2M7-F5PW."""
    return f"{code[:4]}-{code[4:]}"


# --- how much for one number --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """The most that may be ordered for one number, in minor units of EUR: before its first success, a day, a week."""

    first: int
    day: int
    week: int


@dataclass(frozen=True)
class Ordered:
    """An order for the number that counts: it waits for its money, is paid, or is active."""

    minor: int
    at: datetime


@dataclass(frozen=True)
class Reached:
    """The limit that another order would pass. `until`: when there is room for it; None: not by waiting."""

    which: Literal["first", "day", "week"]
    most: int
    until: datetime | None = None


def limit_reached(
    minor: int, ordered: Sequence[Ordered], *, known: bool, limits: Limits, now: datetime
) -> Reached | None:
    """Whether an order of `minor` more is too much. `known`: an order for this number has become active before."""
    if not known and minor + sum(one.minor for one in ordered) > limits.first:
        return Reached("first", limits.first)
    return amount_reached(minor, ordered, day=limits.day, week=limits.week, now=now)


def amount_reached(minor: int, ordered: Sequence[Ordered], *, day: int, week: int, now: datetime) -> Reached | None:
    """Whether `minor` more than what was `ordered` is more than `week` within 7 days, or `day` within 24 hours."""
    spans: list[tuple[Literal["day", "week"], int, timedelta]] = [("week", week, WEEK), ("day", day, DAY)]
    for which, most, span in spans:
        within = sorted((one for one in ordered if one.at > now - span), key=lambda one: one.at)
        over = minor + sum(one.minor for one in within) - most
        if over > 0:
            return Reached(which, most, _room_at(over, within, span))
    return None


def _room_at(over: int, within: Sequence[Ordered], span: timedelta) -> datetime | None:
    """When enough of what was ordered lies longer ago than `span`."""
    for one in within:
        over -= one.minor
        if over <= 0:
            return one.at + span
    return None
