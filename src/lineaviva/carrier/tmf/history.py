"""TMF654's AccumulatedBalance and BalanceActionHistory, read only: what a line has in all, and what became of it.

A line's accumulated balances are one for money (what it owes taken off) and one for each kind of use that its plans
have. Its history is those events of the ledger that touched its credit or its debt, in the order in which they
happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, Literal, get_args

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Router

from lineaviva.carrier.ledger.models import Account, Entry, Event
from lineaviva.carrier.ledger.rules import Posting
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.carrier.tmf.buckets import CREDIT, DEBT, PLAN, UNITS, UsageType
from lineaviva.carrier.tmf.common import BALANCE, Money, Part, Quantity, Ref, Resource, dump, href
from lineaviva.carrier.tmf.lines import attach_lines, lines, of_number, plan_numbered
from lineaviva.carrier.tmf.rest import Fields, Json, Paging, Source, found, list_rows, number_of, same
from lineaviva.kernel import clock
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import NotFound

router = Router(tags=["TMF654 Prepay Balance"])
TOTAL, ACTION = "total-", "action-"


# --- what a line has in all ---------------------------------------------------------------------------------------


class Total(Part):
    """`amount` is left out where one of the buckets is without limit."""

    amount: float | None = None
    units: str


class AccumulatedBalance(Resource):
    type: str = "AccumulatedBalance"
    name: str
    description: str | None = None
    bucket: list[Ref]
    total_balance: Total
    logical_resource: Ref
    party_account: Ref


def _total(line: Subscription, usage: UsageType) -> Json:
    identity = f"{TOTAL}{line.pk}-{usage}"
    total, buckets = _money(line) if usage == "monetary" else _use(line, usage)
    resource = AccumulatedBalance(
        id=identity,
        href=href(BALANCE, "accumulatedBalance", identity),
        name=usage,
        description="without limit" if total.amount is None else None,
        bucket=[Ref(id=one, href=href(BALANCE, "bucket", one)) for one in buckets],
        total_balance=total,
        logical_resource=Ref(id=line.msisdn, name="msisdn", referred_type="MSISDN"),
        party_account=Ref(id=str(line.pk), name="prepaid"),
    )
    return dump(resource)


def _money(line: Subscription) -> tuple[Total, list[str]]:
    buckets = [f"{CREDIT}-{line.pk}", *([f"{DEBT}-{line.pk}"] if line.debt_minor else [])]
    amount = Money.of(line.credit_minor - line.debt_minor).value
    return Total(amount=amount, units=line.currency), buckets


def _use(line: Subscription, usage: UsageType) -> tuple[Total, list[str]]:
    plans: list[Plan] = line.plans  # type: ignore[attr-defined]  # _attach_plans gives it
    left = {plan.number: getattr(plan, f"{usage}_left") for plan in plans}
    unlimited = any(amount < 0 for amount in left.values())
    total = Total(amount=None if unlimited else sum(left.values()), units=UNITS[usage])
    return total, [f"{PLAN}{line.pk}-{number}-{usage}" for number in left]


def _usable(usage: UsageType, today: date) -> QuerySet[Plan]:
    """Plans whose allowance may be used today."""
    begun = Plan.objects.filter(status="active", started_on__lte=today, **{f"{usage}_left__isnull": False})
    return begun.filter(Q(paid_until=None) | Q(paid_until__gt=today))


def _attach_plans(rows: Sequence[Subscription], usage: UsageType, today: date) -> None:
    usable: dict[int, list[Plan]] = {row.pk: [] for row in rows}
    for plan in _usable(usage, today).filter(subscription_id__in=usable).order_by("subscription_id", "number"):
        usable[plan.subscription_id].append(plan)
    for row in rows:
        row.plans = usable[row.pk]  # type: ignore[attr-defined]


def _totals(usage: UsageType) -> Source:
    today = rome_date(clock.now())
    lookups: dict[str, Callable[[str], Mapping[str, Any] | None]] = {
        "id": partial(_of_total, usage=usage),
        "name": lambda value: {} if value == usage else None,
        "logicalResource.id": same("msisdn"),
    }
    if usage == "monetary":
        return Source(lines(), lookups, partial(_total, usage=usage))
    rows = lines().filter(pk__in=_usable(usage, today).order_by().values("subscription_id"))
    return Source(rows, lookups, partial(_total, usage=usage), partial(_attach_plans, usage=usage, today=today))


def _of_total(identity: str, usage: UsageType) -> dict[str, int] | None:
    pk = number_of(TOTAL, identity.removesuffix(f"-{usage}")) if identity.endswith(f"-{usage}") else None
    return {"pk": pk} if pk is not None else None


@router.get("/accumulatedBalance", response=list[AccumulatedBalance])
def accumulated_balance_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_rows(request, page, *map(_totals, get_args(UsageType)))


@router.get("/accumulatedBalance/{id}", response=AccumulatedBalance)
def accumulated_balance(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    usage: UsageType = next((usage for usage in get_args(UsageType) if id.endswith(f"-{usage}")), "monetary")
    return found(_one(_totals(usage), id), fields)


# --- what became of it --------------------------------------------------------------------------------------------


class BalanceActionHistory(Resource):
    """`amount` is what it changed in the bucket: below zero where it took credit, or added to what is owed."""

    type: str = "BalanceActionHistory"
    status: Literal["completed"] = "completed"
    amount: Quantity
    usage_type: Literal["monetary"] = "monetary"
    requested_date: datetime
    confirmation_date: datetime
    reason: str
    bucket: Ref
    logical_resource: list[Ref]
    receiver_logical_resource: Ref
    party_account: Ref


_TOUCHES = Q(debited__in=[Account.CREDIT, Account.COURTESY]) | Q(credited__in=[Account.CREDIT, Account.COURTESY])


def _actions() -> Source:
    entries = Entry.objects.filter(_TOUCHES, subscription_id=OuterRef("subscription_id"), number=OuterRef("number"))
    rows = Event.objects.filter(Exists(entries), subscription_id__in=lines().order_by().values("id"))
    lookups = {"id": plan_numbered(ACTION), "logicalResource.id": of_number, "reason": same("kind")}
    return Source(rows.order_by("subscription_id", "number"), lookups, _action, _attach_effects)


def _attach_effects(events: Sequence[Event]) -> None:
    """Give each event its line, and what it changed in credit and debt, in cents."""
    attach_lines(events)
    effects = {event.pk: [0, 0] for event in events}
    for entry in Entry.objects.filter(_within(events)) if events else []:
        posting = Posting(entry.debited, entry.credited, entry.amount_minor)
        found = effects[entry.subscription_id, entry.number]
        found[0] += posting.effect(Account.CREDIT)
        found[1] += posting.effect(Account.COURTESY)
    for event in events:
        event.effect = effects[event.pk]  # type: ignore[attr-defined]


def _within(events: Sequence[Event]) -> Q:
    found = Q()
    for event in events:
        found |= Q(subscription_id=event.subscription_id, number=event.number)
    return found


def _action(event: Event) -> Json:
    line: Subscription = event.line  # type: ignore[attr-defined]  # _attach_effects gives both
    credit, debt = event.effect  # type: ignore[attr-defined]
    identity = f"{ACTION}{event.subscription_id}-{event.number}"
    bucket = f"{CREDIT if credit else DEBT}-{line.pk}"
    number = Ref(id=line.msisdn, name="msisdn", referred_type="MSISDN")
    resource = BalanceActionHistory(
        id=identity,
        href=href(BALANCE, "balanceActionHistory", identity),
        amount=Quantity.of_money(credit or -debt, line.currency),
        requested_date=event.at,
        confirmation_date=event.at,
        reason=event.kind,
        # A debt that is paid has no bucket any more.
        bucket=Ref(id=bucket, href=href(BALANCE, "bucket", bucket) if credit or line.debt_minor else None),
        logical_resource=[number],
        receiver_logical_resource=number,
        party_account=Ref(id=str(line.pk), name="prepaid"),
    )
    return dump(resource)


@router.get("/balanceActionHistory", response=list[BalanceActionHistory])
def balance_action_history_list(request: HttpRequest, page: Paging) -> HttpResponse:
    """Line by line, each one's newest last; `logicalResource.id` asks for one line."""
    return list_rows(request, page, _actions())


@router.get("/balanceActionHistory/{id}", response=BalanceActionHistory)
def balance_action_history(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    return found(_one(_actions(), id), fields)


def _one(source: Source, identity: str) -> Json:
    """The source's resource with that id. Raises NotFound."""
    condition = source.lookups["id"](identity)
    row = source.rows.filter(**condition).first() if condition else None
    if row is None:
        raise NotFound("There is no such resource.")
    source.complete([row])
    return source.resource(row)
