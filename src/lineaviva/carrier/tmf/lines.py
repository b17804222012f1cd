"""What several resources need of a line: its rows for the caller's operator, the ids of its plans, midnight in Rome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from django.db.models import QuerySet

from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.carrier.tmf.door import operator
from lineaviva.carrier.tmf.rest import number_of
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.errors import NotFound


def lines() -> QuerySet[Subscription]:
    return Subscription.objects.filter(operator=operator()).order_by("id")


def plans() -> QuerySet[Plan]:
    """The plans of the operator's lines."""
    rows = Plan.objects.filter(subscription_id__in=lines().order_by().values("id"))
    return rows.order_by("subscription_id", "number")


def of_number(msisdn: str) -> Mapping[str, Any]:
    """The condition of rows that belong to the line that has the number."""
    return {"subscription_id__in": lines().order_by().filter(msisdn=msisdn).values("id")}


def attach_lines(rows: Sequence[Any]) -> None:
    """Give each row its line as `line` (None where it has none), read at once for all."""
    wanted = {row.subscription_id for row in rows} - {None}
    known = Subscription.objects.in_bulk(wanted)
    for row in rows:
        row.line = known.get(row.subscription_id)


def plan_numbered(prefix: str, suffix: str = "") -> Callable[[str], Mapping[str, Any] | None]:
    """The lookup of an `id` such as plan-12-3: the third event of line 12 started it."""

    def lookup(identity: str) -> Mapping[str, Any] | None:
        line, dash, number = identity.removesuffix(suffix).removeprefix(prefix).partition("-")
        found = number_of("", line), number_of("", number)
        if not (dash and identity.startswith(prefix) and identity.endswith(suffix)) or None in found:
            return None
        return {"subscription_id": found[0], "number": found[1]}

    return lookup


def plan_or_404(condition: Mapping[str, Any] | None, has: str = "number") -> Plan:
    """The plan with its line, if it has a value in that column. Raises NotFound."""
    plan = plans().filter(**condition, **{f"{has}__isnull": False}).first() if condition else None
    if plan is None:
        raise NotFound("There is no such resource.")
    attach_lines([plan])
    return plan


def midnight(day: date) -> datetime:
    """When the day begins in Rome."""
    return datetime.combine(day, time(), ROME)


def midnight_or_none(day: date | None) -> datetime | None:
    return midnight(day) if day else None
