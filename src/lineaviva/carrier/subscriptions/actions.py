"""Writes of subscriptions. Those that change a line expect it locked by the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from django.db import transaction

from lineaviva import rulebook
from lineaviva.carrier.subscriptions import rules
from lineaviva.carrier.subscriptions.models import Bucket, Plan, Subscription, UsageType
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.phone import parse_msisdn
from lineaviva.rulebook.deadlines import deadlines


@transaction.atomic
def subscription_open(
    *, operator: str, msisdn: str, now: datetime, extended_on: date | None = None
) -> tuple[Subscription, bool]:
    """The subscription of that number, and whether it is new; the second time changes nothing.

    `extended_on` is the day of the last event that extends the line; without it its dates are not known.
    Raises InvalidInput (msisdn_invalid, day_to_come) and NotFound (operator_unknown).
    """
    rulebook.operator(operator)
    if extended_on is not None and extended_on > rome_date(now):
        raise InvalidInput("That day is still to come.", code="day_to_come", field="extended_on")
    subscription, is_new = Subscription.objects.get_or_create(
        operator=operator, msisdn=parse_msisdn(msisdn), defaults={"opened_at": now}
    )
    if is_new and extended_on is not None:
        subscription_extend(subscription=subscription, on=extended_on)
    return subscription, is_new


def subscription_extend(*, subscription: Subscription, on: date) -> None:
    """Count the line's dates from `on`, unless a later event counts already."""
    if subscription.extended_on is not None and subscription.extended_on >= on:
        return
    found = deadlines(operator=rulebook.operator(subscription.operator), last_event=on, as_of=on)
    subscription.extended_on = on
    subscription.full_service_until = found.full_service_until
    subscription.receive_only_until = found.receive_only_until
    subscription.number_kept_until = found.number_kept_until
    subscription.save(update_fields=["extended_on", "full_service_until", "receive_only_until", "number_kept_until"])


def plan_start(
    *,
    subscription: Subscription,
    offering_id: str,
    name: str,
    price_minor: int,
    period: tuple[int | None, int | None],
    allowances: Mapping[str, int | None],
    now: datetime,
) -> Plan:
    """Start a plan, after the same plan's present period where one runs; fill its buckets.

    `period` is (months, days). `allowances`: UsageType -> amount, -1 without limit, None not known (then no bucket).
    """
    running = Plan.objects.filter(subscription=subscription, offering_id=offering_id, ends_at__gt=now)
    latest = running.order_by("-ends_at").first()
    start, end = rules.plan_period(
        now=now, running_until=latest.ends_at if latest else None, months=period[0], days=period[1]
    )
    plan = Plan.objects.create(
        subscription=subscription,
        offering_id=offering_id,
        name=name,
        price_minor=price_minor,
        started_at=start,
        ends_at=end,
    )
    Bucket.objects.bulk_create(
        Bucket(
            subscription=subscription,
            plan=plan,
            usage_type=UsageType(kind),
            remaining=None if amount < 0 else amount,
            valid_from=start,
            valid_until=end,
        )
        for kind, amount in allowances.items()
        if amount is not None
    )
    return plan
