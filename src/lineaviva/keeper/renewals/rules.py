"""Pure: on which days an automatic renewal tells its holder, charges and tries again, and how much it may charge.

The charge lies a few days before the line's date, and never on a public holiday: banks, shops and help lines rest. In
the two weeks around Ferragosto half of Italy is away, so what would fall there is charged at the end of July. The
holder always hears of it two days before; where there is no time for that, nothing is charged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from lineaviva.kernel.money import Money

LEAD_DAYS = 7
SHORTEST_LEAD, LONGEST_LEAD = 3, 30
NOTICE = timedelta(days=2)
# Days after the first charge on which a charge that failed is tried again.
RETRIES = (1, 3, 5)

# A run's whole life. A new notice is due (announced -> planned) where the price rose after the first one; between two
# tries it stands announced again (charging -> announced); what was skipped is planned again where its reason is gone.
TRANSITIONS: dict[str, frozenset[str]] = {
    "planned": frozenset({"announced", "stopped", "skipped"}),
    "announced": frozenset({"planned", "charging", "failed", "stopped", "skipped"}),
    "charging": frozenset({"announced", "done", "failed", "skipped"}),
    "done": frozenset(),
    "failed": frozenset(),
    "stopped": frozenset(),
    "skipped": frozenset({"planned"}),
}
ENDED = frozenset({"done", "failed", "stopped", "skipped"})

StepKind = Literal["notice", "charge", "retry", "deadline"]


def moves(state: str, target: str) -> bool:
    """Whether a run in `state` may become `target`."""
    return target in TRANSITIONS[state]


# --- days -----------------------------------------------------------------------------------------------------------

_DAY = timedelta(days=1)
# Law 260/1949 as it stands: DPR 792/1985 (6 January), law 336/2000 (2 June), law 151/2025 (4 October, from 2026 on).
_FIXED = ((1, 1), (1, 6), (4, 25), (5, 1), (6, 2), (8, 15), (11, 1), (12, 8), (12, 25), (12, 26))
_SAINT_FRANCIS, _SAINT_FRANCIS_FROM = (10, 4), 2026
_AWAY_FROM, _AWAY_UNTIL, _BEFORE_AWAY = (8, 8), (8, 20), (7, 31)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, from 1583 on (the method of Meeus, Jones and Butcher)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    leap, correction = divmod(century, 4)
    moon = (19 * golden + century - leap - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * correction + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
    """The public holidays of all Italy, beside Sundays."""
    fixed = [*_FIXED, *([_SAINT_FRANCIS] if year >= _SAINT_FRANCIS_FROM else [])]
    sunday = easter(year)
    return frozenset([date(year, *day) for day in fixed] + [sunday, sunday + _DAY])


def is_holiday(day: date) -> bool:
    return day in holidays(day.year)


def brought_forward(day: date) -> date:
    """`day`, or the last good day before it: no public holiday, and not in the weeks around Ferragosto."""
    if date(day.year, *_AWAY_FROM) <= day <= date(day.year, *_AWAY_UNTIL):
        day = date(day.year, *_BEFORE_AWAY)
    while is_holiday(day):
        day -= _DAY
    return day


def _put_off(day: date, latest: date) -> date | None:
    """`day`, or the first day after it that is no public holiday; None where that is later than `latest`."""
    while is_holiday(day):
        day += _DAY
    return day if day <= latest else None


# --- the plan -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """The days of one renewal. `deadline` is the last day of what the line would lose."""

    notice_on: date
    charge_on: date
    deadline: date


def plan(*, deadline: date, lead_days: int, today: date, urgent: bool = False) -> Plan | None:
    """When to tell and when to charge; None where the holder could not hear of it two days before.

    `urgent`: the line does not work fully any more, so it is charged as soon as the notice allows. The same where the
    day of the charge or of its notice has passed already: then it is the next day that is no holiday, up to the last
    day before the deadline, else the first possible day even if it is one.
    """
    charge = brought_forward(deadline - timedelta(days=lead_days))
    soonest = today + NOTICE
    if not urgent and charge >= soonest:
        return Plan(charge - NOTICE, charge, deadline)
    if soonest > deadline:
        return None
    late = _put_off(soonest, deadline - _DAY) or soonest
    return Plan(late - NOTICE, late, deadline)


def charge_day(planned: date, *, told_on: date, deadline: date) -> date | None:
    """The day of the charge where the notice went out on `told_on`: a late notice puts it off; None: past the date."""
    day = max(planned, told_on + NOTICE)
    return day if day <= deadline else None


def retries(charge_on: date, deadline: date) -> list[date]:
    """The days on which a charge that failed on `charge_on` is tried again, all before the deadline's day."""
    found: list[date] = []
    for days in RETRIES:
        day = max([charge_on + timedelta(days=days), *(last + _DAY for last in found[-1:])])
        good = _put_off(day, deadline - _DAY)
        if good is None:
            break
        found.append(good)
    return found


def next_retry(charge_on: date, deadline: date, *, today: date) -> date | None:
    """The next day on which to try again after a failure `today`; None where there is no more."""
    return next((day for day in retries(charge_on, deadline) if day > today), None)


# --- the amount -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """What one renewal costs. `allowed` False: it is more than its holder agreed to, and nothing may be charged."""

    amount: Money
    allowed: bool


def due(*, price: Money, ceiling: Money, debt: Money | None = None, credit: Money | None = None) -> Due:
    """Only what is missing: the price and the known debt, less the credit; never below zero.

    `debt` and `credit` None: not known, or nothing. Raises ValueError where currencies differ.
    """
    nothing = Money(0, price.currency)
    missing = max(price + (debt or nothing) - (credit or nothing), nothing)
    return Due(missing, missing <= ceiling)


def enough(missing: Money, prices: Sequence[Money]) -> Money | None:
    """Of what can be bought the smallest that covers `missing`; None where nothing does."""
    return min((price for price in prices if price >= missing), default=None)


# --- what will happen next ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that will happen by itself on a day. `amount` is what a charge would take at most."""

    kind: StepKind
    on: date
    amount: Money | None = None


def steps(
    found: Plan, *, state: str, amount: Money | None, today: date, charge_on: date | None, again: bool = True
) -> list[Step]:
    """What is still to come of a run in `state` from `today` on, in order; of an ended run nothing.

    `found.charge_on` is the day of the first charge, `charge_on` that of the next; None: it would come after the date.
    What was due before today comes today. The tries after it are there because they will happen if it fails; `again`
    False: there will be none.
    """
    if state in ENDED:
        return []
    return [*_coming(found, state, amount, today, charge_on, again), Step("deadline", found.deadline)]


def _coming(
    found: Plan, state: str, amount: Money | None, today: date, charge_on: date | None, again: bool
) -> Iterator[Step]:
    if state == "planned":
        yield Step("notice", max(found.notice_on, today))
    last = today
    if state in {"planned", "announced"}:
        if charge_on is None:
            return
        last = max(charge_on, today)
        yield Step("charge", last, amount)
    for day in retries(found.charge_on, found.deadline) if again else ():
        if day > last:
            yield Step("retry", day, amount)
