"""Lines, plans and offers of a night, made so that the books balance from the start; and all that it may change."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from lineaviva.carrier.catalogue.models import OfferChange, OwnPlan
from lineaviva.carrier.ledger import rules as postings
from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.ledger.models import Entry, Event
from lineaviva.carrier.ledger.rules import Posting
from lineaviva.carrier.nightly.models import Count, NoticeGiven, Shard
from lineaviva.carrier.orders.queries import books_audit
from lineaviva.carrier.partitions import PARTS, parts
from lineaviva.carrier.subscriptions.models import Number, Plan, Subscription
from lineaviva.carrier.subscriptions.queries import operators
from lineaviva.cli.carrier_nightly import run_night
from lineaviva.kernel import clock
from lineaviva.kernel.clock import ROME, FrozenClock

NIGHT = date(2026, 11, 22)
LONG_AGO = datetime(2026, 1, 1, 10, tzinfo=ROME)
_numbers = itertools.count(1)


def day(days: int) -> date:
    """So many days after the night; before it where below zero."""
    return NIGHT + timedelta(days=days)


def offer(operator: str = "tim", key: str = "base", price: int = 799, **columns: Any) -> str:
    """A plan that the operator sells, by the month unless told otherwise; its id."""
    period: dict[str, Any] = {} if "period_days" in columns else {"period_months": 1}
    made = OwnPlan.objects.create(
        operator=operator,
        offering_id=f"{operator}-{key}",
        name=key,
        price_minor=price,
        **{**period, "data_mb": 50_000, "minutes": -1, "sms": 200, **columns},
    )
    return made.offering_id


def line(operator: str = "tim", *, credit: int = 0, debt: int = 0, **columns: Any) -> Subscription:
    """A line in full service for a long time yet, with that credit and courtesy debt."""
    msisdn = f"+39347{next(_numbers):07d}"
    made = Subscription.objects.create(
        **{
            "operator": operator,
            "msisdn": msisdn,
            "phase": "full_service",
            "extended_on": day(-60),
            "full_service_until": day(300),
            "receive_only_until": day(330),
            "number_kept_until": day(690),
            "look_on": day(266),
            "opened_at": LONG_AGO,
            **columns,
        }
    )
    Number.objects.create(operator=operator, msisdn=msisdn, subscription_id=made.pk)
    if credit:
        _record(made, "adjusted", postings.adjustment(credit))
    if debt:
        owe(made, debt)
    return made


def plan(line: Subscription, offered: str = "tim-base", **columns: Any) -> Plan:
    """A plan of 7.99 that renews by itself, paid until the night, half used up."""
    event = event_record(
        subscription=line, kind="opened", now=LONG_AGO, origin="staff", starts_plan=True, offering_id=offered
    )
    paid_until = columns.get("paid_until", NIGHT)
    return Plan.objects.create(
        **{
            "subscription_id": line.pk,
            "number": event.number,
            "offering_id": offered,
            "name": "base",
            "price_minor": 799,
            "auto_renew": True,
            "started_on": paid_until - timedelta(days=31),
            "paid_until": paid_until,
            "due_on": paid_until,
            "anchor_day": paid_until.day,
            "data_left": 1200,
            "voice_left": -1,
            "sms_left": 34,
            **columns,
        }
    )


def owe(line: Subscription, debt: int) -> None:
    """Have the line owe that much more."""
    _record(line, "courtesy", [Posting("courtesy", "revenue", debt)])


def forgive(line: Subscription) -> None:
    """What the line owes is given to it."""
    line.refresh_from_db()
    _record(line, "adjusted", [Posting("promotion", "courtesy", line.debt_minor)])


def rename(line: Subscription) -> None:
    """Its number follows the line to another operator."""
    Number.objects.filter(subscription_id=line.pk).update(operator=line.operator)


def lease_over() -> None:
    """Whoever had a part has gone, and so long ago that anybody may take it."""
    Shard.objects.exclude(holder="").update(holder="gone", lease_until=datetime(2000, 1, 1, tzinfo=ROME))


def _record(line: Subscription, kind: str, moved: list[Posting]) -> Event:
    return event_record(subscription=line, kind=kind, now=LONG_AGO, origin="staff", postings=moved)


def change(offering_id: str, kind: str = "price", **columns: Any) -> OfferChange:
    """One that was announced ten weeks ago, of which every part was told then, and that is in force."""
    given = columns.pop("given", day(-70))
    made = OfferChange.objects.create(
        operator=offering_id.partition("-")[0],
        offering_id=offering_id,
        kind=kind,
        **{"announced_on": day(-70), "from_on": day(-20), **columns},
    )
    if given:
        NoticeGiven.objects.bulk_create([NoticeGiven(part=part, change_id=made.pk, on=given) for part in parts()])
    return made


def night(of: date = NIGHT, *, on: date | None = None, batch: int = 100) -> dict[str, Any]:
    """The night of that day, run at two in the morning of that day or of `on`; its summary."""
    with clock.use(FrozenClock(at(on or of))):
        return run_night(of, workers=1, batch=batch)


def at(of: date) -> datetime:
    return datetime.combine(of, time(2), ROME)


def outcomes(summary: dict[str, Any]) -> dict[str, int]:
    """Lines by operator and outcome."""
    return {f"{one['operator']} {one['outcome']}": one["lines"] for one in summary["outcomes"]}


def events(line: Subscription, after: int = 0) -> list[tuple[str, int]]:
    """Kind and cents of what happened to the line at night, in order."""
    rows = Event.objects.filter(subscription_id=line.pk, origin="night", number__gt=after).order_by("number")
    return list(rows.values_list("kind", "amount_minor"))


def moved(line: Subscription) -> list[tuple[str, str, int]]:
    """What nights booked: debited, credited, cents."""
    rows = Entry.objects.filter(subscription_id=line.pk, origin="night").order_by("number", "leg")
    return list(rows.values_list("debited", "credited", "amount_minor"))


def row(plan: Plan) -> dict[str, Any]:
    """All that is written of the plan."""
    return dict(Plan.objects.values().get(subscription_id=plan.subscription_id, number=plan.number))


def money(line: Subscription) -> tuple[int, int]:
    """Credit and courtesy debt, in cents."""
    line.refresh_from_db()
    return line.credit_minor, line.debt_minor


def problems() -> list[str]:
    """What the audits of all operators find."""
    return [problem for operator in operators() for problem in books_audit(operator).problems]


# --- everything that a night may change -----------------------------------------------------------------------------

_STAMPS = frozenset({"id", "at", "opened_at"})
NOTICES = frozenset({"suspension_noticed_on", "loss_noticed_on"})


def state(without: frozenset[str] = frozenset()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the operator's, without what a clock or a sequence makes of it."""
    models: tuple[type[Model], ...] = (Subscription, Number, Plan, Event, Entry, Count, NoticeGiven)
    return {model.__name__: _rows(model, _STAMPS | without) for model in models}


