"""Saved PayPal accounts: what is sent, by PayPal's own description, and what its answers mean."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lineaviva.keeper.payments.paypal.saved import PayPalSaving
from lineaviva.keeper.payments.ports import Card, Charged, SaveStatus, Status, Wish
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary
from lineaviva.kernel.money import Money
from tests.conftest import NOON
from tests.keeper.payments.test_paypal import BILL, URLS, Canned, order, paypal
from tests.sandbox.paypal.schemas import check_request

__all__ = ["paypal"]
CARD = Card("cus_1", "8kk8451t", "paypal", label="a…@example.org", fingerprint="VYYFH3WJ4JPJQ")
WISH = Wish("save:abc", "anna@example.org", "zh-hant", "保留這張卡", NOON + timedelta(hours=1))
PAYER = {"email_address": "anna@example.org", "payer_id": "VYYFH3WJ4JPJQ"}
TOKEN = {"id": "8kk8451t", "customer": {"id": "cus_1"}, "payment_source": {"paypal": PAYER}}


def setup(status: str) -> dict[str, Any]:
    links = [{"rel": "approve", "href": "https://paypal.test/agreements/approve?approval_session_id=5C9"}]
    return {"id": "5C9", "status": status, "customer": {"id": "cus_1"}, "links": links}


# --- saving ---------------------------------------------------------------------------------------------------------


def test_a_page_for_an_account_as_it_is_asked_for(paypal: Canned) -> None:
    paypal.answer(201, setup("PAYER_ACTION_REQUIRED"))
    begun = PayPalSaving().save_begin(WISH, URLS)
    assert (begun.reference, begun.redirect_url) == (
        "5C9",
        "https://paypal.test/agreements/approve?approval_session_id=5C9",
    )
    [request] = paypal.asked
    assert (request.method, request.url.path) == ("POST", "/v3/vault/setup-tokens")
    assert request.headers["PayPal-Request-Id"] == "save:abc"
    sent = json.loads(request.content)
    check_request("POST", request.url.path, sent)
    assert sent == {
        "payment_source": {
            "paypal": {
                "description": "Automatic renewal of phone lines",
                "permit_multiple_payment_tokens": True,
                "usage_type": "MERCHANT",
                "customer_type": "CONSUMER",
                "experience_context": {
                    "shipping_preference": "NO_SHIPPING",
                    "return_url": URLS.success,
                    "cancel_url": URLS.cancel,
                    "locale": "zh-TW",
                },
            }
        }
    }


@pytest.mark.parametrize(
    ("title", "description"),
    [("Keep this card: ok?", "Keep this card: ok?"), ("È così", "Automatic renewal of phone lines")],
)
def test_only_plain_letters_describe_it(paypal: Canned, title: str, description: str) -> None:
    paypal.answer(201, setup("CREATED"))
    PayPalSaving().save_begin(replace(WISH, title=title), URLS)
    sent = json.loads(paypal.asked[0].content)
    check_request("POST", "/v3/vault/setup-tokens", sent)
    assert sent["payment_source"]["paypal"]["description"] == description


def test_what_is_agreed_to_is_kept(paypal: Canned) -> None:
    paypal.answer(200, setup("APPROVED")).answer(201, TOKEN)
    assert PayPalSaving().save_fetch("5C9") == SaveStatus("saved", CARD)
    assert paypal.calls == [("GET", "/v3/vault/setup-tokens/5C9"), ("POST", "/v3/vault/payment-tokens")]
    assert paypal.asked[1].headers["PayPal-Request-Id"] == "keep:5C9"
    sent = json.loads(paypal.asked[1].content)
    check_request("POST", "/v3/vault/payment-tokens", sent)
    assert sent == {"payment_source": {"token": {"id": "5C9", "type": "SETUP_TOKEN"}}}


def test_what_was_kept_while_the_answer_was_lost_is_found(paypal: Canned) -> None:
    other = {"id": "card", "payment_source": {"card": {}}}
    paypal.answer(200, setup("VAULTED")).answer(200, {"payment_tokens": [other, TOKEN]})
    assert PayPalSaving().save_fetch("5C9") == SaveStatus("saved", CARD)
    assert paypal.asked[1].url.raw_path == b"/v3/vault/payment-tokens?customer_id=cus_1"


@pytest.mark.parametrize("status", ["CREATED", "PAYER_ACTION_REQUIRED", "SOMETHING_NEW"])
def test_what_nobody_has_agreed_to_is_open_until_its_time_is_over(paypal: Canned, status: str) -> None:
    paypal.answer(200, setup(status))
    assert PayPalSaving().save_fetch("5C9") == SaveStatus("open")
    assert PayPalSaving().save_close("5C9") == SaveStatus("expired")
    assert {method for method, _ in paypal.calls} == {"GET"}


def test_agreed_to_in_the_last_second_it_is_kept(paypal: Canned) -> None:
    paypal.answer(200, setup("APPROVED")).answer(201, TOKEN)
    assert PayPalSaving().save_close("5C9") == SaveStatus("saved", CARD)


def test_a_page_that_paypal_has_forgotten_is_over(paypal: Canned) -> None:
    paypal.refuse("RESOURCE_NOT_FOUND", 404)
    assert PayPalSaving().save_fetch("5C9") == SaveStatus("expired")
    paypal.answers = []
    paypal.refuse("SOMETHING_ELSE", 422)
    with pytest.raises(Permanent):
        PayPalSaving().save_fetch("5C9")


@pytest.mark.parametrize(
    ("address", "label"), [("anna@example.org", "a…@example.org"), ("", ""), ("x", ""), ("@b.it", "…@b.it")]
)
def test_of_an_address_most_is_hidden(paypal: Canned, address: str, label: str) -> None:
    source = {"paypal": {"email_address": address} if address else {}}
    paypal.answer(200, setup("APPROVED")).answer(201, {**TOKEN, "payment_source": source})
    found = PayPalSaving().save_fetch("5C9").card
    assert found == replace(CARD, label=label, fingerprint="")


def test_a_forgotten_account_is_quiet_and_another_trouble_is_not(paypal: Canned) -> None:
    paypal.answer(204)
    PayPalSaving().forget(CARD)
    assert paypal.calls == [("DELETE", "/v3/vault/payment-tokens/8kk8451t")]
    paypal.answers = []
    paypal.refuse("RESOURCE_NOT_FOUND", 404)
    PayPalSaving().forget(CARD)
    paypal.answers = []
    paypal.refuse("INVALID_PARAMETER", 400)
    with pytest.raises(Permanent):
        PayPalSaving().forget(CARD)


def test_whether_it_is_still_there(paypal: Canned) -> None:
    paypal.answer(200, TOKEN)
    assert PayPalSaving().kept(CARD) is True
    assert paypal.calls == [("GET", "/v3/vault/payment-tokens/8kk8451t")]
    paypal.answers = []
    paypal.refuse("RESOURCE_NOT_FOUND", 404)
    assert PayPalSaving().kept(CARD) is False
    paypal.answers = []
    paypal.answer(503, {})
    with pytest.raises(Temporary):
        PayPalSaving().kept(CARD)


# --- charging -------------------------------------------------------------------------------------------------------


def test_the_order_is_there_before_anything_is_charged(paypal: Canned) -> None:
    paypal.answer(201, order())
    assert PayPalSaving().prepare(BILL, CARD) == "5O1"
    [request] = paypal.asked
    assert (request.method, request.url.path) == ("POST", "/v2/checkout/orders")
    assert request.headers["PayPal-Request-Id"] == "pay:K2M7F5PW:1"
    sent = json.loads(request.content)
    check_request("POST", "/v2/checkout/orders", sent)
    assert (sent["intent"], set(sent)) == ("CAPTURE", {"intent", "purchase_units"})
    assert sent["purchase_units"][0]["invoice_id"] == "pay:K2M7F5PW:1"


def test_another_amount_under_the_key_is_refused(paypal: Canned) -> None:
    paypal.answer(200, order())
    with pytest.raises(Permanent):
        PayPalSaving().prepare(replace(BILL, amount=Money(1251)), CARD)


def test_a_charge_as_it_is_asked_for(paypal: Canned) -> None:
    paypal.answer(201, order("COMPLETED", capture="COMPLETED"))
    charged = PayPalSaving().charge(BILL, CARD, "5O1")
    assert charged == Charged("5O1", Status("succeeded", Money(1250), "3C6", key="pay:K2M7F5PW:1"))
    [request] = paypal.asked
    assert (request.method, request.url.path) == ("POST", "/v2/checkout/orders/5O1/capture")
    assert request.headers["PayPal-Request-Id"] == "charge:5O1"
    sent = json.loads(request.content)
    check_request("POST", request.url.path, sent)
    assert sent == {"payment_source": {"paypal": {"vault_id": "8kk8451t"}}}


@pytest.mark.parametrize(
    ("issue", "reason"),
    [
        ("INSTRUMENT_DECLINED", "instrument_declined"),
        ("TRANSACTION_LIMIT_EXCEEDED", "instrument_declined"),
        ("PAYER_ACTION_REQUIRED", "not_confirmed"),
        ("COMPLIANCE_VIOLATION", "provider_refused"),
    ],
)
def test_a_refusal_closes_the_order(paypal: Canned, issue: str, reason: str) -> None:
    paypal.refuse(issue).answer(204).answer(200, order(intent="AUTHORIZE"))
    charged = PayPalSaving().charge(BILL, CARD, "5O1")
    assert charged == Charged("5O1", Status("failed", reason=reason, key="pay:K2M7F5PW:1"))
    assert [method for method, _ in paypal.calls] == ["POST", "PATCH", "GET"]


@pytest.mark.parametrize("issue", ["AGREEMENT_ALREADY_CANCELLED", "TOKEN_ID_NOT_FOUND", "BILLING_AGREEMENT_NOT_FOUND"])
def test_an_agreement_that_is_taken_back_is_a_card_that_is_gone(paypal: Canned, issue: str) -> None:
    paypal.refuse(issue).answer(204).answer(200, order(intent="AUTHORIZE"))
    with pytest.raises(Permanent) as refusal:
        PayPalSaving().charge(BILL, CARD, "5O1")
    assert refusal.value.code == issue


@pytest.mark.parametrize(("capture", "state"), [("COMPLETED", "succeeded"), ("PENDING", "processing")])
@pytest.mark.parametrize("issue", ["ORDER_ALREADY_CAPTURED", "DUPLICATE_INVOICE_ID", "TOKEN_ID_NOT_FOUND"])
def test_what_an_earlier_call_has_collected_counts(paypal: Canned, capture: str, state: str, issue: str) -> None:
    """Its answer was lost, and the account forgotten meanwhile: the money is ours all the same."""
    paypal.refuse(issue).refuse("ORDER_ALREADY_COMPLETED").answer(200, order("COMPLETED", capture=capture))
    assert PayPalSaving().charge(BILL, CARD, "5O1").status.state == state


def test_an_invoice_that_another_order_has_paid_needs_a_person(paypal: Canned) -> None:
    paypal.refuse("DUPLICATE_INVOICE_ID").answer(204).answer(200, order(intent="AUTHORIZE"))
    with pytest.raises(NeedsPerson) as what:
        PayPalSaving().charge(BILL, CARD, "5O1")
    assert "5O1" in what.value.what


@pytest.mark.parametrize(
    ("answer", "kind"),
    [((503, {}), Temporary), ((401, {}), NeedsPerson), ((403, {"name": "NOT_AUTHORIZED"}), NeedsPerson)],
)
def test_what_is_no_answer_about_the_account(paypal: Canned, answer: Any, kind: type[Exception]) -> None:
    paypal.answer(*answer)
    for call in (lambda: PayPalSaving().charge(BILL, CARD, "5O1"), lambda: PayPalSaving().prepare(BILL, CARD)):
        with pytest.raises(kind):
            call()


def test_a_lost_answer_is_asked_for_again(paypal: Canned) -> None:
    paypal.answers = [httpx.ReadTimeout("gone")]
    with pytest.raises(Temporary):
        PayPalSaving().charge(BILL, CARD, "5O1")
    assert len(paypal.asked) == 1


def test_without_a_reference_nothing_was_charged(paypal: Canned) -> None:
    paypal.answer(200, order())
    assert PayPalSaving().find("pay:K2M7F5PW:1", CARD) is None
    assert paypal.asked == []


@pytest.mark.parametrize("missing", ["PAYPAL_CLIENT_ID", "PAYPAL_SECRET"])
def test_without_a_client_it_is_off(paypal: Canned, settings: Any, missing: str) -> None:
    assert PayPalSaving().configured is True
    setattr(settings, missing, "")
    assert PayPalSaving().configured is False
