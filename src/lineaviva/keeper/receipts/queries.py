"""Reads of receipts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.orders.queries import order_for, orders_for
from lineaviva.keeper.receipts import errors
from lineaviva.keeper.receipts.models import CreditNote, Receipt
from lineaviva.keeper.receipts.rules import parse_credit_number, parse_number
from lineaviva.keeper.receipts.view import ReceiptView, receipt_view
from lineaviva.kernel.clock import rome_date

__all__ = [
    "Proof",
    "ReceiptView",
    "credit_note_by_number",
    "credit_note_numbers",
    "credit_notes",
    "credit_notes_for",
    "numbers_of",
    "proof",
    "receipt_by_number",
    "receipt_for",
    "receipt_view",
    "receipts",
    "receipts_for",
]


def receipts() -> QuerySet[Receipt]:
    """All receipts, newest first."""
    return Receipt.objects.select_related("order__line").order_by("-year", "-number")


def receipts_for(user: User) -> QuerySet[Receipt]:
    """The receipts of every order that `user` may see, newest first."""
    return receipts().filter(order__in=orders_for(user).order_by().values("pk"))


def receipt_for(*, user: User, code: str) -> Receipt:
    """The receipt of the order with this code. NotFound for an order that `user` may not see or that has none yet."""
    found = receipts().filter(order=order_for(user=user, code=code)).first()
    if found is None:
        raise errors.unknown()
    return found


def receipt_by_number(number: str) -> Receipt:
    """The receipt LV-2026-000123. NotFound (receipt_unknown)."""
    issuer, year, serial = parse_number(number)
    found = receipts().filter(issuer=issuer, year=year, number=serial).first()
    if found is None:
        raise errors.unknown()
    return found


def numbers_of(codes: Iterable[str]) -> dict[str, str]:
    """The receipt's number for each of these orders that has one."""
    found = Receipt.objects.filter(order__code__in=set(codes)).select_related("order")
    return {receipt.order.code: receipt.full_number for receipt in found}


def credit_notes() -> QuerySet[CreditNote]:
    """All credit notes, newest first."""
    return CreditNote.objects.select_related("receipt__order__line").order_by("-year", "-number")


def credit_notes_for(user: User) -> QuerySet[CreditNote]:
    """The credit notes of every order that `user` may see, newest first."""
    return credit_notes().filter(receipt__order__in=orders_for(user).order_by().values("pk"))


def credit_note_by_number(number: str) -> CreditNote:
    """The credit note LV-NC-2026-000001. NotFound (receipt_unknown)."""
    issuer, year, serial = parse_credit_number(number)
    found = credit_notes().filter(issuer=issuer, year=year, number=serial).first()
    if found is None:
        raise errors.unknown()
    return found


def credit_note_numbers(refunds: Iterable[int]) -> dict[int, str]:
    """The credit note's number for each of these refunds, by their keys, that has one."""
    return {note.refund_id: note.full_number for note in CreditNote.objects.filter(refund__in=set(refunds))}


@dataclass(frozen=True)
class Proof:
    """All that a stranger with the QR code may know."""

    label: str
    last_four: str
    on: date  # the day of the renewal
    valid_until: date | None  # last day of full service that it bought; None: not known


def proof(token: str) -> Proof:
    """What the public proof page shows. NotFound (receipt_unknown) for a token that was never given."""
    found = Receipt.objects.filter(proof_token=token).first() if token else None
    if found is None:
        raise errors.unknown()
    until = found.facts["dates_after"].get("full_service_until")
    active_at = found.facts["active_at"]
    return Proof(
        label=found.facts["label"],
        last_four=found.facts["last_four"],
        on=rome_date(datetime.fromisoformat(active_at) if active_at else found.issued_at),
        valid_until=date.fromisoformat(until) if until else None,
    )
