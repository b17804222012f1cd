"""Model test: whatever people, banks and the operator do, in whatever order, and wherever a process is killed.

After each step every cent is where the books say, at each provider and in the till, and no order is paid or activated
twice. At the end, when the outside works again, every order is settled, and the providers' lists agree with ours.

    pytest tests/keeper/payments/test_model.py --hypothesis-profile=deep     # many more, and longer stories
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lineaviva.keeper.catalogue.actions import promotion_add
from lineaviva.keeper.orders.actions import order_cancel
from lineaviva.keeper.payments import saving
from lineaviva.keeper.payments.actions import payment_begin, payment_look
from lineaviva.keeper.payments.models import InboxEvent, PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.keeper.payments.velocity import FILE
from lineaviva.keeper.wallets.actions import wallet_credit
from lineaviva.keeper.wallets.vouchers import voucher_batch_make, voucher_redeem
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders
from tests.keeper.payments.stage import WAITS, Scene, Stage
from tests.keeper.payments.truth import CODE, IN_WALLET

_HERE = "tests.keeper.payments.pretenders"
_WAYS = ("stripe", "paypal", "cash", "wallet")
_MOST_ORDERS = 4
_PLACES = st.integers(0, _MOST_ORDERS - 1)
_OPERATORS = ["does", "refuses", "thinks", "mumbles"]
_TROUBLES = st.sampled_from(["away", "lost", "refused", "killed", "killed_after"])


class Story(Stage):
    """Up to four orders, and all that people, banks, the operator and mishaps do about them."""

    # --- people -----------------------------------------------------------------------------------------------------

    @initialize(price=st.sampled_from([500, 1000]), operator=st.sampled_from(_OPERATORS))
    def first_order(self, price: int, operator: Any) -> None:
        self.world.operator = operator
        self.place(price, "")

    @precondition(lambda self: len(self.orders) < _MOST_ORDERS)
    @rule(price=st.sampled_from([500, 1000]), code=st.sampled_from(["", CODE]))
    def place(self, price: int, code: str) -> None:
        with self.blade.sheathed():
            line = self.scene.lines[len(self.orders) % len(self.scene.lines)]
            self.orders.append(self.ordered(line, price, code))

    @rule(place=_PLACES, way=st.sampled_from([*_WAYS, "account"]), keep=st.sampled_from([None, None, "", "auto-1"]))
    def click(self, place: int, way: str, keep: str | None) -> None:
        self.act(lambda: payment_begin(order=self.order(place), provider=way, now=self.now, keep=keep))

    @rule(place=_PLACES, way=st.sampled_from([*_WAYS, "saved"]), card=st.sampled_from(["A", "A", "B"]))
    def buy(self, place: int, way: str, card: str) -> None:
        """The whole way at once, as far as it goes: what people mostly do."""
        if way == "saved":
            self.charge(place)
        else:
            self.click(place, way, None)
        self.act(lambda: self.cash(place))
        if self.pages():
            self.payer(-1, "pays", card)
        self.act(self.run)

    @precondition(lambda self: self.pages())
    @rule(
        which=st.integers(0, 3),
        does=st.sampled_from(["pays", "pays", "pays", "is refused", "waits for the bank"]),
        card=st.sampled_from(["A", "A", "B"]),
    )
    def payer(self, which: int, does: str, card: str) -> None:
        """At any page that somebody once saw, also in an old tab."""
        payment = self.pages()[which % len(self.pages())]
        payment.card = card
        if does == "is refused":
            payment.state, payment.reason = "open", "card_declined"
        elif payment.provider == "paypal":
            payment.state, payment.reason = "approved", ""
            self.world.tell("paypal", "payment", payment.reference)
        elif does == "pays":
            self.world.pay(payment)
        else:
            payment.state = "processing"

    @rule()
    def save_a_card(self) -> None:
        anna = self.scene.lines[0].holder
        self.act(lambda: self.save(anna))
        self.act(self.run)

    @rule(place=_PLACES)
    def charge(self, place: int) -> None:
        with self.blade.sheathed():
            method = SavedMethod.objects.order_by("-pk").first()
        if method is not None:
            self.act(lambda: saving.payment_charge(order=self.order(place), method=method, now=self.now))

    @rule()
    def forget_the_card(self) -> None:
        with self.blade.sheathed():
            method = SavedMethod.objects.filter(state="active").first()
        if method is not None:
            self.act(lambda: saving.method_remove(method=method, now=self.now))

    @rule(place=_PLACES)
    def clerk_takes_cash(self, place: int) -> None:
        self.act(lambda: self.cash(place))

    @rule(place=_PLACES)
    def clerk_gives_back(self, place: int) -> None:
        self.act(lambda: self.hand_back(place))

    @rule(off=st.sampled_from([0, 0, 100, -100]), banked=st.booleans())
    def till_is_counted(self, off: int, banked: bool) -> None:
        self.act(lambda: self.till_day(off, banked=banked))

    @rule(which=st.integers(0, 1))
    def redeem(self, which: int) -> None:
        anna = self.scene.lines[0].holder
        facts: dict[str, Any] = {"user": anna, "address": "203.0.113.7", "now": self.now}
        self.act(lambda: voucher_redeem(pin=self.scene.pins[which], **facts))

    @rule(place=_PLACES)
    def cancel(self, place: int) -> None:
        order = self.order(place)
        self.act(lambda: order_cancel(order=order, by=order.placed_by, now=self.now))

    @rule(place=_PLACES)
    def come_back(self, place: int) -> None:
        self.act(lambda: payment_look(order=self.order(place), now=self.now))

    @rule(place=_PLACES, minor=st.sampled_from([1, 250, 500, None]), reason=st.sampled_from(["slow", "sorry"]))
    def give_back(self, place: int, minor: int | None, reason: str) -> None:
        """Operations, of what was delivered."""
        with self.blade.sheathed():
            attempts = list(PaymentAttempt.objects.filter(order=self.order(place)).order_by("number"))
        facts = {"amount": Money(minor) if minor else None, "by": self.scene.dora, "reason": reason, "now": self.now}
        for attempt in attempts:
            self.act(partial(refund_request, attempt=attempt, **facts))

    # --- banks, operator, time, trouble -----------------------------------------------------------------------------

    @precondition(lambda self: any(one.state == "processing" for one in self.world.payments))
    @rule(paid=st.booleans())
    def bank_answers(self, paid: bool) -> None:
        payment = next(one for one in self.world.payments if one.state == "processing")
        if paid:
            self.world.pay(payment)
        else:
            payment.state, payment.reason = "failed", "insufficient_funds"
            self.world.tell(payment.provider, "payment", payment.reference)

    @precondition(lambda self: self.disputable())
    @rule()
    def payer_disputes(self) -> None:
        self.world.quarrel(self.disputable()[0])

    @precondition(lambda self: self.disputed())
    @rule(state=st.sampled_from(["won", "lost"]))
    def dispute_is_decided(self, state: Any) -> None:
        self.world.quarrel_ends(self.disputed()[0], state)

    @precondition(lambda self: self.going_back())
    @rule(state=st.sampled_from(["succeeded", "failed"]))
    def refund_ends(self, state: Any) -> None:
        self.world.back_ends(*self.going_back()[0], state)

    @precondition(lambda self: self.world.events)
    @rule(event=st.integers(0, 20))
    def webhook(self, event: int) -> None:
        """Any that was ever sent: late, again, before an earlier one."""
        self.act(lambda: self.tell(event, "by us"))

    @precondition(lambda self: self.world.events)
    @rule(event=st.integers(0, 20))
    def forged_webhook(self, event: int) -> None:
        with self.blade.sheathed():
            before = InboxEvent.objects.count()
            with pytest.raises(InvalidInput):
                self.tell(event, "by Eve")
            assert InboxEvent.objects.count() == before

    @rule()
    def look(self) -> None:
        self.act(self.run)

    @rule(by=st.sampled_from(WAITS))
    def wait(self, by: timedelta) -> None:
        self.scene.clock.advance(by)
        self.world.time_passes()
        self.act(self.run)

    @rule(
        card=st.sampled_from(["pays", "pays", "declines", "asks", "expired", "thinks"]),
        refunds=st.sampled_from(["succeeded", "pending", "failed"]),
        operator=st.sampled_from(_OPERATORS),
    )
    def outside_changes(self, card: str, refunds: Any, operator: Any) -> None:
        self.world.card, self.world.refunds, self.world.operator = card, refunds, operator

    @rule(trouble=_TROUBLES)
    def trouble(self, trouble: Any) -> None:
        self.world.trouble = trouble

    @rule(statements=st.integers(0, 80))
    def kill_soon(self, statements: int) -> None:
        self.blade.left = statements

    @rule(
        first=st.booleans(), does=st.sampled_from(["click", "cash", "cancel", "look", "tell", "hand_back"]), n=_PLACES
    )
    def meanwhile(self, first: bool, does: str, n: int) -> None:
        """Somebody else acts while the next call is on its way, in another process."""
        acts: dict[str, Callable[[], object]] = {
            "click": lambda: payment_begin(order=self.order(n), provider=_WAYS[n % 4], now=self.now),
            "cash": lambda: self.cash(n),
            "cancel": lambda: order_cancel(order=self.order(n), by=None, now=self.now),
            "look": self.run,
            "tell": lambda: self.tell(-1 - n, "by us") if self.world.events else None,
            "hand_back": lambda: self.hand_back(n),
        }
        self.world.first, self.world.meanwhile = first, lambda: self.act(acts[does])

    @rule()
    def work_the_stuck_list(self) -> None:
        with self.blade.sheathed():
            self.person()


@pytest.fixture
def scene(db: None, clock: FrozenClock, settings: Any, tmp_path: Path) -> Scene:
    """One card pays for two new numbers a day at most; what it pays for a third goes back."""
    ways = {"stripe": f"{_HERE}.Cards", "paypal": f"{_HERE}.Approvals"}
    settings.PAYMENT_PROVIDERS = {**settings.PAYMENT_PROVIDERS, **ways}
    settings.SAVING_PROVIDERS = {"stripe": f"{_HERE}.SavedCards"}
    settings.GATEWAYS = {"model": f"{_HERE}.Operator"}
    settings.PAYMENT_LIMITS = str(tmp_path / "limits.toml")
    Path(settings.PAYMENT_LIMITS).write_text(FILE.read_text().replace("new_numbers = 5", "new_numbers = 2"))
    lines = [factories.line() for _ in range(_MOST_ORDERS - 1)]
    for price in (500, 1000):
        orders.offering(f"topup-{price // 100}", price=price)
    dora = factories.holder("dora@example.org", role="operations")
    wallet_credit(user=lines[0].holder, amount=Money(IN_WALLET), paid="bank", reason="hers", by=dora, now=clock.now())
    settings.OWNER_PAYS, settings.OWNER_PAYS_FOR = True, [lines[0].holder.email]
    facts: dict[str, Any] = {"name": "v", "amount": Money(500), "count": 2, "paid": "bank", "by": dora}
    pins = voucher_batch_make(**facts, now=clock.now()).pins
    period = {"valid_from": clock.now(), "valid_until": clock.now() + timedelta(days=999), "now": clock.now()}
    promotion_add(operator="", key="w", name="W", off_minor=200, code=CODE, uses_most=1, **period)
    made = Scene(clock, lines, factories.clerk(), dora, pins)
    stage = Story(made)
    stage.save(lines[0].holder)
    stage.run()
    stage.leave(keep=True)
    return made


def test_every_cent_is_accounted_for_whatever_happens(scene: Scene) -> None:
    # PostgreSQL is asked mainly whether it says the same.
    many = hypothesis.settings().max_examples // (3 if connection.vendor == "sqlite" else 10)
    told = hypothesis.settings(max_examples=many, suppress_health_check=list(hypothesis.HealthCheck))
    run_state_machine_as_test(partial(Story, scene), settings=told)
