"""What every payment provider must do, whatever it is called. To add one: write its `Harness` and put it in HARNESSES.

A harness knows how the provider's own side is moved: how a payer pays there, refuses there, how its webhooks look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx
import pytest
import stripe

from lineaviva.keeper.payments.errors import REASONS
from lineaviva.keeper.payments.ports import Asked, Begun, Bill, PaymentProvider, Return, Urls, disputing, provider
from lineaviva.keeper.payments.rules import refund_key
from lineaviva.keeper.payments.stripe import listing
from lineaviva.kernel.errors import InvalidInput, LineavivaError, NeedsPerson, Permanent, Temporary
from lineaviva.kernel.money import Money
from lineaviva.sandbox import person
from lineaviva.sandbox.paypal.telling import signed
from lineaviva.sandbox.provider.events import signature
from tests.conftest import NOON
from tests.sandbox.provider.process import API_KEY, PAYPAL, WEBHOOK_SECRET, Bank, Shop, http

pytestmark = pytest.mark.processes
URLS = Urls(success="http://127.0.0.1:1/orders/K2M7F5PW/?from=payment", cancel="http://127.0.0.1:1/orders/K2M7F5PW/")
FIVE = Money(500)
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


class Harness(Protocol):
    """The provider's own side."""

    name: str
    # What `Status.reason` says after `refuse` and `refuse_confirmation`, and how a payment ends that is closed then.
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

    def pay(self, begun: Begun) -> None: ...

    def refuse(self, begun: Begun) -> None:
        """The payer's bank refuses; the provider's page stays open."""

    def refuse_confirmation(self, begun: Begun) -> None:
        """3-D Secure, or what takes its place, is refused by the payer."""

    def begin_confirmation(self, begun: Begun) -> None:
        """The payer is asked to confirm, and goes away."""

    def down(self, how: str) -> None:
        """`error`: nothing is done. `lost`: it is done and the answer is lost. `up`: all is well."""

    def collected(self) -> list[int]:
        """Amounts that the provider has collected, by its own list."""

    def given_back(self) -> list[int]: ...

    def webhook(self, begun: Begun, event_id: str, *, secret: str = "", age: timedelta = timedelta(0)) -> Webhook:
        """A webhook about this payment as the provider sends it."""

    def other_webhook(self) -> Webhook:
        """A true webhook about something that we do not use."""


class StripeHarness:
    name = "stripe"
    refused, not_confirmed, refused_ends = "insufficient_funds", "not_confirmed", ("failed", "insufficient_funds")
    nothing_ends, too_old, fee, dispute_fee = "", timedelta(hours=1), 33, 2000

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def _card(self, begun: Begun, number: str) -> None:
        http.post(begun.redirect_url, data={"card": number})

    def pay(self, begun: Begun) -> None:
        self._card(begun, person.SUCCESS)

    def refuse(self, begun: Begun) -> None:
        self._card(begun, person.INSUFFICIENT)

    def begin_confirmation(self, begun: Begun) -> None:
        self._card(begun, person.THREE_D_SECURE)

    def refuse_confirmation(self, begun: Begun) -> None:
        self.begin_confirmation(begun)
        http.post(f"{begun.redirect_url}/3ds", data={"answer": "refuse"})

    def down(self, how: str) -> None:
        self.bank.knobs(error_percent=100 if how == "error" else 0, lost_answer_percent=100 if how == "lost" else 0)

    def collected(self) -> list[int]:
        return [charge["amount"] for charge in self.bank.money()["charges"]]

    def given_back(self) -> list[int]:
        return [refund["amount"] for refund in self.bank.money()["refunds"]]

    def webhook(self, begun: Begun, event_id: str, *, secret: str = "", age: timedelta = timedelta(0)) -> Webhook:
        return self._event(event_id, "checkout.session.completed", begun.reference, secret or WEBHOOK_SECRET, age)

    def other_webhook(self) -> Webhook:
        return self._event("evt_other", "customer.created", "cus_1", WEBHOOK_SECRET, timedelta(0))

    def _event(self, event_id: str, kind: str, about: str, secret: str, age: timedelta) -> Webhook:
        document = {"id": event_id, "object": "event", "type": kind, "data": {"object": {"id": about}}}
        body = json.dumps(document).encode()
        return {"stripe-signature": signature(body, secret, int((NOON - age).timestamp()))}, body


