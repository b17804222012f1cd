"""The stage of the model test: what happens on it in one story, and what must be true meanwhile and at its end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from hypothesis.stateful import RuleBasedStateMachine, invariant

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.actions import activation_decide
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.books.models import Difference, Reconciliation
from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments import saving
from lineaviva.keeper.payments.actions import webhook_receive
from lineaviva.keeper.payments.models import Dispute, InboxEvent, PaymentAttempt, Refund, SavedMethod
from lineaviva.keeper.payments.posting import BY_HAND, disagreement
from lineaviva.keeper.till.actions import cash_return, cash_take, till_close, till_open
from lineaviva.keeper.till.queries import days_kept, open_day
from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.registry import registered
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import Conflict, LineavivaError
from lineaviva.kernel.money import Money
from tests.conftest import NOON
from tests.keeper.orders import factories as orders
from tests.keeper.payments import outside
from tests.keeper.payments.outside import Back, Killed, Payment, World, a_card
from tests.keeper.payments.truth import Blade, Truth

WAITS = [timedelta(seconds=s) for s in (5, 40, 120, 700, 3700, 50_000, 180_000)]
_ROWS = (ProductOrder, PaymentAttempt, Refund, SavedMethod, InboxEvent, Dispute, Activation, Reconciliation, Difference)


@dataclass
class Scene:
    """Who and what is there before a story begins."""

    clock: FrozenClock
    lines: list[Line]
    chen: User
    dora: User
    pins: list[str]  # of vouchers that nobody has redeemed


class Stage(RuleBasedStateMachine):
    """One story; it is as if it had never been when it is over."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene, self.till = scene, 0
        self.orders: list[ProductOrder] = []
        self.shown: set[str] = set()  # pages that a payer has seen
        self.acts, self.counted = 0, (-1, 0)
        self.blade = Blade()
        self.block, self.armed = transaction.atomic(), connection.execute_wrapper(self.blade)
        scene.clock.move_to(NOON)
        self.block.__enter__()
        self.armed.__enter__()
        self.depth = len(connection.savepoint_ids)
        self.world: World = outside.begin_anew()
        self.world.checked = self.no_transaction

    def no_transaction(self) -> None:
        """Nobody outside is waited for with rows locked."""
        assert len(connection.savepoint_ids) == self.depth

    @property
    def now(self) -> datetime:
        return self.scene.clock.now()

    def act(self, what: Callable[[], object]) -> None:
        """A person's act, or a program's: it may be refused with a sentence, or killed."""
        try:
            what()
        except (LineavivaError, Killed):
            pass
        self.acts += 1
        with self.blade.sheathed():
            self.shown.update(PaymentAttempt.objects.exclude(redirect_url="").values_list("redirect_url", flat=True))

    def order(self, place: int) -> ProductOrder:
        with self.blade.sheathed():
            return ProductOrder.objects.get(pk=self.orders[place % len(self.orders)].pk)

    def ordered(self, line: Line, price: int, code: str) -> ProductOrder:
        """With this promotion code where it still counts, else at the full price."""
        try:
            offering = orders.offering(f"topup-{price // 100}", price=price)
            made = quote_make(line=line, offering=offering, by=line.holder, now=self.now, code=code)
            return order_place(quote=made, by=line.holder, language="it", now=self.now)
        except Conflict:
            return orders.order(line=line, price=price, now=self.now)

    def till_day(self, off: int, *, banked: bool) -> None:
        """Chen counts the till, `off` more or less than there was, and opens its day, or closes it."""
        counted, day = max(0, self.till + off), open_day()
        facts: dict[str, Any] = {"by": self.scene.chen, "reason": "counted", "now": self.now}
        if day is None:
            till_open(cash=Money(counted), **facts)
            self.till = counted
            return
        to_bank = counted // 2 if banked else 0
        till_close(day=day, counted=Money(counted), banked=Money(to_bank), **facts)
        self.till = counted - to_bank

    def run(self) -> None:
        handlers = [one for one in registered() if one.model in _ROWS]
        while agenda.Worker(handlers, threads=0).run_once(self.now):
            pass

    def cash(self, place: int) -> None:
        order, before = self.order(place), self._in_cash()
        try:
            cash_take(code=order.code, clerk=self.scene.chen, now=self.now)
        finally:
            self.till += self._in_cash() - before

    def hand_back(self, place: int) -> None:
        order, before = self.order(place), self._by_hand()
        try:
            cash_return(code=order.code, clerk=self.scene.chen, now=self.now)
        finally:
            self.till -= self._by_hand() - before

    def _in_cash(self) -> int:
        with self.blade.sheathed():
            found = PaymentAttempt.objects.filter(provider="cash", state="succeeded")
            return sum(found.values_list("amount_minor", flat=True))

    def _by_hand(self) -> int:
        with self.blade.sheathed():
            found = Refund.objects.filter(state="succeeded", provider_ref__startswith=BY_HAND)
            found = found.exclude(attempt__provider="account")  # of which nothing was ever here
            return sum(found.values_list("amount_minor", flat=True))

    def save(self, holder: User) -> None:
        """Somebody saves a card, on the page for it."""
        saving.method_begin(holder=holder, provider="stripe", words="auto-1", now=self.now)
        for key, card in self.world.saved.items():
            self.world.saved[key] = card or a_card(key, "A")
        saving.methods_look(holder=holder, now=self.now)

    def tell(self, event: int, signed: str) -> None:
        source, body = self.world.events[event % len(self.world.events)]
        webhook_receive(source=source, headers={"Signed": signed}, body=body, now=self.now)

    def pages(self) -> list[Payment]:
        return [one for one in self.world.payments if one.page in self.shown and one.state in {"open", "approved"}]

    def disputable(self) -> list[Payment]:
        return [one for one in self.world.payments if one.paid and not one.quarrel and one.gone < one.amount.minor]

    def disputed(self) -> list[Payment]:
        return [one for one in self.world.payments if one.quarrel and one.quarrel.state == "open"]

    def going_back(self) -> list[tuple[Payment, Back]]:
        return [(one, b) for one in self.world.payments for b in one.backs.values() if b.state == "pending"]

    def person(self) -> None:
        """Operations and Chen do what each stuck row says; the till is open for it."""
        if days_kept() and open_day() is None:
            self.act(lambda: self.till_day(0, banked=False))
        for row in self.stuck():
            if isinstance(row, Activation):
                outcome: Any = "succeeded" if row.reference in self.world.done else "failed"
                facts: dict[str, Any] = {"outcome": outcome, "reference": "asked", "by": self.scene.dora}
                self.world.refused |= {row.reference} - self.world.done
                self.act(partial(activation_decide, code=row.order.code, now=self.now, **facts))
            elif isinstance(row, Refund):
                self.act(lambda row=row: self.hand_back(self.orders.index(row.attempt.order)))
            elif not isinstance(row, Difference):
                agenda.unstick(row, self.now)

    @invariant()
    def every_cent_is_accounted_for(self) -> None:
        done = self.acts, len(self.world.movements)
        if done != self.counted:  # else nothing has happened since
            with self.blade.sheathed():
                assert disagreement() == []
                Truth(self.world, self.till).holds()
        self.counted = done

    def teardown(self) -> None:
        self.blade.left = None
        try:
            if sys.exc_info()[0] is None and self.orders:  # else it has failed already
                self.settle()
                self.every_cent_is_accounted_for()
        finally:
            self.leave()

    def leave(self, *, keep: bool = False) -> None:
        """As it was before, unless what happened is to be there in all stories."""
        self.armed.__exit__(None, None, None)
        transaction.set_rollback(not keep)
        self.block.__exit__(None, None, None)

    def settle(self) -> None:
        """Everything outside works again, no webhook comes, and time passes: all orders end."""
        self.world.trouble, self.world.meanwhile = "", None
        self.world.card, self.world.refunds, self.world.operator = "pays", "succeeded", "does"
        for by in (*WAITS, *WAITS[2:], *WAITS[-2:], *WAITS[-2:], *WAITS[-2:]):
            self.outside_decides()
            self.wait(by)
            self.person()
            if self.is_quiet():
                break
        for _ in range(4):  # each day is compared when the next one has been read
            self.wait(timedelta(days=1))
        assert [str(row.stuck_reason) for row in agenda.stuck()] == []
        assert list(Difference.objects.filter(state="open")) == []
        assert not PaymentAttempt.objects.filter(state="open").exists()
        assert not Refund.objects.filter(state="requested").exists()
        Truth(self.world, self.till).settled()

    def outside_decides(self) -> None:
        for payment in [one for one in self.world.payments if one.state == "processing"]:
            self.world.pay(payment)
        for payment in self.disputed():
            self.world.quarrel_ends(payment, "lost")
        for payment, back in self.going_back():
            self.world.back_ends(payment, back, "succeeded")

    def is_quiet(self) -> bool:
        """Whether there is nothing left for which time must pass."""
        waiting: list[Any] = [
            ProductOrder.objects.filter(state__in=("placed", "paid", "failed")),
            PaymentAttempt.objects.filter(state="open"),
            Refund.objects.filter(state="requested"),
            Dispute.objects.filter(state__in=Dispute.UNDECIDED),
        ]
        return not any(rows.exists() for rows in waiting) and not self.stuck()

    def stuck(self) -> list[Any]:
        return [row for model in _ROWS for row in model._default_manager.exclude(stuck_reason="").order_by("pk")]
