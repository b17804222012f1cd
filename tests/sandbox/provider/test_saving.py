"""Saved cards of the pretend bank, against Stripe's own description."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.provider.process import AUTH, SESSION, Bank, http
from tests.sandbox.provider.schemas import check_reply
from tests.sandbox.provider.test_api import SUCCESS, create, get, post, refused

pytestmark = pytest.mark.processes
SETUP = {
    "mode": "setup",
    "payment_method_types[0]": "card",
    "customer_creation": "always",
    "success_url": "http://127.0.0.1:1/saved",
    "metadata[key]": "save:1",
    "setup_intent_data[metadata][key]": "save:1",
}
ASKS, DECLINED, EXPIRED = "4000002760003184", "4000000000000341", "4000000000009540"


def page(bank: Bank, **more: str) -> dict[str, Any]:
    answer = post(bank, "checkout/sessions", {**SETUP, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def saved(bank: Bank, card: str = SUCCESS) -> dict[str, Any]:
    """The session on whose page a card was saved, with everything expanded."""
    session = page(bank)
    answer = http.post(session["url"], data={"card": card})
    if answer.headers.get("Location", "").endswith("/3ds"):
        http.post(f"{session['url']}/3ds", data={"answer": "approve"})
    return get(bank, f"checkout/sessions/{session['id']}", **{"expand[]": "setup_intent.payment_method"})


def charge(bank: Bank, session: dict[str, Any], key: str = "", **more: str) -> httpx.Response:
    sent = {
        "amount": "500",
        "currency": "eur",
        "customer": session["customer"],
        "payment_method": session["setup_intent"]["payment_method"]["id"],
        "payment_method_types[0]": "card",
        "confirm": "true",
        "off_session": "true",
        "metadata[key]": "pay:K2M7F5PW:1",
        "metadata[order]": "K2M7F5PW",
    }
    return post(bank, "payment_intents", {**sent, **more}, key)


def test_a_page_on_which_a_card_is_saved(bank: Bank) -> None:
    session = page(bank)
    check_reply(session)
    assert (session["mode"], session["status"], session["payment_status"]) == ("setup", "open", "no_payment_required")
    assert (session["amount_total"], session["currency"], session["setup_intent"]) == (None, None, None)
    shown = http.get(session["url"]).text
    assert "Nothing is charged now." in shown
    assert "0.00" not in shown


def test_a_saved_card_with_everything_expanded(bank: Bank) -> None:
    session = saved(bank)
    check_reply(session)
    setup = session["setup_intent"]
    card = setup["payment_method"]
    assert (session["status"], setup["status"], setup["usage"]) == ("complete", "succeeded", "off_session")
    assert (session["customer"], setup["customer"]) == (card["customer"], card["customer"])
    assert (card["card"]["brand"], card["card"]["last4"], setup["metadata"]) == ("visa", "4242", {"key": "save:1"})
    assert bank.money() == {"charges": [], "refunds": [], "collected": 0, "refunded": 0}


def test_a_card_that_is_not_saved(bank: Bank) -> None:
    session = page(bank)
    assert http.post(session["url"], data={"card": "4000000000000002"}).status_code == 402
    found = get(bank, f"checkout/sessions/{session['id']}", **{"expand[]": "setup_intent"})
    check_reply(found)
    assert (found["status"], found["setup_intent"]["last_setup_error"]["code"]) == ("open", "card_declined")


def test_a_saved_card_is_charged(bank: Bank) -> None:
    answer = charge(bank, saved(bank), key="k")
    assert answer.status_code == 200
    intent = answer.json()
    check_reply(intent)
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 500)
    assert (
        charge(
            bank,
            {"customer": intent["customer"], "setup_intent": {"payment_method": {"id": intent["payment_method"]}}},
            key="k",
        ).json()
        == intent
    )
    assert get(bank, f"payment_intents/{intent['id']}") == intent
    assert [each["id"] for each in get(bank, "payment_intents", customer=intent["customer"])["data"]] == [intent["id"]]
    [line] = bank.money()["charges"]
    assert (line["id"], line["order"], line["key"]) == (intent["latest_charge"], "K2M7F5PW", "pay:K2M7F5PW:1")
    [moved] = get(bank, "balance_transactions")["data"]
    check_reply(moved)
    assert (moved["source"], moved["amount"]) == (intent["latest_charge"], 500)
    back = post(bank, "refunds", {"charge": intent["latest_charge"]}).json()
    check_reply(back)
    assert back["amount"] == 500


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        (ASKS, "authentication_required", "authentication_required"),
        (DECLINED, "card_declined", "generic_decline"),
        (EXPIRED, "expired_card", None),
    ],
)
def test_a_saved_card_that_is_refused(bank: Bank, card: str, code: str, decline_code: str | None) -> None:
    session = saved(bank, card)
    answer = charge(bank, session, key="k")
    error = refused(answer, 402)
    assert (error["type"], error["code"], error.get("decline_code")) == ("card_error", code, decline_code)
    intent = error["payment_intent"]
    check_reply(intent)
    assert (intent["status"], intent["last_payment_error"]["code"]) == ("requires_payment_method", code)
    again = charge(bank, session, key="k")
    assert (again.status_code, again.json()) == (402, answer.json()), "the same key is the same try"
    assert bank.money()["charges"] == []
    closed = post(bank, f"payment_intents/{intent['id']}/cancel", {}).json()
    check_reply(closed)
    assert closed["status"] == "canceled"


def test_what_is_collected_cannot_be_cancelled(bank: Bank) -> None:
    intent = charge(bank, saved(bank)).json()
    error = refused(post(bank, f"payment_intents/{intent['id']}/cancel", {}))
    assert error["code"] == "payment_intent_unexpected_state"
    assert get(bank, f"payment_intents/{intent['id']}")["status"] == "succeeded"


def test_a_card_is_forgotten_once(bank: Bank) -> None:
    session = saved(bank)
    path = f"payment_methods/{session['setup_intent']['payment_method']['id']}/detach"
    first = post(bank, path, {})
    check_reply(first.json())
    assert (first.status_code, first.json()["customer"]) == (200, None)
    assert refused(post(bank, path, {}))["code"] == "payment_method_unexpected_state"
    assert refused(charge(bank, session), 404)["code"] == "resource_missing"
    assert bank.money()["charges"] == []


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"off_session": "false"}, "off_session"),
        ({"customer": "cus_other"}, "payment_method"),
        ({"amount": "49"}, "amount"),
        ({"nonsense": "1"}, "nonsense"),
    ],
)
def test_a_charge_that_makes_no_sense(bank: Bank, more: dict[str, str], param: str) -> None:
    assert refused(charge(bank, saved(bank), **more))["param"] == param
    assert bank.money()["charges"] == []


def test_what_is_paid_without_its_holder_has_no_page(bank: Bank) -> None:
    intent = charge(bank, saved(bank)).json()
    listed = http.get(f"{bank.url}/v1/checkout/sessions/off_1", auth=AUTH)
    assert (listed.status_code, intent["status"]) == (404, "succeeded")


def test_a_card_that_is_paid_with_is_kept_where_the_shop_asks_for_it(bank: Bank) -> None:
    asks = {"customer_creation": "always", "payment_intent_data[setup_future_usage]": "off_session"}
    session = create(bank, **asks)
    check_reply(session)
    assert session["customer_creation"] == "always"
    http.post(session["url"], data={"card": SUCCESS})
    paid = get(bank, f"checkout/sessions/{session['id']}", **{"expand[]": "payment_intent.payment_method"})
    check_reply(paid)
    intent = paid["payment_intent"]
    kept = intent["payment_method"]
    check_reply(kept)
    assert (intent["setup_future_usage"], intent["status"], paid["setup_intent"]) == ("off_session", "succeeded", None)
    assert paid["customer"] == intent["customer"] == kept["customer"]
    later = charge(bank, {"customer": kept["customer"], "setup_intent": {"payment_method": kept}})
    assert later.json()["status"] == "succeeded"
    assert [each["amount"] for each in bank.money()["charges"]] == [500, 500]


def test_a_card_that_is_paid_with_is_not_kept_otherwise(bank: Bank) -> None:
    session = create(bank)
    http.post(session["url"], data={"card": SUCCESS})
    paid = get(bank, f"checkout/sessions/{session['id']}", **{"expand[]": "payment_intent.payment_method"})
    assert (paid["customer"], paid["payment_intent"]["payment_method"]) == (None, None)
    assert paid["payment_intent"]["setup_future_usage"] is None
    odd = {"payment_intent_data[setup_future_usage]": "for_ever"}
    error = refused(post(bank, "checkout/sessions", {**SESSION, **odd}))
    assert error["param"] == "payment_intent_data[setup_future_usage]"
