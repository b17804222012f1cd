"""What the night has done and has still to do, and the proof that its summary is what the ledger says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max, Min, Sum

from lineaviva.carrier.ledger.models import Entry
from lineaviva.carrier.nightly.models import Count, Shard
from lineaviva.carrier.partitions import table
from lineaviva.carrier.subscriptions.models import Plan, Subscription

# Which entries each of a count's three sums has to agree with.
_MOVES = {
    "credit_minor": (("credit", "revenue"), ("credit", "refund")),
    "debt_minor": (("courtesy", "revenue"),),
    "discount_minor": (("promotion", "revenue"),),
}


@dataclass(frozen=True, slots=True)
class Tally:
    """What nights did to an operator's lines with one outcome; cents taken from credit, owed since, given away."""

    operator: str
    outcome: str
    lines: int
    credit_minor: int
    debt_minor: int
    discount_minor: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Parts that are done through the night, and lines that had their turn in it so far."""

    parts: int
    done: int
    lines: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether a part has plans that are due, lines that are, changes that it was not told of; and whether any operator
    has listeners who want to know.
    """

    plans: bool
    lines: bool
    changes: bool
    listened: bool


def first_due(part: int) -> date | None:
    """The earliest day on which something of that part is due."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_earliest(part)}")
        return min((found for day in cursor.fetchone() if (found := _read_day(day))), default=None)


def outlook(part: int, day: date) -> Outlook:
    """What there is to do in that part on that day, in one question."""
    untold = """
        SELECT 1 FROM carrier_catalogue_offerchange c
         WHERE c.announced_on <= %s
           AND NOT EXISTS (SELECT 1 FROM carrier_nightly_noticegiven n WHERE n.part = %s AND n.change_id = c.id)
    """
    listened = "SELECT 1 FROM carrier_hub_desk WHERE look_at IS NOT NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_earliest(part)}, EXISTS ({untold}), EXISTS ({listened})",
            [day.isoformat(), part],
        )
        plan, line, *flags = cursor.fetchone()
    due = [found is not None and found <= day for found in map(_read_day, (plan, line))]
    return Outlook(*due, *map(bool, flags))


def _earliest(part: int) -> str:
    """Two columns: the earliest days of that part's plans and of its lines."""
    plans = f"SELECT MIN(due_on) FROM {table(Plan, part)} WHERE due_on IS NOT NULL"  # noqa: S608 - names of ours
    lines = f"SELECT MIN(look_on) FROM {table(Subscription, part)} WHERE look_on IS NOT NULL"  # noqa: S608 - as above
    return f"({plans}), ({lines})"


def _read_day(value: Any) -> date | None:
    """A day as the database at hand gives it."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def due_count(as_of: date) -> int:
    """How many plans and lines the night has to look at; some of them more than once, where nights were missed."""
    plans = Plan.objects.filter(due_on__lte=as_of).count()
    return plans + Subscription.objects.filter(look_on__lte=as_of).count()


def progress(since: date, as_of: date) -> Progress:
    lines = Count.objects.filter(day__gte=since, day__lte=as_of).aggregate(Sum("lines"))["lines__sum"]
    done = Shard.objects.filter(done_through__gte=as_of).count()
    return Progress(parts=Shard.objects.count(), done=done, lines=int(lines or 0))


def first_undone(as_of: date) -> date | None:
    """The earliest night, up to `as_of`, that is not done in every part; None where `as_of` itself is."""
    behind = Shard.objects.exclude(done_through__gte=as_of)
    if not behind.exists():
        return None
    never = behind.filter(done_through=None)
    if never.exists():
        days = [first_due(part) for part in never.values_list("part", flat=True)]
        return min([as_of, *(day for day in days if day)])
    earliest: date = behind.aggregate(Min("done_through"))["done_through__min"]
    return earliest + timedelta(days=1)


def done_through() -> date | None:
    """The latest night that any part was brought to."""
    found: date | None = Shard.objects.aggregate(Max("done_through"))["done_through__max"]
    return found


def tallies(since: date, as_of: date) -> list[Tally]:
    """What the nights from `since` to `as_of` did, by operator and outcome."""
    rows = Count.objects.filter(day__gte=since, day__lte=as_of).values("operator", "outcome")
    summed = rows.annotate(
        n=Sum("lines"), credit=Sum("credit_minor"), debt=Sum("debt_minor"), discount=Sum("discount_minor")
    )
    return [
        Tally(row["operator"], row["outcome"], row["n"], row["credit"], row["debt"], row["discount"])
        for row in summed.order_by("operator", "outcome")
    ]


def stuck_count(night: date) -> int:
    """Plans and lines that could not be dealt with on that night."""
    rows = Count.objects.filter(day=night, outcome="stuck")
    return int(rows.aggregate(Sum("lines"))["lines__sum"] or 0)


def ledger_sums(since: date, as_of: date) -> dict[str, int]:
    """The same three sums as the ledger has them: entries that nights booked on those days."""
    rows = Entry.objects.filter(origin="night", booked_on__gte=since, booked_on__lte=as_of)
    moved = {
        (row["debited"], row["credited"]): int(row["minor"])
        for row in rows.values("debited", "credited").annotate(minor=Sum("amount_minor"))
    }
    return {name: sum(moved.get(pair, 0) for pair in pairs) for name, pairs in _MOVES.items()}
