"""The one way in which something is bought: decided once a reference, and written with its money in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction

from lineaviva import rulebook
from lineaviva.carrier.catalogue.models import OfferChange
from lineaviva.carrier.catalogue.queries import discount_now, offerings_on_sale
from lineaviva.carrier.catalogue.rules import Offering
from lineaviva.carrier.ledger import rules as postings
from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.ledger.models import Kind
from lineaviva.carrier.nightly.actions import plans_wake
from lineaviva.carrier.nightly.models import NoticeGiven
from lineaviva.carrier.orders.models import ServiceOrder, Status
from lineaviva.carrier.orders.ports import Screening
from lineaviva.carrier.orders.queries import order_by_reference
from lineaviva.carrier.orders.rules import NOT_SOLD, UNKNOWN_LINE, Ask, Refusal
from lineaviva.carrier.subscriptions.actions import plan_start, subscription_extend, subscription_open
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.carrier.subscriptions.queries import subscription_for_update
from lineaviva.carrier.subscriptions.rules import refusal as line_refusal
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict


def service_order_perform(
    *, ask: Ask, screening: Screening, now: datetime, tell: Callable[[ServiceOrder], object] = lambda order: None
) -> ServiceOrder:
    """Do what is asked, or write down why not; with a reference that was decided before, change nothing and give that.

    `tell` is called with an order that is new, in the transaction that writes it.

    Refusals are kept too: an order that its requester has given up after being refused must not be carried out when a
    late copy of it arrives. Raises Conflict (reference_reused) where the reference was used for something else.
    """
    try:
        with transaction.atomic():
            known = _known(ask)
            if known is not None:
                return known
            order = _decide(ask, screening, now)
            tell(order)
            return order
    except IntegrityError:
        # A copy of the same order was faster: the unique reference let only one of them through.
        known = _known(ask)
        if known is None:
            raise
        return known


def _known(ask: Ask) -> ServiceOrder | None:
    known = order_by_reference(operator=ask.operator, requester=ask.requester, reference=ask.reference)
    if known is None:
        return None
    before = (known.kind, known.msisdn, known.offering_id, known.amount_minor, _renews(known.body))
    if before != (ask.kind, ask.msisdn, ask.offering_id, ask.amount_minor, _renews(ask.body)):
        raise Conflict("This reference was used for another order.", code="reference_reused", field="externalId")
    return known


def _renews(body: Mapping[str, Any]) -> bool:
    return bool(body.get("auto_renew"))


def _decide(ask: Ask, screening: Screening, now: datetime) -> ServiceOrder:
    order = ServiceOrder(
        operator=ask.operator,
        requester=ask.requester,
        reference=ask.reference,
        kind=ask.kind,
        msisdn=ask.msisdn,
        offering_id=ask.offering_id,
        amount_minor=ask.amount_minor,
        body=ask.body,
        received_at=now,
    )
    line = _line(ask, screening, now)
    order.subscription_id = line.pk if line else None
    offering = offerings_on_sale(ask.operator, now).get(ask.offering_id)
    refused = _refusal(ask, line, offering, screening, now)
    if refused or line is None or offering is None:
        order.status, order.code, order.reason = Status.FAILED, *_facts(refused)
    else:
        _carry_out(order, line, offering, now)
    order.save(force_insert=True)
    return order


def _facts(refused: Refusal | None) -> tuple[str, str]:
    found = refused or UNKNOWN_LINE
    return found.code, found.reason


def _line(ask: Ask, screening: Screening, now: datetime) -> Subscription | None:
    line = subscription_for_update(operator=ask.operator, msisdn=ask.msisdn)
    if line is None and screening.opens(ask):
        subscription_open(operator=ask.operator, msisdn=ask.msisdn, now=now)
        line = subscription_for_update(operator=ask.operator, msisdn=ask.msisdn)
    return line


def _refusal(
    ask: Ask, line: Subscription | None, offering: Offering | None, screening: Screening, now: datetime
) -> Refusal | None:
    if line is None:
        return UNKNOWN_LINE
    if offering is None or offering.kind != ask.kind or ask.amount_minor not in (None, offering.price_minor):
        return NOT_SOLD[ask.kind]
    found = line_refusal(line.status, line.phase)
    return Refusal(*found) if found else screening.refusal(ask)


def _carry_out(order: ServiceOrder, line: Subscription, offering: Offering, now: datetime) -> None:
    off, today = discount_now(order.operator, offering, now), rome_date(now)
    is_plan = offering.kind == "plan"
    moves = postings.plan if is_plan else postings.topup
    event = event_record(
        subscription=line,
        kind=offering.kind,
        postings=moves(offering.price_minor, off),
        starts_plan=is_plan,
        offering_id=offering.id,
        now=now,
    )
    order.event_number = event.number
    if is_plan:
        order.plan_number = event.number
        plan = _start(line, event.number, offering, _renews(order.body), today)
        _tell_of_changes(line, plan, today, now)
    if offering.extends:
        subscription_extend(subscription=line, on=today)
    if not is_plan:
        credit_spend(subscription=line, today=today, now=now)
    order.status = Status.COMPLETED
    order.price_minor, order.discount_minor = offering.price_minor, off


def credit_spend(*, subscription: Subscription, today: date, now: datetime) -> None:
    """What new credit does by itself: it pays what the line owes, and then wakes what was not paid."""
    debt_pay(subscription=subscription, now=now)
    plans_wake(subscription=subscription, today=today, now=now)


def debt_pay(*, subscription: Subscription, now: datetime) -> None:
    """Take what the locked line owes from its credit, as far as that goes."""
    owed = postings.debt_payment(subscription.credit_minor, subscription.debt_minor)
    if owed:
        event_record(subscription=subscription, kind=Kind.DEBT_PAID, postings=owed, now=now)


def _start(line: Subscription, number: int, offering: Offering, auto_renew: bool, today: date) -> Plan:
    amounts = offering.allowances
    policy = rulebook.operator(line.operator).renewal_policy(offering.renewal_policy)
    return plan_start(
        subscription=line,
        number=number,
        offering_id=offering.id,
        name=offering.name,
        price_minor=offering.price_minor,
        period=(offering.period_months, offering.period_days),
        allowances={"data": amounts["data_mb"], "voice": amounts["minutes"], "sms": amounts["sms"]},
        today=today,
        auto_renew=auto_renew,
        first_attempt_days=max(policy.attempts_before_days, default=0),
    )


def _tell_of_changes(line: Subscription, plan: Plan, today: date, now: datetime) -> None:
    """Whoever buys what will change is told at once, where everybody else was told before."""
    if not plan.auto_renew:
        return
    to_come = OfferChange.objects.filter(operator=line.operator, offering_id=plan.offering_id, from_on__gt=today)
    for change in to_come.filter(pk__in=NoticeGiven.objects.values("change_id")).order_by("from_on", "pk"):
        event_record(
            subscription=line,
            kind=Kind.CHANGE_NOTICE,
            plan_number=plan.number,
            offering_id=plan.offering_id,
            until=change.from_on,
            now=now,
        )