def _rows(model: type[Model], without: frozenset[str]) -> list[tuple[Any, ...]]:
    names = [field.name for field in model._meta.concrete_fields if field.name not in without]
    if model is Subscription:
        names.append("id")
    rows = model._default_manager.values_list(*(name for name in names if name != "pk"))
    return sorted(rows, key=repr)


def other_than(expected: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[str, Any]]]:
    """Rows that are there and should not be (+), or should be and are not (-)."""
    found = {}
    for name, rows in state().items():
        wrong = [("+", row) for row in rows if row not in expected[name]]
        wrong += [("-", row) for row in expected[name] if row not in rows]
        if wrong:
            found[name] = wrong
    return found


@contextmanager
def rolled_back() -> Iterator[None]:
    """What is done within is undone at its end: a world that is made once is used many times."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def in_part(part: int, many: int) -> list[int]:
    """Ids of lines that stand in that part."""
    if connection.vendor != "postgresql":
        return list(range(1001, 1001 + many))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n FROM generate_series(1001::bigint, 9999) n WHERE satisfies_hash_partition("
            "'carrier_subscriptions_subscription'::regclass, %s, %s, n) ORDER BY n LIMIT %s",
            [PARTS, part, many],
        )
        return [row[0] for row in cursor.fetchall()]
