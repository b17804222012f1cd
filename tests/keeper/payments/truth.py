"""What must be true after each step of the model test: our rows beside what really happened outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lineaviva.keeper.books.models import StatementLine
from lineaviva.keeper.books.queries import balances
from lineaviva.keeper.catalogue.models import Quote
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.posting import BY_DISPUTE, BY_HAND
from lineaviva.keeper.payments.rules import refund_key
from lineaviva.keeper.wallets.models import Voucher
from tests.keeper.payments.outside import Killed, World

IN_WALLET = 1500  # minor units, before a story begins
CODE = "WELCOME"  # one order at most has something taken off by it
_HERE = {"cash", "wallet", "account"}  # ways to pay that nobody outside knows of
_DELIVERED = {OrderState.PAID, OrderState.ACTIVE}
_LIVE = {OrderState.PLACED, *_DELIVERED}


class Blade:
    """Kills whoever sends the database its `left`-th statement from now on; what was not committed never was."""

    left: int | None = None

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.left is not None and not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed
        return execute(sql, params, many, context)

    @contextmanager
    def sheathed(self) -> Iterator[None]:
        left, self.left = self.left, None
        yield
        self.left = left


class Truth:
    """The rows beside what really happened outside."""

    def __init__(self, world: World, till: int) -> None:
        self.world, self.till = world, till
        self.orders = {order.pk: order for order in ProductOrder.objects.select_related("quote")}
        self.attempts = {one.idempotency_key: one for one in PaymentAttempt.objects.select_related("order")}
        rows = Refund.objects.select_related("attempt")
        self.refunds = {refund_key(one.attempt.idempotency_key, one.number): one for one in rows}
        self.paid = {one.key: one for one in self.world.payments if one.paid}
        backs = [(one, back) for one in self.world.payments for back in one.backs.values()]
        self.backs = {back.key: (one, back) for one, back in backs if back.state != "failed"}

    def holds(self) -> None:
        self._nothing_is_made_up()
        self._nothing_is_lost()
        self._nothing_is_doubled()
        self._the_books_have_it_all()

    def _nothing_is_made_up(self) -> None:
        """What our rows say was collected and given back was."""
        for key, attempt in self.attempts.items():
            if attempt.state == "succeeded" and attempt.provider not in _HERE:
                theirs = self.paid[key]
                assert (theirs.amount.minor, theirs.charge) == (attempt.amount_minor, attempt.charge_ref)
        for key, refund in self.refunds.items():
            if refund.state != "succeeded" or refund.attempt.provider in _HERE:
                continue
            if refund.provider_ref.startswith(BY_DISPUTE):
                quarrel = self.paid[refund.attempt.idempotency_key].quarrel
                assert quarrel is not None
                assert quarrel.state == "lost"
                assert 0 < refund.amount_minor <= quarrel.amount.minor
            elif not refund.provider_ref.startswith(BY_HAND):
                assert self.backs[key][1].amount.minor == refund.amount_minor

    def _nothing_is_lost(self) -> None:
        """Of all that was collected and given back outside there is a row."""
        assert self.paid.keys() <= self.attempts.keys()
        assert self.backs.keys() <= self.refunds.keys()

    def _nothing_is_doubled(self) -> None:
        mine = Counter(one.order_id for one in self.attempts.values() if one.state == "succeeded" and not one.surplus)
        assert max(mine.values(), default=0) <= 1
        by_hand = {key for key, one in self.refunds.items() if one.provider_ref.startswith(BY_HAND)}
        assert not by_hand & self.backs.keys(), "given back at the provider and by hand"
        assert len(set(self.world.times)) == len(self.world.times), "activated twice"
        for order in self.orders.values():
            done = f"LV-{order.code}" in self.world.done
            assert order.state in _DELIVERED if done else order.state != OrderState.ACTIVE
        with_code = [one for one in self.orders.values() if one.quote.promotion_id and one.state in _LIVE]
        used = Quote.objects.filter(promotion__isnull=False, used_at__isnull=False).count()
        assert used == len(with_code) <= 1

    def _the_books_have_it_all(self) -> None:
        """Money in is money out and money held: at each provider, in the till, and in the wallet."""
        kept = balances()
        for name in ("stripe", "paypal"):
            lies = sum(line.amount.minor for one, line in self.world.movements if one.provider == name)
            books = kept.get(f"provider:{name}", 0) + kept.get(f"fees:{name}", 0)
            assert books == lies - self._not_heard_yet(name)
        assert kept.get("till:cash", 0) == self.till
        redeemed = sum(Voucher.objects.filter(state="redeemed").values_list("amount_minor", flat=True))
        spent = sum(one.amount_minor for one in self._of("wallet", self.attempts))
        assert sum(minor for name, minor in kept.items() if name.startswith("wallet:")) == (
            spent - IN_WALLET - redeemed - sum(one.amount_minor for one in self._of("wallet", self.refunds))
        )
        by_owner = sum(one.amount_minor for one in self._of("account", self.attempts))
        assert kept.get("owner", 0) == by_owner - sum(one.amount_minor for one in self._of("account", self.refunds))

    def _not_heard_yet(self, name: str) -> int:
        """What moved at this provider and is not in our rows: charges, less refunds, and disputes."""
        told = set(StatementLine.objects.filter(provider=name, kind="dispute").values_list("line", flat=True))
        charges = [one for key, one in self.paid.items() if self.attempts[key].state != "succeeded"]
        backs = [pair for key, pair in self.backs.items() if self.refunds[key].state != "succeeded"]
        disputes = [
            line.amount.minor
            for one, line in self.world.movements
            if (one.provider, line.kind) == (name, "dispute") and line.line not in told
        ]
        unheard = sum(one.amount.minor for one in charges if one.provider == name)
        return unheard - sum(back.amount.minor for one, back in backs if one.provider == name) + sum(disputes)

    def _of(self, name: str, rows: dict[str, Any]) -> list[Any]:
        """The attempts, or the refunds, that succeeded at this provider."""
        found = [one for one in rows.values() if one.state == "succeeded"]
        return [one for one in found if getattr(one, "attempt", one).provider == name]

    def settled(self) -> None:
        """Each order has kept what was delivered, less what operations gave back, and nothing else."""
        for order in self.orders.values():
            assert order.state in {"active", "refunded", "expired", "cancelled"}
            mine = [one for one in self.attempts.values() if one.order_id == order.pk and one.state == "succeeded"]
            gone = [one for one in self.refunds.values() if one.attempt.order_id == order.pk]
            asked = sum(one.amount_minor for one in gone if one.requested_by_id)
            left = sum(one.amount_minor for one in mine) - sum(one.amount_minor for one in gone)
            assert left == (order.total_minor - asked if order.state == "active" else 0)
