"""Everything that somebody ever paid, found again by what they remember of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, ExtractYear

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.lines.models import LineShare
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import orders
from lineaviva.keeper.orders.rules import ALPHABET, code_read
from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt, Refund
from lineaviva.keeper.receipts.models import CreditNote, Receipt
from lineaviva.keeper.receipts.rules import parse_credit_number, parse_number
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.errors import NotFound
from lineaviva.kernel.money import Money

LONGEST = 80
_NUMBER = re.compile(r"\+?[\d\s./()-]+")
# So much of a number everybody who sees the line may know.
_SHOWN_DIGITS = 4


@dataclass(frozen=True)
class Wanted:
    """What to look for; an empty text and None mean anything. `year` is Rome's on the day of payment."""

    text: str = ""
    line_id: int | None = None
    year: int | None = None

    def __bool__(self) -> bool:
        return bool(self.text or self.line_id or self.year)


@dataclass(frozen=True)
class Totals:
    """Sums over what was found, in one currency."""

    paid: Money
    given_back: Money


def paid_orders(user: User) -> QuerySet[ProductOrder]:
    """Orders for which money came, newest first: placed by `user`, or for lines that they hold or pay for.

    Staff get their own, too: what they may see of others is for the counter. Each has `when`, the instant of payment.
    """
    shared = LineShare.objects.filter(user=user, right=LineShare.Right.PAY).values("line")
    own = Q(placed_by=user) | Q(line__holder=user) | Q(line__in=shared)
    came = PaymentAttempt.objects.filter(order=OuterRef("pk"), state=AttemptState.SUCCEEDED)
    found = orders().filter(own, Exists(came)).annotate(when=Coalesce("paid_at", "closed_at", "placed_at"))
    return found.order_by("-when", "-pk")


def search(user: User, wanted: Wanted) -> QuerySet[ProductOrder]:
    """Those of `paid_orders` that fit all that is wanted."""
    found = paid_orders(user)
    if wanted.line_id is not None:
        found = found.filter(line=wanted.line_id)
    if wanted.year is not None:
        first, after = (datetime(year, 1, 1, tzinfo=ROME) for year in (wanted.year, wanted.year + 1))
        found = found.filter(Q(when__gte=first, when__lt=after))
    text = " ".join(wanted.text.split())[:LONGEST]
    return found.filter(_fits(text, user)) if text else found


def _fits(text: str, user: User) -> Q:
    """By label then or now, end of the number, receipt number, order code, or a reference of operator or bank."""
    order = OuterRef("pk")
    label = Exists(Receipt.objects.filter(order=order, facts__label__icontains=text))
    operators = Exists(Activation.objects.filter(order=order, operator_reference__icontains=text))
    payments = Exists(PaymentAttempt.objects.filter(order=order, charge_ref__icontains=text))
    refunds = Exists(Refund.objects.filter(attempt__order=order, provider_ref__icontains=text))
    fits = Q(line__label__icontains=text) | Q(label) | Q(operators) | Q(payments) | Q(refunds)
    return fits | _by_code(text) | _by_receipt(text) | _by_number(text, user)


def _by_code(text: str) -> Q:
    """As an order code is typed, whole or a part of it."""
    part = code_read(text) or re.sub(r"[\s-]", "", text).upper()
    return Q(code__contains=part) if len(part) > 2 and set(part) <= set(ALPHABET) else Q(pk__in=[])


def _by_receipt(text: str) -> Q:
    """The number in full, LV-2026-000123 or that of a credit note, or only the last part of a receipt's."""
    mine = Receipt.objects.filter(order=OuterRef("pk"))
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return Q(Exists(mine.filter(number=int(text))))
    notes = CreditNote.objects.filter(receipt__order=OuterRef("pk"))
    for parse, issued in ((parse_number, mine), (parse_credit_number, notes)):
        try:
            issuer, year, number = parse(text)
        except NotFound:
            continue
        return Q(Exists(issued.filter(issuer=issuer, year=year, number=number)))
    return Q(pk__in=[])


def _by_number(text: str, user: User) -> Q:
    """By the last digits of the phone number.

    Whoever sees only four of them must not find out the others by trying.
    """
    digits = re.sub(r"\D", "", text) if text.isascii() and _NUMBER.fullmatch(text) else ""
    if len(digits) < 2:
        return Q(pk__in=[])
    ends = Q(line__msisdn__endswith=digits)
    return ends if len(digits) <= _SHOWN_DIGITS else ends & Q(line__holder=user)


def totals(found: QuerySet[ProductOrder]) -> list[Totals]:
    """What was paid and what of it went back, for each currency."""
    pks = found.order_by().values("pk")
    paid = _sums(PaymentAttempt.objects.filter(order__in=pks, state=AttemptState.SUCCEEDED))
    back = _sums(Refund.objects.filter(attempt__order__in=pks, state=Refund.State.SUCCEEDED))
    return [Totals(Money(minor, name), Money(back.get(name, 0), name)) for name, minor in sorted(paid.items())]


def _sums(rows: QuerySet[PaymentAttempt] | QuerySet[Refund]) -> dict[str, int]:
    return dict(rows.order_by().values_list("currency").annotate(Sum("amount_minor")))


def years(user: User) -> list[int]:
    """The calendar years, Rome's, in which something was paid; newest first."""
    found = paid_orders(user).order_by().annotate(year=ExtractYear("when", tzinfo=ROME))
    return sorted(set(found.values_list("year", flat=True)), reverse=True)