class PayPalHarness:
    name = "paypal"
    # A payer who goes away refuses nothing, and an order that is closed remembers no refusal.
    refused, not_confirmed, refused_ends = "instrument_declined", "", ("expired", "not_paid_in_time")
    nothing_ends, too_old, fee, dispute_fee = "expired", timedelta(days=5), 52, 0

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def pay(self, begun: Begun) -> None:
        """The payer approves, comes back to the shop, and the shop asks how it stands."""
        self._approve(begun, "success")
        provider(self.name).fetch(begun.reference)

    def refuse(self, begun: Begun) -> None:
        self._approve(begun, "declined")

    def begin_confirmation(self, begun: Begun) -> None:
        http.get(begun.redirect_url).raise_for_status()

    refuse_confirmation = begin_confirmation

    def _approve(self, begun: Begun, payer: str) -> None:
        http.post(begun.redirect_url, data={"payer": payer})

    def down(self, how: str) -> None:
        self.bank.knobs(error_percent=100 if how == "error" else 0, lost_answer_percent=100 if how == "lost" else 0)

    def collected(self) -> list[int]:
        return [charge["amount"] for charge in self.bank.money()["charges"]]

    def given_back(self) -> list[int]:
        return [refund["amount"] for refund in self.bank.money()["refunds"]]

    def webhook(self, begun: Begun, event_id: str, *, secret: str = "", age: timedelta = timedelta(0)) -> Webhook:
        return self._event(event_id, "CHECKOUT.ORDER.APPROVED", begun.reference, secret or WEBHOOK_SECRET, age)

    def other_webhook(self) -> Webhook:
        return self._event("WH-other", "VAULT.PAYMENT-TOKEN.CREATED", "8kk845", WEBHOOK_SECRET, timedelta(0))

    def _event(self, event_id: str, kind: str, about: str, secret: str, age: timedelta) -> Webhook:
        document = {"id": event_id, "event_type": kind, "resource": {"id": about}}
        headers = signed(document, secret, (NOON - age).isoformat())
        return {name.lower(): value for name, value in headers.items()}, json.dumps(document).encode()


# Providers that collect by themselves. Cash is collected by a clerk, and has its own part below.
HARNESSES = {"stripe": StripeHarness, "paypal": PayPalHarness}


@pytest.fixture(params=HARNESSES)
def side(
    request: pytest.FixtureRequest, bank: Bank, shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Harness]:
    # Its library tries a second time at once, where it would have waited for half a second.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET, settings.STRIPE_API_BASE = (
        API_KEY,
        WEBHOOK_SECRET,
        bank.url,
    )
    settings.PAYPAL_API_BASE = f"{bank.url}/paypal"
    for name, value in PAYPAL.items():
        setattr(settings, name, value)
    bank.forget()
    bank.clock_at(NOON)
    yield HARNESSES[request.param](bank)
    bank.forget()


@pytest.fixture
def port(side: Harness) -> PaymentProvider:
    return provider(side.name)


def paid(port: PaymentProvider, side: Harness) -> tuple[Begun, str]:
    begun = port.begin(bill(), URLS)
    side.pay(begun)
    return begun, port.fetch(begun.reference).charge_ref


def back(charge_ref: str, reference: str = "", *, part: Money | None = None, number: int = 1) -> Return:
    return Return(
        key=refund_key("pay:K2M7F5PW:1", number),
        charge_ref=charge_ref,
        amount=part or FIVE,
        order_code="K2M7F5PW",
        reference=reference,
        whole=part is None,
    )


# --- collecting -------------------------------------------------------------------------------------------------


def test_it_says_what_it_is(port: PaymentProvider) -> None:
    assert port.configured is True
    assert port.polled is True
    assert timedelta(minutes=30) < port.lifetime <= timedelta(hours=24)


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "it", "en", "xx"])
def test_begun_and_open(port: PaymentProvider, language: str) -> None:
    begun = port.begin(bill(language=language), URLS)
    assert begun.reference
    assert httpx.URL(begun.redirect_url).scheme == "http"
    status = port.fetch(begun.reference)
    assert (status.state, status.amount, status.charge_ref, status.reason) == ("open", None, "", "")
    assert status.key == "pay:K2M7F5PW:1"


