"""Saved cards at Stripe: what is sent, by Stripe's own description, and what its answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from lineaviva.keeper.payments.ports import Card, SaveStatus, Status, Wish
from lineaviva.keeper.payments.stripe.adapter import StripeProvider
from lineaviva.keeper.payments.stripe.answers import intent_status_of, status_of
from lineaviva.keeper.payments.stripe.saved import StripeSaving, save_status_of
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary
from lineaviva.kernel.money import Money
from tests.conftest import NOON
from tests.keeper.payments.test_stripe import BILL, URLS, Canned, as_types
from tests.sandbox.provider.schemas import check_request

CARD = Card("cus_1", "pm_1", "visa", "4242", date(2030, 8, 31))
WISH = Wish("save:abc", "anna@example.org", "zh-hant", "保留這張卡", NOON + timedelta(hours=1))
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "amount_received": 1250,
    "currency": "eur",
    "latest_charge": "ch_1",
    "metadata": {"key": "pay:K2M7F5PW:1"},
}
REFUSED = {**INTENT, "status": "requires_payment_method", "amount_received": 0}


@pytest.fixture
def canned(settings: Any) -> Iterator[Canned]:
    server = Canned()
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_canned", server.url
    yield server
    server.stop()


def test_a_page_for_a_card_as_it_is_asked_for(canned: Canned) -> None:
    canned.answer(200, {"id": "cs_1", "object": "checkout.session", "url": "http://pay.test/cs_1"})
    begun = StripeSaving().save_begin(WISH, URLS)
    assert (begun.reference, begun.redirect_url) == ("cs_1", "http://pay.test/cs_1")
    [(method, path, headers, form)] = canned.asked
    assert (method, path, headers["Idempotency-Key"]) == ("POST", "/v1/checkout/sessions", "save:abc")
    sent = as_types(form, {"expires_at"})
    check_request("/v1/checkout/sessions", sent)
    assert sent == {
        "mode": "setup",
        "payment_method_types": ["card"],
        "customer_creation": "always",
        "customer_email": "anna@example.org",
        "locale": "zh-TW",
        "success_url": URLS.success,
        "cancel_url": URLS.cancel,
        "metadata": {"key": "save:abc"},
        "setup_intent_data": {"description": "保留這張卡", "metadata": {"key": "save:abc"}},
        "expires_at": int((NOON + timedelta(hours=1)).timestamp()),
    }


def test_a_charge_as_it_is_asked_for(canned: Canned) -> None:
    canned.answer(200, INTENT)
    charged = StripeSaving().charge(BILL, CARD, "")
    assert charged.reference == "pi_1"
    assert charged.status == Status("succeeded", Money(1250), charge_ref="ch_1", key="pay:K2M7F5PW:1")
    [(method, path, headers, form)] = canned.asked
    assert (method, path, headers["Idempotency-Key"]) == ("POST", "/v1/payment_intents", "pay:K2M7F5PW:1")
    sent = as_types(form, {"amount"})
    sent |= {name: form[name] == "true" for name in ("confirm", "off_session")}
    check_request("/v1/payment_intents", sent)
    assert sent == {
        "amount": 1250,
        "currency": "eur",
        "customer": "cus_1",
        "payment_method": "pm_1",
        "payment_method_types": ["card"],
        "confirm": True,
        "off_session": True,
        "description": "K2M7F5PW: 門號 …1234，訂單 K2M7F5PW",
        "metadata": {"key": "pay:K2M7F5PW:1", "order": "K2M7F5PW"},
    }


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": "authentication_required", "decline_code": "authentication_required"}, "not_confirmed"),
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"code": "card_declined", "decline_code": "generic_decline"}, "card_declined"),
        ({"code": "expired_card"}, "expired_card"),
    ],
)
def test_a_refusal_is_an_answer(canned: Canned, error: dict[str, str], reason: str) -> None:
    canned.answer(402, {"error": {"type": "card_error", "message": "No.", **error, "payment_intent": REFUSED}})
    charged = StripeSaving().charge(BILL, CARD, "")
    assert charged.reference == "pi_1"
    assert charged.status == Status("failed", reason=reason, key="pay:K2M7F5PW:1")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No."}}, Permanent),
        (401, {"error": {"type": "invalid_request_error", "message": "No."}}, NeedsPerson),
        (503, {"error": {"type": "api_error", "message": "No."}}, Temporary),
        (0, None, Temporary),
    ],
)
def test_what_is_no_answer_about_the_card(canned: Canned, status: int, body: Any, kind: type[Exception]) -> None:
    canned.answer(status, body)
    with pytest.raises(kind):
        StripeSaving().charge(BILL, CARD, "")


def test_a_forgotten_card_is_quiet_and_another_trouble_is_not(canned: Canned) -> None:
    error = {"type": "invalid_request_error", "code": "payment_method_unexpected_state", "message": "No."}
    canned.answer(400, {"error": error})
    StripeSaving().forget(CARD)
    assert [path for _, path, _, _ in canned.asked] == ["/v1/payment_methods/pm_1/detach"]
    canned.answer(400, {"error": {**error, "code": "parameter_invalid"}})
    with pytest.raises(Permanent):
        StripeSaving().forget(CARD)


def test_whether_a_card_is_still_there(canned: Canned) -> None:
    for customer, there in (("cus_1", True), (None, False)):
        canned.answer(200, {"id": "pm_1", "object": "payment_method", "customer": customer})
        assert StripeSaving().kept(CARD) is there
    error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No."}
    canned.answer(404, {"error": error})
    assert StripeSaving().kept(CARD) is False
    canned.answer(400, {"error": {**error, "code": "parameter_invalid"}})
    with pytest.raises(Permanent):
        StripeSaving().kept(CARD)


def test_a_charge_of_a_saved_card_is_asked_about_where_it_is(canned: Canned) -> None:
    canned.answer(200, INTENT)
    assert StripeProvider().fetch("pi_1").state == "succeeded"
    assert StripeProvider().close("pi_1").state == "succeeded"
    assert [(method, path) for method, path, _, _ in canned.asked] == [
        ("GET", "/v1/payment_intents/pi_1"),
        ("POST", "/v1/payment_intents/pi_1/cancel"),
        ("GET", "/v1/payment_intents/pi_1"),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "processing"}, Status("processing", key="pay:K2M7F5PW:1")),
        ({"status": "canceled"}, Status("expired", reason="given_up", key="pay:K2M7F5PW:1")),
        ({"status": "requires_action"}, Status("failed", reason="not_confirmed", key="pay:K2M7F5PW:1")),
        ({"latest_charge": {"id": "ch_2"}}, Status("succeeded", Money(1250), "ch_2", key="pay:K2M7F5PW:1")),
        ({"metadata": {}}, Status("succeeded", Money(1250), "ch_1")),
    ],
)
def test_how_a_charge_stands(changes: dict[str, Any], expected: Status) -> None:
    assert intent_status_of({**INTENT, **changes}) == expected


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({"status": "open", "setup_intent": None}, SaveStatus("open", key="save:abc")),
        ({"status": "open", "setup_intent": {"status": "requires_action"}}, SaveStatus("open", key="save:abc")),
        ({"status": "expired", "setup_intent": None}, SaveStatus("expired", key="save:abc")),
        (
            {
                "status": "complete",
                "setup_intent": {
                    "status": "succeeded",
                    "customer": "cus_1",
                    "payment_method": {
                        "id": "pm_1",
                        "card": {"brand": "visa", "last4": "4242", "exp_year": 2030, "exp_month": 8},
                    },
                },
            },
            SaveStatus("saved", CARD, "save:abc"),
        ),
    ],
)
def test_how_the_page_for_a_card_stands(session: dict[str, Any], expected: SaveStatus) -> None:
    assert save_status_of({**session, "metadata": {"key": "save:abc"}}) == expected


def test_a_page_for_a_card_collects_nothing() -> None:
    session = {"mode": "setup", "status": "complete", "payment_status": "no_payment_required", "amount_total": None}
    assert status_of({**session, "currency": None, "metadata": {"key": "save:abc"}}) == Status("open", key="save:abc")
