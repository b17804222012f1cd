"""The two ways to pay at which somebody outside is asked: how their payers, their banks and their messages behave."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.ports import Begun, provider
from lineaviva.kernel import agenda
from lineaviva.kernel.money import Money
from lineaviva.sandbox import person
from lineaviva.sandbox.paypal.telling import signed
from lineaviva.sandbox.provider.events import signature
from tests.conftest import NOON
from tests.contracts.sides import NOBODYS, SOON, Counter, Webhook
from tests.sandbox.provider.process import WEBHOOK_SECRET, Bank, http


class AtTheBank:
    """What both have in common: they live in the sandbox's provider process, each with its own API."""

    name = ""
    refusal = ("", "open")
    mistaken = ("open", [500])

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def ready(self, counter: Counter) -> None:
        """The bank tells of nothing by itself: what is told, a test tells."""
        self.bank.knobs(webhook_never_percent=100)

    def clock_at(self, now: datetime) -> None:
        self.bank.clock_at(now)

    def approve(self, begun: Begun) -> None:
        raise NotImplementedError

    def decline(self, begun: Begun) -> None:
        raise NotImplementedError

    def pay(self, counter: Counter, attempt: PaymentAttempt) -> None:
        self.approve(begun_of(attempt))

    def refuse(self, counter: Counter, order: ProductOrder) -> PaymentAttempt:
        attempt = counter.begin(order)
        self.decline(begun_of(attempt))
        counter.after(SOON)
        attempt.refresh_from_db()
        return attempt

    def relent(self, counter: Counter, order: ProductOrder) -> None:
        self.pay(counter, counter.begin(order))

    def hand_back(self, counter: Counter, order: ProductOrder) -> None:
        """The provider has done it."""

    def mistake(self, counter: Counter, order: ProductOrder, amount: Money) -> None:
        """Its page asks for something else than our row, as after a row was mended by hand."""
        attempt = counter.begin(order)
        asked = {"amount_minor": amount.minor, "currency": amount.currency}
        PaymentAttempt.objects.filter(pk=attempt.pk).update(**asked)
        self.pay(counter, attempt)
        counter.after(SOON)
        attempt.refresh_from_db()
        assert "asked for" in attempt.stuck_reason
        agenda.unstick(attempt, counter.now)
        PaymentAttempt.objects.filter(pk=attempt.pk).update(amount_minor=500, currency="EUR")

    def ask_unknown(self, counter: Counter) -> None:
        provider(self.name).fetch(NOBODYS)

    def account(self, counter: Counter) -> str:
        return f"provider:{self.name}"

    def took(self) -> list[int]:
        return [charge["amount"] for charge in self.bank.money()["charges"]]

    def gave(self) -> list[int]:
        return sorted(refund["amount"] for refund in self.bank.money()["refunds"])

    def down(self, how: str) -> None:
        self.bank.knobs(error_percent=100 if how == "error" else 0, lost_answer_percent=100 if how == "lost" else 0)


def begun_of(attempt: PaymentAttempt) -> Begun:
    return Begun(attempt.provider_ref, attempt.redirect_url)


class StripeSide(AtTheBank):
    name, refusal = "stripe", ("insufficient_funds", "open")
    refused, not_confirmed, refused_ends = "insufficient_funds", "not_confirmed", ("failed", "insufficient_funds")
    nothing_ends, too_old, fee, dispute_fee = "", timedelta(hours=1), 33, 2000
    # What was paid on its page is found as soon as it can be asked again.
    down_ends = "paid"
    kinds = ("checkout.session.completed", "checkout.session.async_payment_succeeded")

    def approve(self, begun: Begun) -> None:
        self._card(begun, person.SUCCESS)

    collect = approve

    def decline(self, begun: Begun) -> None:
        self._card(begun, person.INSUFFICIENT)

    def begin_confirmation(self, begun: Begun) -> None:
        self._card(begun, person.THREE_D_SECURE)

    def refuse_confirmation(self, begun: Begun) -> None:
        self.begin_confirmation(begun)
        http.post(f"{begun.redirect_url}/3ds", data={"answer": "refuse"})

    def _card(self, begun: Begun, number: str) -> None:
        http.post(begun.redirect_url, data={"card": number})

    def webhook(
        self, begun: Begun, event_id: str, *, kind: str = "", secret: str = "", age: timedelta = timedelta(0)
    ) -> Webhook:
        return self._event(event_id, kind or self.kinds[0], begun.reference, secret or WEBHOOK_SECRET, age)

    def other_webhook(self) -> Webhook:
        return self._event("evt_other", "customer.created", "cus_1", WEBHOOK_SECRET, timedelta(0))

    def _event(self, event_id: str, kind: str, about: str, secret: str, age: timedelta) -> Webhook:
        document = {"id": event_id, "object": "event", "type": kind, "data": {"object": {"id": about}}}
        body = json.dumps(document).encode()
        return {"stripe-signature": signature(body, secret, int((NOON - age).timestamp()))}, body


class PayPalSide(AtTheBank):
    name, refusal = "paypal", ("instrument_declined", "open")
    # A payer who goes away refuses nothing, and an order that is closed remembers no refusal.
    refused, not_confirmed, refused_ends = "instrument_declined", "", ("expired", "not_paid_in_time")
    nothing_ends, too_old, fee, dispute_fee = "expired", timedelta(days=5), 52, 0
    # We alone collect, and do not for an order that is over.
    down_ends = "expired"
    kinds = ("CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED")

    def approve(self, begun: Begun) -> None:
        self._payer(begun, "success")

    def collect(self, begun: Begun) -> None:
        """The payer approves, comes back to the shop, and the shop asks how it stands."""
        self.approve(begun)
        provider(self.name).fetch(begun.reference)

    def decline(self, begun: Begun) -> None:
        self._payer(begun, "declined")

    def begin_confirmation(self, begun: Begun) -> None:
        http.get(begun.redirect_url).raise_for_status()

    refuse_confirmation = begin_confirmation

    def _payer(self, begun: Begun, payer: str) -> None:
        http.post(begun.redirect_url, data={"payer": payer})

    def webhook(
        self, begun: Begun, event_id: str, *, kind: str = "", secret: str = "", age: timedelta = timedelta(0)
    ) -> Webhook:
        return self._event(event_id, kind or self.kinds[0], begun.reference, secret or WEBHOOK_SECRET, age)

    def other_webhook(self) -> Webhook:
        return self._event("WH-other", "VAULT.PAYMENT-TOKEN.CREATED", "8kk845", WEBHOOK_SECRET, timedelta(0))

    def _event(self, event_id: str, kind: str, about: str, secret: str, age: timedelta) -> Webhook:
        document = {"id": event_id, "event_type": kind, "resource": {"id": about}}
        headers = signed(document, secret, (NOON - age).isoformat())
        return {name.lower(): value for name, value in headers.items()}, json.dumps(document).encode()
