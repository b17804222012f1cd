"""How the other side of each way to pay is moved: who pays there, who refuses, what it says was taken and given back.

outside.py and here.py have them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.ports import Begun, Bill, PaymentProvider, Return, Urls
from lineaviva.keeper.payments.rules import refund_key
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.money import Money
from tests import factories
from tests.conftest import NOON
from tests.keeper.orders import factories as orders

URLS = Urls(success="http://127.0.0.1:1/orders/K2M7F5PW/?from=payment", cancel="http://127.0.0.1:1/orders/K2M7F5PW/")
FIVE = Money(500)
SOON = timedelta(seconds=10)
# Good as a name everywhere, and nobody's.
NOBODYS = "NOTHINGOFTHATNAME"
Webhook = tuple[dict[str, str], bytes]


def bill(key: str = "pay:K2M7F5PW:1", amount: Money = FIVE, language: str = "it") -> Bill:
    return Bill(
        key=key,
        order_code="K2M7F5PW",
        amount=amount,
        language=language,
        title="TIM 5 €",
        detail="Line …1234, order K2M7F5PW",
        email="anna@example.org",
        expires_at=NOON + timedelta(hours=1),
    )


def back(charge_ref: str, reference: str = "", *, part: Money | None = None, number: int = 1) -> Return:
    return Return(
        key=refund_key("pay:K2M7F5PW:1", number),
        charge_ref=charge_ref,
        amount=part or FIVE,
        order_code="K2M7F5PW",
        reference=reference,
        whole=part is None,
    )


class Counter:
    """Anna orders and pays, Chen is a clerk, Dora of operations. Everybody's clock stands until the test moves it."""

    def __init__(self, clock: FrozenClock, settings: Any, side: Side) -> None:
        self.clock, self.settings, self.side = clock, settings, side
        self.anna, self.chen = factories.anna(), factories.clerk()
        self.dora = factories.holder("dora@example.org", role="operations")
        side.ready(self)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def order(self) -> ProductOrder:
        """Five euros, for a line of Anna's."""
        return orders.order(now=self.now)

    def begin(self, order: ProductOrder, way: str = "") -> PaymentAttempt:
        return payment_begin(order=order, provider=way or self.side.name, now=self.now)

    def after(self, by: timedelta = timedelta(0)) -> None:
        """Let time pass, on the other side too, and then everything that is due happen."""
        self.clock.advance(by)
        self.side.clock_at(self.now)
        agenda.run_due(self.now)

    def paid(self) -> PaymentAttempt:
        """An order of Anna's, begun and paid."""
        attempt = self.begin(self.order())
        self.side.pay(self, attempt)
        self.after(SOON)
        attempt.refresh_from_db()
        return attempt


class Side(Protocol):
    """A way to pay, from the other side."""

    name: str
    # Why an attempt is refused there, as `PaymentAttempt.reason`, and what state it is in then.
    refusal: tuple[str, str]
    # How an attempt stands for which another amount was handed over, and what was taken then.
    mistaken: tuple[str, list[int]]

    def ready(self, counter: Counter) -> None:
        """Anna can pay twenty euros so."""

    def clock_at(self, now: datetime) -> None:
        """It is this late there, too."""

    def pay(self, counter: Counter, attempt: PaymentAttempt) -> None:
        """She does her part, or it is done by now. Done twice it is done once."""

    def refuse(self, counter: Counter, order: ProductOrder) -> PaymentAttempt:
        """The order is begun and refused."""

    def relent(self, counter: Counter, order: ProductOrder) -> None:
        """What was refused is paid after all."""

    def hand_back(self, counter: Counter, order: ProductOrder) -> None:
        """What a person has to do for money to be back."""

    def mistake(self, counter: Counter, order: ProductOrder, amount: Money) -> None:
        """Another amount, or currency, is handed over for the order; who keeps it outside, keeps it for a person."""

    def ask_unknown(self, counter: Counter) -> None:
        """Ask for what is not known; raises."""

    def account(self, counter: Counter) -> str:
        """Where its money lies in the books."""

    def took(self) -> list[int]:
        """What was taken, in minor units, by its own record."""

    def gave(self) -> list[int]:
        """What was given back, the same."""


class Outside(Side, Protocol):
    """A way to pay at which somebody outside is asked over a network."""

    # What `Status.reason` says after `decline` and `refuse_confirmation`, and how a payment ends that is closed then.
    refused: str
    not_confirmed: str
    refused_ends: tuple[str, str]
    # How `close` says that there is no such payment, where that is an answer.
    nothing_ends: str
    # A webhook of this age is sent by nobody but the provider.
    too_old: timedelta
    # What it keeps of five euros, and of five euros that are disputed.
    fee: int
    dispute_fee: int
    # How an order ends that was paid while nobody could be asked, until it was over.
    down_ends: str
    # Kinds of webhooks about a payment, in the order in which they are sent.
    kinds: tuple[str, str]

    def approve(self, begun: Begun) -> None:
        """The payer's own part at the provider's page."""

    def collect(self, begun: Begun) -> None:
        """The payer pays, and the money is collected."""

    def decline(self, begun: Begun) -> None:
        """The payer's bank refuses; the provider's page stays open."""

    def refuse_confirmation(self, begun: Begun) -> None:
        """3-D Secure, or what takes its place, is refused by the payer."""

    def begin_confirmation(self, begun: Begun) -> None:
        """The payer is asked to confirm, and goes away."""

    def down(self, how: str) -> None:
        """`error`: nothing is done. `lost`: it is done and the answer is lost. `up`: all is well."""

    def webhook(
        self, begun: Begun, event_id: str, *, kind: str = "", secret: str = "", age: timedelta = timedelta(0)
    ) -> Webhook:
        """A webhook about this payment as the provider sends it."""

    def other_webhook(self) -> Webhook:
        """A true webhook about something that we do not use."""


def collected(port: PaymentProvider, side: Outside) -> tuple[Begun, str]:
    """A payment that was begun and paid, and the name of its charge."""
    begun = port.begin(bill(), URLS)
    side.collect(begun)
    return begun, port.fetch(begun.reference).charge_ref
