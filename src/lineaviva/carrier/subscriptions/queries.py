"""Reads of subscriptions."""

from __future__ import annotations

from datetime import date

from lineaviva import rulebook
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.rulebook.deadlines import Deadlines, deadlines


def subscription_for_update(*, operator: str, msisdn: str) -> Subscription | None:
    """The number's subscription, locked until the transaction ends, or None."""
    return Subscription.objects.select_for_update().filter(operator=operator, msisdn=msisdn).first()


def subscription_deadlines(subscription: Subscription, as_of: date) -> Deadlines:
    """The line's three dates and its phase on that day, by the operator's rulebook."""
    operator = rulebook.operator(subscription.operator)
    return deadlines(operator=operator, last_event=subscription.extended_on, as_of=as_of)


def operators() -> list[str]:
    """Operators that have lines in this database."""
    return list(Subscription.objects.order_by("operator").values_list("operator", flat=True).distinct())
