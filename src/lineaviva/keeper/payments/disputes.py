"""Disputes: written down as their provider tells them, and on the stuck list until they are decided.

A person answers them at the provider. Meanwhile nothing of the payment is given back, and the payer's saved cards are
not charged by themselves. Rows are locked as actions.py says, a dispute after its attempt.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from lineaviva.keeper.payments import reconciling
from lineaviva.keeper.payments.keeping import keep_key
from lineaviva.keeper.payments.models import Dispute, PaymentAttempt, Refund, SavedMethod
from lineaviva.keeper.payments.ports import DisputeStatus, disputing
from lineaviva.keeper.payments.refunding import attempt_locked
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.errors import NeedsPerson
from lineaviva.kernel.money import Money

_LEASE = timedelta(seconds=60)
_REASON_LENGTH = 60
_BY_NAME = "By its name there: lineaviva orders disputes"


@transaction.atomic
def dispute_heard(*, provider: str, status: DisputeStatus, now: datetime) -> Dispute:
    """Write what the provider says of a dispute, and post what it moved; the same news again changes nothing.

    Where it is lost the card that paid is not charged again, however it was saved; once it is decided a refund that
    waited goes on.
    """
    attempt = _attempt_of(provider, status)
    if attempt is not None:  # whoever asks for a refund at this moment waits, and then sees the dispute
        attempt = attempt_locked(attempt)
    decided = status.state not in Dispute.UNDECIDED
    facts: dict[str, Any] = {
        "attempt": attempt,
        "amount_minor": status.amount.minor,
        "currency": status.amount.currency,
        "state": status.state,
        "reason": status.reason[:_REASON_LENGTH],
        "answer_by": status.answer_by,
        "opened_at": status.opened_at,
    }
    row, made = Dispute.objects.get_or_create(
        provider=provider, provider_ref=status.reference, defaults={**facts, "look_at": now}
    )
    row = row if made else agenda.locked(Dispute, row.pk)
    facts["finished_at"] = (row.finished_at or now) if decided else None
    for name, value in facts.items():
        setattr(row, name, value)
    row.save(update_fields=list(facts))
    for movement in status.movements:
        reconciling.line_keep(provider, movement, now)
    if decided and attempt is not None:
        _decided(row, attempt, now)
    return row


def _attempt_of(name: str, status: DisputeStatus) -> PaymentAttempt | None:
    known = Q(charge_ref=status.charge_ref) if status.charge_ref else Q(pk=None)
    if status.key:
        known |= Q(idempotency_key=status.key)
    return PaymentAttempt.objects.filter(known, provider=name).first()


def _decided(row: Dispute, attempt: PaymentAttempt, now: datetime) -> None:
    if row.state == Dispute.State.LOST:
        same = Q(attempts=attempt) | Q(key=keep_key(attempt))
        if attempt.card_fingerprint:
            same |= Q(provider=attempt.provider, card_fingerprint=attempt.card_fingerprint)
        broken = {"state": SavedMethod.State.BROKEN, "reason": "disputed"}
        theirs = SavedMethod.objects.filter(same, state=SavedMethod.State.ACTIVE).values_list("pk", flat=True)
        SavedMethod.objects.filter(pk__in=list(theirs)).update(**broken)
    agenda.wake(Refund.objects.filter(attempt=attempt, state=Refund.State.REQUESTED), now)


@agenda.handler(Dispute, states=tuple(Dispute.State.values), lease=_LEASE, outside=True)
def dispute_look(row: Dispute, now: datetime) -> agenda.Outcome:
    """Ask the provider how it stands; what is not decided is for a person."""
    teller = disputing(row.provider) if row.provider in settings.PAYMENT_PROVIDERS else None
    if teller is None:
        raise NeedsPerson(what_to_do(row))
    dispute_heard(provider=row.provider, status=teller.dispute(row.provider_ref), now=now)
    return agenda.settle(_stands)


def _stands(row: Dispute) -> agenda.Outcome:
    if row.state in Dispute.UNDECIDED:
        raise NeedsPerson(what_to_do(row))
    return agenda.rest()


def what_to_do(row: Dispute) -> str:
    """What is disputed, and what a person does about it. Names that are long numbers are hidden in such texts."""
    amount = Money(row.amount_minor, row.currency)
    about = f"order {row.attempt.order.code}" if row.attempt else "a payment that is not known here"
    what = f"A payer has {amount} of {about} disputed at {row.provider} ({row.reason or 'no reason given'})."
    if row.state == Dispute.State.UNDER_REVIEW:
        return f"{what} It was answered and is not decided yet. {_BY_NAME}"
    until = f" by {row.answer_by.astimezone(ROME):%Y-%m-%d %H:%M}" if row.answer_by else ""
    return f"{what} Answer it there{until}, with the receipt and the operator's reference. {_BY_NAME}"
