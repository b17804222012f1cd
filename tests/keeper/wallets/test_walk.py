"""Money wanders about at random; after each step every balance is what somebody with pencil and paper has."""

from __future__ import annotations

from random import Random

import pytest

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.wallets.actions import wallet_debit
from lineaviva.keeper.wallets.models import Voucher
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.keeper.wallets.vouchers import voucher_redeem, vouchers_void
from lineaviva.kernel.errors import Conflict
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.wallets.conftest import HOME, Shop

STEPS = 20


class Walk:
    """What happens at random, and beside it what should come of it."""

    def __init__(self, shop: Shop, random: Random) -> None:
        self.shop, self.random = shop, random
        self.people = [shop.anna, factories.holder("bo@example.org")]
        self.purse = {user.pk: 0 for user in self.people}
        self.pins: list[str] = []
        self.waiting: list[ProductOrder] = []
        self.n = 0

    def step(self) -> None:
        self.n += 1
        acts = [self.credit, self.debit, self.vouchers, self.redeem, self.void, self.pay, self.pay, self.decide]
        self.random.choice(acts)(self.random.choice(self.people))

    def credit(self, user: User) -> None:
        minor = self.random.randrange(1, 1500)
        for _ in range(self.random.choice([1, 2])):
            self.shop.credit(
                minor, user=user, reason=f"step {self.n}", paid=self.random.choice(["till", "bank", "gift"])
            )
        self.purse[user.pk] += minor

    def debit(self, user: User) -> None:
        minor = self.random.randrange(1, 1500)
        facts = {"user": user, "amount": Money(minor), "paid": "bank", "reason": f"step {self.n}"}
        try:
            wallet_debit(**facts, by=self.shop.dora, now=self.shop.now)  # type: ignore[arg-type]
        except Conflict:
            assert self.purse[user.pk] < minor
        else:
            self.purse[user.pk] -= minor

    def vouchers(self, _user: User) -> None:
        self.pins += self.shop.vouchers(2, self.random.randrange(100, 900), name=f"batch {self.n}").pins

    def redeem(self, user: User) -> None:
        if not self.pins:
            return
        pin = self.random.choice(self.pins)
        self.pins.remove(pin)
        try:
            voucher = voucher_redeem(pin=pin, user=user, address=HOME, now=self.shop.now)
        except Conflict:
            assert Voucher.objects.filter(last4=pin[-4:], state="void").exists()
            return
        self.purse[user.pk] += voucher.amount_minor
        again = voucher_redeem(pin=pin, user=user, address=HOME, now=self.shop.now)
        assert again.redeemed_at == voucher.redeemed_at

    def void(self, _user: User) -> None:
        batch = self.random.choice([one.batch for one in Voucher.objects.select_related("batch")] or [None])
        if batch is not None and self.random.random() < 0.3:
            try:
                vouchers_void(batch=batch, by=self.shop.dora, reason="r", now=self.shop.now)
            except Conflict:
                assert not batch.vouchers.filter(state="active").exists()

    def pay(self, user: User) -> None:
        order = self.shop.order(self.random.choice([300, 500]), by=user, line=factories.line(holder=user))
        attempt = self.shop.pay(order)
        enough = self.purse[user.pk] >= order.total_minor
        assert (str(attempt.state), enough) in {("succeeded", True), ("failed", False)}
        if enough:
            self.purse[user.pk] -= order.total_minor
            self.waiting.append(order)

    def decide(self, _user: User) -> None:
        if not self.waiting:
            return
        order = self.waiting.pop()
        well = self.random.random() < 0.5
        self.shop.activate(order, well=well)
        if not well:
            self.shop.look()
            self.purse[order.placed_by_id] += order.total_minor


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens(shop: Shop, seed: int) -> None:
    walk = Walk(shop, Random(seed))
    for _ in range(STEPS):
        walk.step()
        assert {user.pk: balance_of(user).minor for user in walk.people} == walk.purse
        assert (disagreement(), money_balance().balanced) == ([], True)
        assert sum(books.balances().values()) == 0
