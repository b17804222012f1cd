"""Whole ways of money through the actions that pages and the agenda use; only the outside's answers are by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lineaviva.keeper.activation.actions import activation_begin, activation_fail, activation_succeed
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.catalogue.models import Quote
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import RefundStatus, Status
from lineaviva.keeper.payments.refunding import refund_confirm, refund_request, refund_settle
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders


class Purse:
    """One order and what happens to its money, step by step."""

    def __init__(self, now: datetime, *, price: int = 500, off: int = 0, way: str = "stripe") -> None:
        self.now, self.way = now, way
        self.order: ProductOrder = orders.order(price=price, now=now)
        if off:
            Quote.objects.filter(pk=self.order.quote_id).update(discount_minor=off, total_minor=price - off)
            ProductOrder.objects.filter(pk=self.order.pk).update(total_minor=price - off)
            self.order.refresh_from_db()
        self.attempt: PaymentAttempt = self._begin()
        self.order.refresh_from_db()

    def _begin(self) -> PaymentAttempt:
        attempt = payment_begin(order=self.order, provider="cash", now=self.now)
        if self.way != "cash" and attempt.state == "open":  # nobody outside is asked here
            PaymentAttempt.objects.filter(pk=attempt.pk).update(provider=self.way)
            attempt.refresh_from_db()
        return attempt

    @property
    def status(self) -> Status:
        return Status("succeeded", Money(self.attempt.amount_minor), f"ch_{self.attempt.pk}")

    def pay(self) -> Purse:
        if self.way == "cash":
            cash_confirm(code=self.order.code, clerk=factories.clerk(now=self.now), now=self.now)
        else:
            self.attempt = payment_settle(attempt=self.attempt, status=self.status, now=self.now)
        self.order.refresh_from_db()
        return self

    def activate(self) -> Purse:
        activation = activation_begin(order=self.order, now=self.now)
        assert activation is not None
        activation_succeed(activation=activation, result=Result("succeeded", operator_reference="T"), now=self.now)
        self.order.refresh_from_db()
        return self

    def refuse(self) -> Purse:
        activation = activation_begin(order=self.order, now=self.now)
        assert activation is not None
        activation_fail(activation=activation, result=Result("failed", reason="no"), now=self.now)
        self.order.refresh_from_db()
        return self

    @property
    def refund(self) -> Refund:
        return Refund.objects.filter(attempt=self.attempt).latest("number")

    def give_back(self, reference: str = "re") -> Purse:
        status = RefundStatus("succeeded", f"{reference}_{self.refund.pk}")
        refund_settle(refund=self.refund, status=status, now=self.now)
        return self

    def give_back_by_hand(self) -> Purse:
        Refund.objects.filter(pk=self.refund.pk).update(stuck_reason="give it back another way")
        refund_confirm(code=self.order.code, clerk=factories.clerk(now=self.now), now=self.now)
        return self

    def ask_back(self, minor: int, reason: str = "kindness") -> Purse:
        dora: Any = factories.holder("dora@example.org", role="operations")
        attempt = PaymentAttempt.objects.get(pk=self.attempt.pk)
        refund_request(attempt=attempt, amount=Money(minor), reason=reason, by=dora, now=self.now)
        return self
