"""Reads of payments, and the sum that must always agree."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Q, QuerySet, Sum

from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt, Refund
from lineaviva.kernel.money import Money


def attempts_of(order: ProductOrder) -> QuerySet[PaymentAttempt]:
    """Every try to collect this order's money, in their order."""
    return PaymentAttempt.objects.filter(order=order).order_by("number")


def paying_attempt(order: ProductOrder) -> PaymentAttempt | None:
    """The attempt whose money the order was paid with; what is given back when the order fails."""
    # There is one at most, by a constraint.
    found = PaymentAttempt.objects.filter(order=order, state=AttemptState.SUCCEEDED, surplus=False)
    return next(iter(found), None)


def open_attempt(order: ProductOrder) -> PaymentAttempt | None:
    return attempts_of(order).filter(state=AttemptState.OPEN).first()


def refunds_of(order: ProductOrder) -> QuerySet[Refund]:
    return Refund.objects.filter(attempt__order=order).select_related("attempt").order_by("id")


def refundable(attempt: PaymentAttempt) -> Money:
    """What has not gone back of an attempt's money yet, nor is on its way back."""
    gone = sum(Refund.objects.filter(attempt=attempt).values_list("amount_minor", flat=True))
    return Money(attempt.amount_minor - gone, attempt.currency)


@dataclass(frozen=True)
class MoneyBalance:
    """All money of one currency, in minor units.

    Each part is counted from its own rows, so that the sum proves something. `delivered` is what is kept for it:
    what operations gave back of it in spite of that counts as refunded.
    """

    collected: int
    refunded: int
    delivered: int
    held: int
    currency: str = "EUR"

    @property
    def balanced(self) -> bool:
        return self.collected == self.refunded + self.delivered + self.held


def money_balance(currency: str = "EUR") -> MoneyBalance:
    """collected: attempts that succeeded. refunded: refunds that succeeded. delivered: orders that are active, less
    what operations gave back of them.

    held: what was collected for an order that is not active (yet), or more than it needed, and has not gone back.
    """
    succeeded = PaymentAttempt.objects.filter(state=AttemptState.SUCCEEDED, currency=currency)
    given_back = Refund.objects.filter(state=Refund.State.SUCCEEDED, currency=currency)
    delivered = ProductOrder.objects.filter(state=OrderState.ACTIVE, currency=currency)
    asked_for = given_back.filter(
        requested_by__isnull=False, attempt__surplus=False, attempt__order__state=OrderState.ACTIVE
    )
    return MoneyBalance(
        collected=_sum(succeeded, "amount_minor"),
        refunded=_sum(given_back, "amount_minor"),
        delivered=_sum(delivered, "total_minor") - _sum(asked_for, "amount_minor"),
        held=_held(succeeded),
        currency=currency,
    )


def _held(succeeded: QuerySet[PaymentAttempt]) -> int:
    """What is left of each attempt whose order is not active; never less than nothing, so that too much is seen."""
    gone = Sum("refunds__amount_minor", filter=Q(refunds__state=Refund.State.SUCCEEDED), default=0)
    here = succeeded.exclude(surplus=False, order__state=OrderState.ACTIVE).annotate(left=F("amount_minor") - gone)
    return _sum(here.filter(left__gt=0), "left")


def _sum(rows: QuerySet[PaymentAttempt] | QuerySet[Refund] | QuerySet[ProductOrder], column: str) -> int:
    return rows.aggregate(total=Sum(column))["total"] or 0
