"""Saved accounts at the pretend PayPal: agreed to, kept, charged, forgotten, as the published descriptions have it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from lineaviva.sandbox.paypal.models import Capture, SavedPayer
from lineaviva.sandbox.paypal.payers import SAVERS
from lineaviva.sandbox.paypal.telling import message
from lineaviva.sandbox.paypal.texts import words
from lineaviva.sandbox.provider.models import Event
from tests.sandbox.paypal.schemas import check_refusal, check_reply, check_request
from tests.sandbox.paypal.test_api import ORDER, ORDERS, PayPal, paypal

__all__ = ["paypal"]
pytestmark = [pytest.mark.django_db, pytest.mark.urls("lineaviva.sandbox.provider.urls")]
SETUP, TOKENS = "/v3/vault/setup-tokens", "/v3/vault/payment-tokens"
WALLET = {
    "description": "Automatic renewal",
    "permit_multiple_payment_tokens": True,
    "usage_type": "MERCHANT",
    "customer_type": "CONSUMER",
    "experience_context": {
        "locale": "it-IT",
        "return_url": "http://shop.test/settings/?from=card",
        "cancel_url": "http://shop.test/settings/",
    },
}
# Nobody is to see a page: it has none to come back to.
BARE = {"intent": "CAPTURE", "purchase_units": ORDER["purchase_units"]}


def begun(paypal: PayPal, key: str = "", **more: Any) -> dict[str, Any]:
    sent = {"payment_source": {"paypal": {**WALLET, **more}}}
    check_request("POST", SETUP, sent)
    answer = paypal.ask("POST", SETUP, sent, key=key)
    assert answer.status_code in {200, 201}, answer.json()
    found: dict[str, Any] = answer.json()
    check_reply("setup_token", found)
    return found


def agree(paypal: PayPal, name: str, payer: str = "success") -> Any:
    return paypal.client.post(f"/paypal/agreements/approve?approval_session_id={name}", {"payer": payer})


def kept(paypal: PayPal, payer: str = "success") -> dict[str, Any]:
    """A payment token."""
    name = begun(paypal)["id"]
    agree(paypal, name, payer)
    return keep(paypal, name)


def keep(paypal: PayPal, name: str) -> dict[str, Any]:
    sent = {"payment_source": {"token": {"id": name, "type": "SETUP_TOKEN"}}}
    check_request("POST", TOKENS, sent)
    found: dict[str, Any] = paypal.ask("POST", TOKENS, sent).json()
    check_reply("payment_token", found)
    return found


def charge(paypal: PayPal, token: str, name: str = "", key: str = "") -> Any:
    name = name or paypal.ask("POST", ORDERS, BARE).json()["id"]
    sent = {"payment_source": {"paypal": {"vault_id": token}}}
    check_request("POST", f"{ORDERS}/{name}/capture", sent)
    return paypal.ask("POST", f"{ORDERS}/{name}/capture", sent, key=key)


def test_an_account_from_the_wish_to_the_token(paypal: PayPal) -> None:
    found = begun(paypal)
    assert (found["status"], found["payment_source"]["paypal"]["usage_type"]) == ("PAYER_ACTION_REQUIRED", "MERCHANT")
    page = next(link["href"] for link in found["links"] if link["rel"] == "approve")
    assert page == f"http://bank.test/paypal/agreements/approve?approval_session_id={found['id']}"
    back = agree(paypal, found["id"])
    more = f"approval_token_id={found['id']}&approval_session_id={found['id']}"
    assert (back.status_code, back["Location"]) == (303, f"http://shop.test/settings/?from=card&{more}")
    agreed = paypal.ask("GET", f"{SETUP}/{found['id']}").json()
    check_reply("setup_token", agreed)
    assert agreed["status"] == "APPROVED"
    token = keep(paypal, found["id"])
    wallet = token["payment_source"]["paypal"]
    assert (token["customer"], wallet["email_address"]) == (found["customer"], "payer@example.org")
    assert len(wallet["payer_id"]) == 13
    assert paypal.ask("GET", f"{SETUP}/{found['id']}").json()["status"] == "VAULTED"
    answer = paypal.ask("GET", f"{TOKENS}?customer_id={token['customer']['id']}").json()
    check_reply("payment_tokens", answer)
    assert answer["payment_tokens"] == [token]
    assert paypal.ask("GET", f"{TOKENS}/{token['id']}").json() == token


def test_asked_twice_with_one_key_it_is_one_page(paypal: PayPal) -> None:
    assert begun(paypal, key="save:1")["id"] == begun(paypal, key="save:1")["id"]
    assert SavedPayer.objects.count() == 1


@pytest.mark.parametrize("agreed", [False, True])
def test_what_is_not_agreed_to_or_kept_already_is_not_kept(paypal: PayPal, agreed: bool) -> None:
    name = begun(paypal)["id"]
    if agreed:
        agree(paypal, name)
        keep(paypal, name)
    sent = {"payment_source": {"token": {"id": name, "type": "SETUP_TOKEN"}}}
    answer = paypal.ask("POST", TOKENS, sent)
    assert answer.status_code == 422
    check_reply("error_422", answer.json())
    assert SavedPayer.objects.exclude(token="").count() == int(agreed)


@pytest.mark.parametrize(
    ("wallet", "status"),
    [
        ({**WALLET, "description": "È"}, 400),
        ({**WALLET, "usage_type": "OTHER"}, 400),
        ({**WALLET, "experience_context": {"return_url": "x"}}, 400),
        (None, 400),
    ],
)
def test_what_is_no_wish(paypal: PayPal, wallet: Any, status: int) -> None:
    answer = paypal.ask("POST", SETUP, {"payment_source": {"paypal": wallet}})
    assert answer.status_code == status
    check_reply("error_400", answer.json())
    assert SavedPayer.objects.count() == 0


def test_a_charge_without_its_payer(paypal: PayPal) -> None:
    token = kept(paypal)
    answer = charge(paypal, token["id"])
    found = answer.json()
    check_reply("order", found)
    assert (answer.status_code, found["status"]) == (201, "COMPLETED")
    [captured] = found["purchase_units"][0]["payments"]["captures"]
    check_reply("capture", captured)
    assert (captured["status"], captured["amount"]["value"]) == ("COMPLETED", "5.00")
    assert captured["seller_receivable_breakdown"]["paypal_fee"]["value"] == "0.52"
    assert found["payer"]["payer_id"] == token["payment_source"]["paypal"]["payer_id"]
    assert paypal.ask("GET", f"/v2/payments/captures/{captured['id']}").json() == captured


def test_charged_twice_it_is_charged_once(paypal: PayPal) -> None:
    token, name = kept(paypal)["id"], paypal.ask("POST", ORDERS, BARE).json()["id"]
    assert charge(paypal, token, name, key="charge:1").status_code == 201
    assert charge(paypal, token, name, key="charge:1").status_code == 200
    sent = {"payment_source": {"paypal": {"vault_id": token}}}
    paypal.refused("POST", f"{ORDERS}/{name}/capture", sent, status=422, issue="ORDER_ALREADY_CAPTURED")
    assert Capture.objects.count() == 1


@pytest.mark.parametrize(
    ("payer", "issue"),
    [
        ("declined_later", "INSTRUMENT_DECLINED"),
        ("asks_later", "PAYER_ACTION_REQUIRED"),
        ("taken_back", "AGREEMENT_ALREADY_CANCELLED"),
    ],
)
def test_why_a_saved_account_does_not_pay(paypal: PayPal, payer: str, issue: str) -> None:
    answer = charge(paypal, kept(paypal, payer)["id"])
    check_refusal("POST", f"{ORDERS}/X/capture", 422, answer.json())
    assert (answer.json()["details"][0]["issue"], Capture.objects.count()) == (issue, 0)


def test_an_order_that_was_closed_is_not_charged(paypal: PayPal) -> None:
    token, name = kept(paypal)["id"], paypal.ask("POST", ORDERS, BARE).json()["id"]
    close = [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}]
    assert paypal.ask("PATCH", f"{ORDERS}/{name}", close).status_code == 204
    sent = {"payment_source": {"paypal": {"vault_id": token}}}
    paypal.refused("POST", f"{ORDERS}/{name}/capture", sent, status=422, issue="ORDER_NOT_APPROVED")
    assert Capture.objects.count() == 0


def test_what_is_forgotten_is_never_charged(paypal: PayPal) -> None:
    token = kept(paypal)["id"]
    assert paypal.ask("DELETE", f"{TOKENS}/{token}").status_code == 204
    event = Event.objects.get()
    document = json.loads(message(event)[0])
    check_reply("event", document)
    check_reply("payment_token", document["resource"])
    assert (event.kind, document["resource"]["id"]) == ("VAULT.PAYMENT-TOKEN.DELETED", token)
    answer = charge(paypal, token)
    check_refusal("POST", f"{ORDERS}/X/capture", 422, answer.json())
    assert answer.json()["details"][0]["issue"] == "TOKEN_ID_NOT_FOUND"
    assert paypal.ask("GET", f"{TOKENS}/{token}").status_code == 404
    assert paypal.ask("DELETE", f"{TOKENS}/{token}").status_code == 400, "no 404 of it is published"


# --- the page -------------------------------------------------------------------------------------------------------


def test_the_page_in_four_languages(paypal: PayPal, client: Client) -> None:
    for locale, language in (("en-GB", "en"), ("it-IT", "it"), ("zh-CN", "zh-hans"), ("zh-TW", "zh-hant")):
        context = {**WALLET["experience_context"], "locale": locale}  # type: ignore[dict-item]
        name = begun(paypal, experience_context=context)["id"]
        page = client.get(f"/paypal/agreements/approve?approval_session_id={name}")
        say = words(language)
        assert (page.status_code, say["save_title"] in page.text, say["notice"] in page.text) == (200, True, True)
        for payer in SAVERS:
            assert f'<option value="{payer.slug}">{say[f"payer_{payer.slug}"]}' in page.text
        assert 'href="http://shop.test/settings/?token=' in page.text


def test_agreed_to_twice_it_stays_the_first_payers(paypal: PayPal, client: Client) -> None:
    name = begun(paypal)["id"]
    assert agree(paypal, name, "nobody").status_code == 400
    agree(paypal, name, "asks_later")
    again = agree(paypal, name, "success")
    assert (again.status_code, SavedPayer.objects.get().payer) == (200, "asks_later")
    assert client.get("/paypal/agreements/approve?approval_session_id=x").status_code == 404