def test_paid(port: PaymentProvider, side: Harness) -> None:
    begun = port.begin(bill(), URLS)
    side.pay(begun)
    status = port.fetch(begun.reference)
    assert (status.state, status.amount, status.key) == ("succeeded", FIVE, "pay:K2M7F5PW:1")
    assert status.charge_ref
    assert status.charge_ref != begun.reference
    assert side.collected() == [500]


@pytest.mark.parametrize("amount", [Money(501), Money(12_345), Money(500, "USD")], ids=str)
def test_what_is_collected_is_what_was_asked_for(port: PaymentProvider, side: Harness, amount: Money) -> None:
    begun = port.begin(bill(amount=amount), URLS)
    side.pay(begun)
    assert port.fetch(begun.reference).amount == amount


def test_begun_twice_is_one_payment(port: PaymentProvider, side: Harness) -> None:
    first = port.begin(bill(), URLS)
    assert port.begin(bill(), URLS) == first
    side.pay(first)
    assert port.begin(bill(), URLS) == first
    assert side.collected() == [500]


def test_another_key_is_another_payment(port: PaymentProvider) -> None:
    assert port.begin(bill(), URLS).reference != port.begin(bill(key="pay:K2M7F5PW:2"), URLS).reference


def test_one_key_for_two_amounts_is_refused(port: PaymentProvider, side: Harness) -> None:
    begun = port.begin(bill(), URLS)
    with pytest.raises(Permanent):
        port.begin(bill(amount=Money(501)), URLS)
    assert port.fetch(begun.reference).state == "open"
    assert side.collected() == []


@pytest.mark.parametrize("happens", ["refuse", "refuse_confirmation", "begin_confirmation"])
def test_not_paid_this_time(port: PaymentProvider, side: Harness, happens: str) -> None:
    reason = {"refuse": side.refused, "refuse_confirmation": side.not_confirmed}.get(happens, "")
    begun = port.begin(bill(), URLS)
    getattr(side, happens)(begun)
    for _ in range(2):
        status = port.fetch(begun.reference)
        assert (status.state, status.reason, status.amount) == ("open", reason, None)
    assert not reason or reason in REASONS
    assert side.collected() == []
    side.pay(begun)
    assert (port.fetch(begun.reference).state, port.fetch(begun.reference).reason) == ("succeeded", "")


# --- closing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
def test_closed_nothing_can_be_collected(port: PaymentProvider, side: Harness, times: int) -> None:
    begun = port.begin(bill(), URLS)
    for _ in range(times):
        status = port.close(begun.reference)
        assert (status.state, status.reason) == ("expired", "not_paid_in_time")
    side.pay(begun)
    assert port.fetch(begun.reference).state == "expired"
    assert side.collected() == []


def test_closed_after_a_refusal_it_has_failed(port: PaymentProvider, side: Harness) -> None:
    begun = port.begin(bill(), URLS)
    side.refuse(begun)
    status = port.close(begun.reference)
    assert (status.state, status.reason) == side.refused_ends
    assert side.collected() == []


def test_closed_while_the_payer_confirms(port: PaymentProvider, side: Harness) -> None:
    begun = port.begin(bill(), URLS)
    side.begin_confirmation(begun)
    assert port.close(begun.reference).state == "expired"
    assert side.collected() == []


def test_closing_what_is_paid_finds_the_money(port: PaymentProvider, side: Harness) -> None:
    begun, charge = paid(port, side)
    status = port.close(begun.reference)
    assert (status.state, status.amount, status.charge_ref) == ("succeeded", FIVE, charge)


# --- giving back ------------------------------------------------------------------------------------------------


def test_given_back_once_however_often_it_is_asked(port: PaymentProvider, side: Harness) -> None:
    _begun, charge = paid(port, side)
    first = port.refund(back(charge))
    assert first.state == "succeeded"
    assert port.refund(back(charge)) == first
    assert port.refund(back(charge, first.reference)) == first
    assert side.given_back() == [500]


def test_given_back_it_still_counts_as_collected(port: PaymentProvider, side: Harness) -> None:
    begun, charge = paid(port, side)
    port.refund(back(charge))
    assert port.fetch(begun.reference).state == "succeeded"
    assert port.close(begun.reference).state == "succeeded"


