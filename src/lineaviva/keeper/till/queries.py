"""Reads of the till: what has to be in it, what came and went on a day, and what waits for a second person."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from lineaviva.keeper.activation.errors import begun
from lineaviva.keeper.activation.queries import is_begun
from lineaviva.keeper.books.models import Entry, Kind
from lineaviva.keeper.books.rules import TILL
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.queries import being_paid, in_dispute, paying_attempt
from lineaviva.keeper.till import errors
from lineaviva.keeper.till.models import Cancellation, CashTaken, TillDay
from lineaviva.kernel.money import Money

NAME = "cash"


def open_day() -> TillDay | None:
    """The day that is open now."""
    return TillDay.objects.select_related("opened_by").filter(till=NAME, closed_at=None).first()


def days() -> QuerySet[TillDay]:
    """All days, the last one first."""
    found = TillDay.objects.select_related("opened_by", "closed_by").filter(till=NAME)
    return found.order_by("-opened_at", "-pk")


def day_by_id(pk: int) -> TillDay:
    """NotFound (till_day_unknown)."""
    found = days().filter(pk=pk).first()
    if found is None:
        raise errors.day_unknown()
    return found


def days_kept() -> bool:
    """Whether this shop keeps days: from the first one on no cash is taken or given while the till is closed."""
    return TillDay.objects.filter(till=NAME).exists()


def expected_cash() -> Money:
    """What has to be in the till now, by the books."""
    total = Entry.objects.filter(account=TILL, currency="EUR").aggregate(total=Sum("amount_minor"))["total"]
    return Money(int(total or 0))


@dataclass(frozen=True)
class DaySums:
    """What came and went, in cents: all of it adds up to what has to be there.

    `other`: what was posted between two days, or so that it was seen only on this one.
    """

    float_minor: int
    came: int
    went: int
    other: int
    expected: int


def sums_of(day: TillDay) -> DaySums:
    """Of an open day as it stands now; of a closed one as it was when it was closed."""
    within = Q(posting__at__gte=day.opened_at)
    if day.closed_at is not None:
        within &= Q(posting__at__lte=day.closed_at)
    found = Entry.objects.filter(within, account=TILL, currency=day.currency).aggregate(
        came=Sum("amount_minor", filter=Q(posting__kind=Kind.PAYMENT), default=0),
        went=Sum("amount_minor", filter=Q(posting__kind=Kind.REFUND), default=0),
    )
    came, went = int(found["came"]), -int(found["went"])
    has_to_be = expected_cash().minor if day.expected_minor is None else day.expected_minor
    return DaySums(day.float_minor, came, went, has_to_be - day.float_minor - came + went, has_to_be)


def taken_on(day: TillDay) -> QuerySet[CashTaken]:
    """What was handed over on this day, in the order of time."""
    found = CashTaken.objects.filter(day=day).select_related("attempt__order", "clerk")
    return found.order_by("taken_at", "pk")


def cash_of(order: ProductOrder) -> CashTaken | None:
    """What was handed over for this order; None where nobody wrote it down."""
    return CashTaken.objects.filter(attempt__order=order, attempt__surplus=False).select_related("day", "clerk").first()


def renewed_beside(order: ProductOrder) -> list[ProductOrder]:
    """Other orders of the line that are being paid, or paid, or became active since this one was placed.

    Whoever takes cash for this one renews the line once more, and is to ask before.
    """
    done = ProductOrder.objects.filter(line=order.line_id, state=OrderState.ACTIVE, active_at__gte=order.placed_at)
    return [one for one in (*being_paid(order.line_id), *done.order_by("pk")) if one.pk != order.pk]


def waiting_back() -> QuerySet[Refund]:
    """Cash that has to be given back and was not yet, the oldest first."""
    found = Refund.objects.filter(state=Refund.State.REQUESTED, attempt__provider="cash")
    return found.select_related("attempt__order").order_by("requested_at", "pk")


def back_of(order: ProductOrder) -> Refund | None:
    """The money of this order that a clerk has to give back by hand now.

    Never what the payer disputes, nor what came by the owner's own account: no cash is owed for that.
    """
    by_hand = Q(attempt__provider="cash") | (~Q(stuck_reason="") & ~Q(attempt__provider="account"))
    found = Refund.objects.filter(by_hand, attempt__order=order, state=Refund.State.REQUESTED)
    row = found.select_related("attempt").order_by("pk").first()
    return None if row is None or in_dispute(row) else row


# --- cash that is called off -----------------------------------------------------------------------------------------


def cancellations() -> QuerySet[Cancellation]:
    """All of them, the last one first."""
    people = ("asked_by", "consented_by", "ended_by")
    return Cancellation.objects.select_related("attempt__order__line", *people).order_by("-pk")


def cancellations_asked() -> QuerySet[Cancellation]:
    """Those that wait for a second person, the oldest first."""
    return cancellations().filter(state=Cancellation.State.ASKED).order_by("pk")


def cancellation_asked_of(order: ProductOrder) -> Cancellation | None:
    return cancellations_asked().filter(attempt__order=order).first()


def require_cancellable(order: ProductOrder) -> PaymentAttempt:
    """The attempt by which the order was paid in cash. Conflict where that cannot be called off (any more)."""
    attempt = paying_attempt(order)
    if attempt is None or attempt.provider != "cash":
        raise errors.not_cash()
    if order.state == OrderState.ACTIVE:
        raise errors.delivered()
    if order.state != OrderState.PAID:
        raise errors.on_its_way_back()
    if is_begun(order):
        raise begun()
    return attempt
