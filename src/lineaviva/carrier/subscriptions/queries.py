"""Reads of subscriptions."""

from __future__ import annotations

from datetime import date

from lineaviva import rulebook
from lineaviva.carrier.subscriptions.models import Number, Plan, Subscription
from lineaviva.carrier.subscriptions.rules import Notice
from lineaviva.rulebook.deadlines import Deadlines, deadlines


def subscription_of(*, operator: str, msisdn: str) -> Subscription | None:
    """The line that has the number now, or None."""
    number = Number.objects.filter(operator=operator, msisdn=msisdn).first()
    if number is None or number.subscription_id is None:
        return None
    return Subscription.objects.filter(pk=number.subscription_id).first()


def subscription_for_update(*, operator: str, msisdn: str) -> Subscription | None:
    """The number's line, locked until the transaction ends, or None."""
    found = subscription_of(operator=operator, msisdn=msisdn)
    return Subscription.objects.select_for_update().filter(pk=found.pk).first() if found else None


def subscription_deadlines(subscription: Subscription, as_of: date) -> Deadlines:
    """The line's three dates and its phase on that day, by the operator's rulebook."""
    operator = rulebook.operator(subscription.operator)
    return deadlines(operator=operator, last_event=subscription.extended_on, as_of=as_of)


def plans_of(subscription: Subscription) -> list[Plan]:
    """The line's plans in the order in which they were started."""
    return list(Plan.objects.filter(subscription_id=subscription.pk).order_by("number"))


def legal_notice() -> Notice:
    legal = rulebook.legal()
    return Notice(legal.suspension_notice_days, legal.loss_notice_days)


def operators() -> list[str]:
    """Operators that have lines in this database."""
    return list(Number.objects.order_by("operator").values_list("operator", flat=True).distinct())