def test_given_back_in_parts_each_once(port: PaymentProvider, side: Harness) -> None:
    _begun, charge = paid(port, side)
    for number, part in ((1, Money(300)), (2, Money(200))):
        first = port.refund(back(charge, part=part, number=number))
        assert first.state == "succeeded"
        assert port.refund(back(charge, part=part, number=number)) == first
    assert sorted(side.given_back()) == [200, 300]
    with pytest.raises(Permanent):
        port.refund(back(charge, part=Money(1), number=3))


def test_more_than_was_collected_is_not_given_back(port: PaymentProvider, side: Harness) -> None:
    _begun, charge = paid(port, side)
    with pytest.raises(Permanent):
        port.refund(back(charge, part=Money(501)))
    assert side.given_back() == []


@pytest.mark.parametrize("reference", ["", "nothing_of_that_name"])
def test_what_there_is_not_is_not_given_back(port: PaymentProvider, side: Harness, reference: str) -> None:
    with pytest.raises(Permanent):
        port.refund(back("nothing_of_that_name", reference))
    assert side.given_back() == []


# --- its own list -----------------------------------------------------------------------------------------------


def test_its_list_has_what_was_collected_and_given_back_of_a_day(
    port: PaymentProvider, side: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_A_PAGE", 1)
    begun, charge = paid(port, side)
    refund = port.refund(back(charge, part=Money(200)))
    asked = Asked("payment", begun.reference)
    found = list(port.listing(NOON.date(), [asked, asked]))
    assert [(each.kind, each.reference, each.amount, each.key) for each in found] == [
        ("charge", charge, FIVE, "pay:K2M7F5PW:1"),
        ("refund", refund.reference, Money(-200), "refund:pay:K2M7F5PW:1"),
    ]
    assert all(abs(each.at - NOON) < timedelta(minutes=5) for each in found)
    assert len({each.line for each in found}) == len(found)
    for other in (NOON - timedelta(days=1), NOON + timedelta(days=1)):
        assert list(port.listing(other.date(), ())) == []


def test_what_a_provider_keeps_of_a_charge_is_told_with_it(port: PaymentProvider, side: Harness) -> None:
    begun, _charge = paid(port, side)
    fees = [movement.fee for movement in port.listing(NOON.date(), [Asked("payment", begun.reference)])]
    assert fees == [Money(side.fee)]


@pytest.mark.parametrize("how", ["error", "lost"])
def test_down_while_listing(port: PaymentProvider, side: Harness, how: str) -> None:
    side.down(how)
    with pytest.raises(Temporary):
        list(port.listing(NOON.date(), [Asked("payment", "any")]))


# --- disputes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["won", "lost"])
def test_a_dispute_from_its_opening_to_its_end(port: PaymentProvider, side: Harness, bank: Bank, end: str) -> None:
    begun, charge = paid(port, side)
    name = bank.dispute(charge)
    teller = disputing(side.name)
    assert teller is not None
    opened = teller.dispute(name)
    assert (opened.reference, opened.charge_ref, opened.amount, opened.state) == (name, charge, FIVE, "open")
    assert opened.reason.lower() in {"fraudulent", "unauthorised"}
    assert abs(opened.opened_at - NOON) < timedelta(minutes=5)
    assert opened.answer_by is not None
    assert opened.answer_by > NOON + timedelta(days=6)
    with pytest.raises(Permanent):
        port.refund(back(charge))
    bank.decide(name, "under_review")
    assert (teller.dispute(name).state, teller.dispute(name).answer_by) == ("under_review", None)
    bank.decide(name, end)
    found = teller.dispute(name)
    assert found.state == end
    moved = sum(movement.amount.minor for movement in found.movements)
    assert moved == (-500 if end == "lost" else 0)
    assert sum(movement.fee.minor for movement in found.movements) == side.dispute_fee
    assert {movement.reference for movement in found.movements} <= {name}
    listed = [one for one in port.listing(NOON.date(), ()) if one.kind == "dispute"]
    assert [one.line for one in found.movements] == [one.line for one in listed or found.movements]
    assert side.given_back() == []
    assert begun.reference


def test_what_is_not_disputed(port: PaymentProvider, side: Harness) -> None:
    teller = disputing(side.name)
    assert teller is not None
    with pytest.raises(Permanent):
        teller.dispute("nothing_of_that_name")


# --- trouble ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["error", "lost"])
def test_down_while_beginning(port: PaymentProvider, side: Harness, how: str) -> None:
    side.down(how)
    with pytest.raises(Temporary):
        port.begin(bill(), URLS)
    side.down("up")
    begun = port.begin(bill(), URLS)
    side.pay(begun)
    assert port.begin(bill(), URLS) == begun
    assert side.collected() == [500]


@pytest.mark.parametrize("how", ["error", "lost"])
@pytest.mark.parametrize("call", ["fetch", "close"])
def test_down_while_asking(port: PaymentProvider, side: Harness, how: str, call: str) -> None:
    begun, _charge = paid(port, side)
    side.down(how)
    with pytest.raises(Temporary):
        getattr(port, call)(begun.reference)
    side.down("up")
    assert getattr(port, call)(begun.reference).state == "succeeded"


@pytest.mark.parametrize("how", ["error", "lost"])
def test_down_while_giving_back(port: PaymentProvider, side: Harness, how: str) -> None:
    _begun, charge = paid(port, side)
    side.down(how)
    with pytest.raises(Temporary):
        port.refund(back(charge))
    assert side.given_back() == ([500] if how == "lost" else [])
    side.down("up")
    assert port.refund(back(charge)).state == "succeeded"
    assert side.given_back() == [500]


def test_what_there_is_not(port: PaymentProvider, side: Harness) -> None:
    with pytest.raises(Permanent):
        port.fetch("nothing_of_that_name")
    if side.nothing_ends:
        assert port.close("nothing_of_that_name").state == side.nothing_ends
    else:
        with pytest.raises(Permanent):
            port.close("nothing_of_that_name")


# --- webhooks ---------------------------------------------------------------------------------------------------


def test_a_webhook_says_what_to_ask_about(port: PaymentProvider, side: Harness) -> None:
    begun = port.begin(bill(), URLS)
    headers, body = side.webhook(begun, "event_1")
    hint = port.parse_webhook(headers, body, NOON)
    assert (hint.external_id, hint.about, hint.reference) == ("event_1", "payment", begun.reference)
    assert port.parse_webhook(headers, body, NOON) == hint
    assert hint.kind


def test_a_webhook_of_no_interest(port: PaymentProvider, side: Harness) -> None:
    assert port.parse_webhook(*side.other_webhook(), NOON).about == "nothing"


def _forged(side: Harness, begun: Begun) -> Mapping[str, Webhook]:
    headers, body = side.webhook(begun, "event_1")
    return {
        "another secret": side.webhook(begun, "event_1", secret="another"),
        "another body": (headers, body.replace(b"event_1", b"event_2")),
        "no headers": ({}, body),
        "too old": side.webhook(begun, "event_1", age=side.too_old),
        "empty": (headers, b""),
        "broken": (headers, b"{"),
    }


@pytest.mark.parametrize("how", ["another secret", "another body", "no headers", "too old", "empty", "broken"])
def test_a_forged_webhook(port: PaymentProvider, side: Harness, how: str) -> None:
    headers, body = _forged(side, port.begin(bill(), URLS))[how]
    with pytest.raises(InvalidInput) as refusal:
        port.parse_webhook(headers, body, NOON)
    assert refusal.value.status == 400


# --- cash -------------------------------------------------------------------------------------------------------


def test_cash_is_opened_and_closed_by_us_alone() -> None:
    cash = provider("cash")
    assert (cash.configured, cash.polled, cash.lifetime) == (True, False, timedelta(hours=48))
    assert (cash.reconciles, list(cash.listing(NOON.date(), ()))) == (False, [])
    assert disputing("cash") is None
    begun = cash.begin(bill(), URLS)
    assert begun == cash.begin(bill(), URLS) == Begun("pay:K2M7F5PW:1", "")
    assert cash.fetch(begun.reference).state == "open"
    assert cash.close(begun.reference).state == "expired"


def test_cash_goes_back_by_a_person() -> None:
    with pytest.raises(NeedsPerson) as what:
        provider("cash").refund(back("pay:K2M7F5PW:1"))
    assert "5.00 EUR in cash" in what.value.what
    assert "K2M7F5PW" in what.value.what


def test_cash_has_no_webhooks() -> None:
    with pytest.raises(LineavivaError) as refusal:
        provider("cash").parse_webhook({}, b"{}", datetime.now(NOON.tzinfo))
    assert refusal.value.status == 404
