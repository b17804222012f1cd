"""Somebody with a balance, and what they do with it; money agrees at the end of each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.actions import activation_begin, activation_fail, activation_succeed
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.wallets.actions import wallet_credit
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.keeper.wallets.vouchers import Made, voucher_batch_make
from lineaviva.kernel import agenda
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders

HOME = "203.0.113.7"


class Shop:
    """Anna holds lines, Dora is of operations."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.anna = factories.anna(now=now)
        self.dora = factories.holder("dora@example.org", role="operations", now=now)

    def credit(self, minor: int, user: User | None = None, **facts: Any) -> None:
        plain = {"paid": "bank", "reason": f"transfer of {minor}", "by": self.dora, "now": self.now}
        wallet_credit(**{"user": user or self.anna, "amount": Money(minor), **plain, **facts})

    def vouchers(self, count: int = 1, minor: int = 1000, **facts: Any) -> Made:
        plain = {"name": "christmas", "paid": "till", "by": self.dora, "now": self.now}
        return voucher_batch_make(**{"amount": Money(minor), "count": count, **plain, **facts})

    def order(self, price: int = 500, **facts: Any) -> ProductOrder:
        return orders.order(price=price, now=self.now, **facts)

    def pay(self, order: ProductOrder, way: str = "wallet") -> PaymentAttempt:
        return payment_begin(order=order, provider=way, now=self.now)

    def activate(self, order: ProductOrder, *, well: bool = True, **facts: Any) -> ProductOrder:
        order.refresh_from_db()
        activation = activation_begin(order=order, now=self.now)
        assert activation is not None
        if well:
            activation_succeed(activation=activation, result=Result("succeeded", "T", **facts), now=self.now)
        else:
            activation_fail(activation=activation, result=Result("failed", reason="no"), now=self.now)
        order.refresh_from_db()
        return order

    def look(self, at: datetime | None = None) -> None:
        agenda.run_due(at or self.now)

    @property
    def balance(self) -> int:
        return balance_of(self.anna).minor


@pytest.fixture
def shop(db: None, now: datetime) -> Iterator[Shop]:
    yield Shop(now)
    assert disagreement() == []
    assert money_balance().balanced
    assert sum(books.balances().values()) == 0


def wallet_account(shop: Shop) -> str:
    return f"wallet:{shop.anna.pk}"
