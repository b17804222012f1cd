"""The only writer of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction as database
from django.db.models import F

from lineaviva.carrier.ledger.models import Account, Entry, Transaction
from lineaviva.carrier.ledger.rules import Posting
from lineaviva.carrier.subscriptions.models import Subscription


@database.atomic
def transaction_post(
    *, subscription: Subscription, kind: str, postings: Sequence[Posting], now: datetime
) -> Transaction:
    """Write one transaction with its entries and move the line's credit with them. ValueError without postings."""
    if not postings:
        raise ValueError("a transaction needs an entry")
    posted = Transaction.objects.create(subscription=subscription, kind=kind, at=now)
    Entry.objects.bulk_create(
        Entry(
            transaction=posted,
            subscription=subscription,
            debited=posting.debited,
            credited=posting.credited,
            amount_minor=posting.amount_minor,
        )
        for posting in postings
    )
    gained = sum(_effect(posting) for posting in postings)
    if gained:
        Subscription.objects.filter(pk=subscription.pk).update(credit_minor=F("credit_minor") + gained)
        subscription.credit_minor += gained
    return posted


def _effect(posting: Posting) -> int:
    """What the posting adds to the line's credit, in cents."""
    sign = (posting.credited == Account.CREDIT) - (posting.debited == Account.CREDIT)
    return sign * posting.amount_minor
