"""Writes of receipts and credit notes: numbered without a gap, sent by e-mail."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.db import transaction
from django.db.models import F

from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.receipts import errors, links
from lineaviva.keeper.receipts.facts import freeze, freeze_credit, recipient
from lineaviva.keeper.receipts.models import CREDIT_NOTES, CreditNote, Receipt, ReceiptCounter, ReceiptMail
from lineaviva.keeper.receipts.rules import numbering_year
from lineaviva.kernel.agenda import limits

# Three at once, then one every ten minutes.
RESENDS_PER_MINUTE, RESENDS_AT_ONCE = 0.1, 3


@transaction.atomic
def receipt_issue(*, order: ProductOrder, now: datetime) -> Receipt:
    """The receipt of an active order, with its first e-mail; issued already: that one. Conflict before it is active."""
    # Lock order everywhere: the order, then the counter.
    with_names = ProductOrder.objects.select_related("line__holder", "offering", "quote__promotion", "placed_by")
    order = with_names.select_for_update(of=("self",)).get(pk=order.pk)
    issued = next(iter(Receipt.objects.filter(order=order)), None)
    if issued is not None:
        return issued
    if order.state != OrderState.ACTIVE:
        raise errors.not_active()
    year, token = numbering_year(now), links.proof_token()
    facts = freeze(order, issuer=settings.RECEIPT_ISSUER_NAME, proof_url=links.proof_url(token))
    receipt = Receipt.objects.create(
        order=order,
        issuer=settings.RECEIPT_ISSUER,
        year=year,
        number=_next_number(settings.RECEIPT_ISSUER, year),
        language=order.language,
        facts=facts,
        proof_token=token,
        issued_at=now,
    )
    ReceiptMail.objects.create(receipt=receipt, to=recipient(order), created_at=now, look_at=now)
    return receipt


@transaction.atomic
def credit_note_issue(*, refund: Refund, now: datetime) -> CreditNote:
    """The credit note of a refund of something delivered, with its e-mail; issued already: that one.

    The receipt that it takes from is issued first, where it is not yet. Raises Conflict for a refund that has not
    succeeded or for which nothing had been delivered.
    """
    attempt = refund.attempt
    receipt = receipt_issue(order=attempt.order, now=now)  # which locks the order
    issued = next(iter(CreditNote.objects.filter(refund=refund)), None)
    if issued is not None:
        return issued
    if refund.state != Refund.State.SUCCEEDED or refund.requested_by_id is None or attempt.surplus:
        raise errors.no_credit()
    year = numbering_year(now)
    note = CreditNote.objects.create(
        receipt=receipt,
        refund=refund,
        issuer=settings.RECEIPT_ISSUER,
        year=year,
        number=_next_number(settings.RECEIPT_ISSUER, year, CREDIT_NOTES),
        language=receipt.language,
        facts=freeze_credit(receipt, refund, issuer=settings.RECEIPT_ISSUER_NAME),
        issued_at=now,
    )
    to = recipient(receipt.order)
    ReceiptMail.objects.create(receipt=receipt, credit_note=note, to=to, created_at=now, look_at=now)
    return note


def _next_number(issuer: str, year: int, series: str = "") -> int:
    """Taken last, in the transaction that writes the receipt: if that fails the number was never given."""
    counter = ReceiptCounter.objects.filter(issuer=issuer, year=year, series=series)
    if not counter.update(last=F("last") + 1):  # the first of its year
        ReceiptCounter.objects.get_or_create(issuer=issuer, year=year, series=series)
        counter.update(last=F("last") + 1)
    return counter.get().last


def receipt_resend(*, receipt: Receipt, now: datetime) -> ReceiptMail:
    """Send it once more to its first address; a sending that still waits is enough.

    Raises Conflict (status 429) after three at once, then it is one every ten minutes.
    """
    waiting = receipt.mails.filter(state="open", credit_note=None).first()
    if waiting is not None:
        return waiting
    wait = limits.take(f"receipt-resend:{receipt.pk}", per_minute=RESENDS_PER_MINUTE, burst=RESENDS_AT_ONCE, now=now)
    if wait > timedelta(0):
        raise errors.resent_too_often(ceil(wait / timedelta(minutes=1)))
    mail, _made = ReceiptMail.objects.get_or_create(
        receipt=receipt,
        credit_note=None,
        state="open",
        defaults={"to": recipient(receipt.order), "created_at": now, "look_at": now},
    )
    return mail
