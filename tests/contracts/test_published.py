"""PayPal's published description, served by Prism: our requests and our pretend PayPal's answers are what it allows.

The tests of rows beside this one ask through the same proxy. Here are those calls that they do not make, and the proof
that what is not allowed is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lineaviva.keeper.payments.paypal.client import call
from lineaviva.keeper.payments.ports import Asked, Card, Wish, provider, saving
from lineaviva.kernel.errors import AdapterError, LineavivaError, Permanent
from lineaviva.kernel.money import Money
from lineaviva.sandbox.paypal.telling import signed
from tests.conftest import NOON
from tests.contracts.outside import PayPalSide
from tests.contracts.sides import FIVE, URLS, back, bill
from tests.prism.corrections import CORRECTIONS, at, corrected, published
from tests.prism.front import Front, operation, served
from tests.prism.liar import lying
from tests.sandbox.provider.process import PAYPAL, WEBHOOK_SECRET, Bank, http

pytestmark = pytest.mark.processes
CARD = Card("customer_4029352050", "8kk8451t", brand="paypal")
LANGUAGES = ("zh-hans", "zh-hant", "it", "en")


def wish(language: str = "it") -> Wish:
    return Wish("save:1", "anna@example.org", language, "Rinnovo automatico", NOON + timedelta(hours=1))


# --- a PayPal that is made of its description ------------------------------------------------------------------------

ORDERS, CAPTURES, VAULT = "/v2/checkout/orders", "/v2/payments/captures", "/v3/vault"
ASKED: dict[str, Any] = {
    f"POST {ORDERS}": lambda: [provider("paypal").begin(bill(language=language), URLS) for language in LANGUAGES],
    f"GET {ORDERS}/{{id}}": lambda: provider("paypal").fetch("5O190127TN364715T"),
    f"PATCH {ORDERS}/{{id}}": lambda: provider("paypal").close("5O190127TN364715T"),
    f"POST {ORDERS}/{{id}}/capture": lambda: saving("paypal").charge(bill(), CARD, "5O190127TN364715T"),
    f"GET {CAPTURES}/{{capture_id}}": lambda: provider("paypal").listing(
        NOON.date(), [Asked("capture", "2GG279541U471931P")]
    ),
    f"POST {CAPTURES}/{{capture_id}}/refund": lambda: provider("paypal").refund(
        back("2GG279541U471931P", part=Money(300))
    ),
    "GET /v2/payments/refunds/{refund_id}": lambda: provider("paypal").refund(
        back("2GG279541U471931P", "1JU08902781691411")
    ),
    f"POST {VAULT}/setup-tokens": lambda: [saving("paypal").save_begin(wish(language), URLS) for language in LANGUAGES],
    f"GET {VAULT}/setup-tokens/{{id}}": lambda: saving("paypal").save_fetch("5C991763VB2781612"),
    f"GET {VAULT}/payment-tokens/{{id}}": lambda: saving("paypal").kept(CARD),
    f"DELETE {VAULT}/payment-tokens/{{id}}": lambda: saving("paypal").forget(CARD),
    "GET /v1/customer/disputes/{id}": lambda: provider("paypal").dispute("PP-R-KPJ-10109187"),  # type: ignore[attr-defined]
    "POST /v1/notifications/verify-webhook-signature": lambda: provider("paypal").parse_webhook(*told(), NOON),
}


def told() -> tuple[dict[str, str], bytes]:
    document = {"id": "WH-1", "event_type": "CHECKOUT.ORDER.APPROVED", "resource": {"id": "5O190127TN364715T"}}
    headers = signed(document, WEBHOOK_SECRET, NOON.isoformat())
    return {name.lower(): value for name, value in headers.items()}, json.dumps(document).encode()


@pytest.fixture
def of_paper(mock: Front, settings: Any) -> Front:
    return asked_at(mock, settings)


@pytest.fixture
def of_lies(tmp_path: Path, settings: Any) -> Iterator[Front]:
    """Prism before somebody whose every answer is wrong."""
    with lying() as url, served("proxy", tmp_path, upstream=url, tokens=False) as front:
        yield asked_at(front, settings)


def asked_at(front: Front, settings: Any) -> Front:
    for name, value in PAYPAL.items():
        setattr(settings, name, value)
    settings.PAYPAL_API_BASE, settings.PUBLIC_URL = front.url, "http://bank.test"
    front.heard.clear()
    return front


def ask(name: str) -> None:
    try:
        ASKED[name]()
    except (AdapterError, LineavivaError):
        pass  # what is answered is made up: an order of somebody's, over some amount


@pytest.mark.parametrize("name", ASKED)
def test_each_request_is_one_that_is_published(of_paper: Front, name: str) -> None:
    ask(name)
    heard = [one for one in of_paper.heard if operation(one.method, one.path) == name]
    assert heard
    assert {one.status for one in heard} <= {200, 201, 204}, heard
    assert of_paper.objections() == []


def test_a_wrong_answer_to_each_call_is_found(of_lies: Front) -> None:
    """Prism lets through what it cannot read the description of: it can read each of these."""
    for name in ASKED:
        ask(name)
        found = [one for one in of_lies.objections() if operation(one.method, one.path) == name]
        assert found, name
        assert {one.objection.split(":")[0] for one in found} == {"VIOLATIONS"}, name
        assert all('"location": ["response' in one.objection for one in found), name


# --- our pretend PayPal, through Prism -------------------------------------------------------------------------------


@pytest.fixture
def paypal(front: Front, bank_at_noon: Bank, settings: Any) -> Front:
    settings.PAYPAL_API_BASE = front.url
    front.heard.clear()
    return front


def test_every_call_that_is_made_and_its_answer(paypal: Front, bank_at_noon: Bank) -> None:
    """An account is kept, charged, given back, disputed, found again and forgotten; and a payer pays by hand."""
    port, keeper, side = provider("paypal"), saving("paypal"), PayPalSide(bank_at_noon)
    page = keeper.save_begin(wish(), URLS)
    assert keeper.save_begin(wish(), URLS) == page
    assert keeper.save_fetch(page.reference).state == "open"
    http.post(page.redirect_url, data={"payer": "success"})
    card = keeper.save_fetch(page.reference).card
    assert card is not None
    # Long after its key was forgotten it is found by its customer.
    bank_at_noon.forget_keys()
    assert keeper.save_fetch(page.reference).card == card
    assert (card.brand, card.label, keeper.kept(card)) == ("paypal", "p…@example.org", True)
    reference = keeper.prepare(bill(), card)
    charged = keeper.charge(bill(), card, reference)
    assert (charged.status.state, charged.status.amount) == ("succeeded", FIVE)
    assert keeper.charge(bill(), card, reference).status == charged.status
    capture = charged.status.charge_ref
    refund = port.refund(back(capture, part=Money(200)))
    assert port.refund(back(capture, part=Money(200))) == port.refund(back(capture, refund.reference)) == refund
    asked = [Asked("capture", capture), Asked("payment", reference), Asked("refund", refund.reference)]
    assert sorted(one.amount.minor for one in port.listing(NOON.date(), asked)) == [-200, 500]
    dispute = bank_at_noon.dispute(capture)
    for state in ("under_review", "lost"):
        assert port.dispute(dispute).charge_ref == capture  # type: ignore[attr-defined]
        bank_at_noon.decide(dispute, state)
    assert port.dispute(dispute).state == "lost"  # type: ignore[attr-defined]
    for _ in range(2):
        keeper.forget(card)
    assert keeper.kept(card) is False
    with pytest.raises(Permanent):
        keeper.charge(bill("pay:K2M7F5PW:2"), card, keeper.prepare(bill("pay:K2M7F5PW:2"), card))
    by_hand = port.begin(bill("pay:K2M7F5PW:3"), URLS)
    side.collect(by_hand)
    assert port.fetch(by_hand.reference).state == "succeeded"
    assert port.parse_webhook(*side.webhook(by_hand, "event_1"), NOON).reference == by_hand.reference
    described = {f"{method.upper()} {path}" for path, calls in published()["paths"].items() for method in calls}
    assert paypal.calls() == described
    assert paypal.objections() == []


def test_the_question_whether_a_message_is_its_own_is_one_that_is_published(paypal: Front, bank_at_noon: Bank) -> None:
    """It has the whole message in it, as it came."""
    side = PayPalSide(bank_at_noon)
    begun = provider("paypal").begin(bill(), URLS)
    side.collect(begun)
    assert provider("paypal").parse_webhook(*side.webhook(begun, "event_1"), NOON).about == "payment"
    assert [one.status for one in paypal.heard if "verify" in one.path] == [200]
    assert paypal.objections() == []


# --- what is not allowed is found ------------------------------------------------------------------------------------

UNIT = {"amount": {"currency_code": "EUR", "value": "5.00"}}
NOT_ALLOWED: dict[str, tuple[str, str, Any]] = {
    "no such intent": ("POST", ORDERS, {"intent": "GIVE", "purchase_units": [UNIT]}),
    "no units": ("POST", ORDERS, {"intent": "CAPTURE"}),
    "an amount in words": ("POST", ORDERS, {"intent": "CAPTURE", "purchase_units": [{"amount": {"value": "five"}}]}),
    "a name that is none": ("GET", f"{ORDERS}/no-name", None),
    "a patch of nothing": ("PATCH", f"{ORDERS}/5O190127TN364715T", [{"path": "/intent"}]),
    "a capture of a number": ("POST", f"{ORDERS}/5O190127TN364715T/capture", {"payment_source": 5}),
    "a refund without its currency": ("POST", f"{CAPTURES}/2GG279541U471931P/refund", {"amount": {"value": "3.00"}}),
    "a setup token without a source": ("POST", f"{VAULT}/setup-tokens", {}),
    "a payment token of no type": ("POST", f"{VAULT}/payment-tokens", {"payment_source": {"token": {"id": "5C9"}}}),
    "a webhook without its id": ("POST", "/v1/notifications/verify-webhook-signature", {"auth_algo": "SHA256withRSA"}),
}


@pytest.mark.parametrize(("method", "path", "sent"), NOT_ALLOWED.values(), ids=NOT_ALLOWED.keys())
def test_a_request_that_is_not_allowed_is_found(
    paypal: Front, bank_at_noon: Bank, method: str, path: str, sent: Any
) -> None:
    with pytest.raises(Permanent):
        call(method, path, json=sent)
    [objection] = paypal.objections()
    assert (objection.method, objection.path, objection.status) == (method, path, 422)
    assert objection.objection.startswith("UNPROCESSABLE_ENTITY")
    assert bank_at_noon.money()["charges"] == []


def test_an_answer_of_which_nothing_is_published_is_found(paypal: Front) -> None:
    """Of its vault no 401 is published: whoever comes with a wrong token is answered so nevertheless."""
    wrong = {"Authorization": "Bearer wrong"}
    assert http.get(f"{paypal.url}{VAULT}/payment-tokens/8kk8451t", headers=wrong).status_code == 401
    [objection] = paypal.objections()
    assert objection.objection == "401 is not published"


# --- the table of corrections ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", CORRECTIONS, ids=lambda one: ".".join(str(name) for name in one.place[2:]))
def test_each_correction_finds_what_it_corrects_and_says_why(one: Any) -> None:
    assert at(published(), one.place) == one.was
    assert at(corrected(published()), one.place) == one.becomes
    assert one.was != one.becomes
    assert len(one.why.split()) > 8
