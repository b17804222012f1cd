"""Writes of subscriptions. Those that change a line expect it locked by the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime

from django.db import transaction

from lineaviva import rulebook
from lineaviva.carrier.subscriptions import rules
from lineaviva.carrier.subscriptions.models import Number, Plan, Subscription
from lineaviva.carrier.subscriptions.queries import legal_notice
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
    msisdn = parse_msisdn(msisdn)
    # The number's row is locked: of two who open it at once, one makes the line and the other finds it.
    Number.objects.get_or_create(operator=operator, msisdn=msisdn)
    number = Number.objects.select_for_update().get(operator=operator, msisdn=msisdn)
    if number.subscription_id is not None:
        return Subscription.objects.get(pk=number.subscription_id), False
    subscription = Subscription.objects.create(operator=operator, msisdn=msisdn, opened_at=now)
    Number.objects.filter(pk=number.pk).update(subscription_id=subscription.pk)
    if extended_on is not None:
        subscription_extend(subscription=subscription, on=extended_on, today=rome_date(now))
    return subscription, True


def subscription_extend(*, subscription: Subscription, on: date, today: date | None = None) -> None:
    """Count the line's dates from `on`, unless a later event counts already; its phase becomes that of `today`."""
    if subscription.extended_on is not None and subscription.extended_on >= on:
        return
    today = today or on
    found = deadlines(operator=rulebook.operator(subscription.operator), last_event=on, as_of=today)
    subscription.extended_on = on
    life = rules.life_from(found)
    for name in _LIFE:
        setattr(subscription, name, getattr(life, name))
    subscription.look_on = rules.first_look(life, told_on=today, notice=legal_notice())
    subscription.save(update_fields=["extended_on", "look_on", *_LIFE])


_LIFE = [field.name for field in fields(rules.Life)]


def plan_start(
    *,
    subscription: Subscription,
    number: int,
    offering_id: str,
    name: str,
    price_minor: int,
    period: tuple[int | None, int | None],
    allowances: Mapping[str, int | None],
    today: date,
    auto_renew: bool = False,
    first_attempt_days: int = 0,
) -> Plan:
    """Start a plan, after the same plan's present period where one runs, so that nobody loses days by renewing early.

    The one that ran before then ends with its period: of two that followed each other only the last is renewed.
    `number` is that of the event that starts it. `period` is (months, days). `allowances`: data, voice, sms -> amount,
    -1 without limit, None not known. `first_attempt_days`: so many days ahead the night first tries the next fee.
    """
    running = Plan.objects.filter(subscription_id=subscription.pk, offering_id=offering_id, paid_until__gt=today)
    latest = running.exclude(status="ended").order_by("-paid_until").first()
    start = latest.paid_until if latest and latest.paid_until else today
    end = rules.period_end(start, months=period[0], days=period[1])
    if latest is not None and latest.auto_renew:
        auto_renew = True
        Plan.objects.filter(pk=latest.pk).update(auto_renew=False, due_on=latest.paid_until)
    return Plan.objects.create(
        subscription_id=subscription.pk,
        number=number,
        offering_id=offering_id,
        name=name,
        price_minor=price_minor,
        auto_renew=auto_renew,
        started_on=start,
        paid_until=end,
        due_on=rules.first_attempt(end, start, first_attempt_days if auto_renew else 0),
        anchor_day=start.day,
        data_left=allowances.get("data"),
        voice_left=allowances.get("voice"),
        sms_left=allowances.get("sms"),
    )
