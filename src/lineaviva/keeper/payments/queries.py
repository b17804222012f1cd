"""Reads of payments, and the sum that must always agree."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt, Refund


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


@dataclass(frozen=True)
class MoneyBalance:
    """All money of one currency, in minor units.

    Each part is counted from its own rows, so that the sum proves something.
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
    """collected: attempts that succeeded. refunded: refunds that succeeded. delivered: orders that are active.

    held: what was collected for an order that is not active (yet), or more than it needed, and has not gone back.
    """
    succeeded = PaymentAttempt.objects.filter(state=AttemptState.SUCCEEDED, currency=currency)
    delivered_for = Q(surplus=False, order__state=OrderState.ACTIVE)
    held = succeeded.exclude(delivered_for).exclude(refund__state=Refund.State.SUCCEEDED)
    return MoneyBalance(
        collected=_sum(succeeded, "amount_minor"),
        refunded=_sum(Refund.objects.filter(state=Refund.State.SUCCEEDED, currency=currency), "amount_minor"),
        delivered=_sum(ProductOrder.objects.filter(state=OrderState.ACTIVE, currency=currency), "total_minor"),
        held=_sum(held, "amount_minor"),
        currency=currency,
    )


def _sum(rows: QuerySet[PaymentAttempt] | QuerySet[Refund] | QuerySet[ProductOrder], column: str) -> int:
    return rows.aggregate(total=Sum(column))["total"] or 0
