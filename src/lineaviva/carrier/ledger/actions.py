"""The writer of what happens to one line. (The nightly run writes the same rows for many, in nightly/statements.py.)"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction as database
from django.db.models import F

from lineaviva.carrier.ledger.models import Account, Entry, Event, Origin
from lineaviva.carrier.ledger.rules import Posting
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.kernel.clock import rome_date


@database.atomic
def event_record(
    *,
    subscription: Subscription,
    kind: str,
    now: datetime,
    postings: Sequence[Posting] = (),
    origin: str = Origin.ORDER,
    plan_number: int | None = None,
    starts_plan: bool = False,
    offering_id: str = "",
    until: date | None = None,
) -> Event:
    """Write one event with its entries, and move the line's credit, debt and event number with them.

    The line must be locked by the caller's transaction. The event's amount is what the postings move. A plan that the
    event starts has the event's own number.
    """
    gained = {account: sum(one.effect(account) for one in postings) for account in (Account.CREDIT, Account.COURTESY)}
    subscription.last_number += 1
    subscription.credit_minor += gained[Account.CREDIT]
    subscription.debt_minor += gained[Account.COURTESY]
    Subscription.objects.filter(pk=subscription.pk).update(
        last_number=F("last_number") + 1,
        credit_minor=F("credit_minor") + gained[Account.CREDIT],
        debt_minor=F("debt_minor") + gained[Account.COURTESY],
    )
    event = Event.objects.create(
        subscription_id=subscription.pk,
        number=subscription.last_number,
        kind=kind,
        origin=origin,
        on=rome_date(now),
        at=now,
        plan_number=subscription.last_number if starts_plan else plan_number,
        offering_id=offering_id,
        amount_minor=sum(one.amount_minor for one in postings),
        until=until,
    )
    Entry.objects.bulk_create(_entries(event, postings))
    return event


def _entries(event: Event, postings: Sequence[Posting]) -> list[Entry]:
    return [
        Entry(
            subscription_id=event.subscription_id,
            number=event.number,
            leg=leg,
            debited=posting.debited,
            credited=posting.credited,
            amount_minor=posting.amount_minor,
            origin=event.origin,
            booked_on=event.on,
        )
        for leg, posting in enumerate(postings, 1)
    ]
