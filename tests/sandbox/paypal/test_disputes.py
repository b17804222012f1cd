"""Disputes at the pretend PayPal and at the pretend bank: opened and decided by whoever tests, told and listed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from lineaviva.kernel.clock import FrozenClock
from lineaviva.sandbox.paypal.telling import message
from lineaviva.sandbox.provider.models import Event
from tests.sandbox.paypal.schemas import check_refusal
from tests.sandbox.paypal.schemas import check_reply as check_paypal
from tests.sandbox.paypal.test_api import PayPal, paypal
from tests.sandbox.provider.process import API_KEY, SESSION
from tests.sandbox.provider.schemas import check_reply

__all__ = ["paypal"]
pytestmark = [pytest.mark.django_db, pytest.mark.urls("lineaviva.sandbox.provider.urls")]
STRIPE = {"Authorization": f"Bearer {API_KEY}"}


def opened(client: Client, charge: str, **more: Any) -> str:
    answer = client.post("/sandbox/disputes", {"charge": charge, **more}, content_type="application/json")
    assert answer.status_code == 200, answer.json()
    return str(answer.json()["id"])


def decide(client: Client, name: str, state: str) -> int:
    return client.post(f"/sandbox/disputes/{name}", {"state": state}, content_type="application/json").status_code


def told() -> list[str]:
    return list(Event.objects.filter(kind__icontains="dispute").order_by("pk").values_list("kind", flat=True))


# --- PayPal ---------------------------------------------------------------------------------------------------------


def ask(paypal: PayPal, name: str) -> dict[str, Any]:
    found: dict[str, Any] = paypal.ask("GET", f"/v1/customer/disputes/{name}").json()
    check_paypal("dispute", found)
    return found


def test_a_dispute_at_paypal(paypal: PayPal, client: Client) -> None:
    _order, capture = paypal.paid()
    name = opened(client, capture)
    found = ask(paypal, name)
    [about] = found["disputed_transactions"]
    assert (about["seller_transaction_id"], about["invoice_number"]) == (capture, "pay:K2M7F5PW:1")
    assert (found["status"], found["dispute_amount"]["value"]) == ("WAITING_FOR_SELLER_RESPONSE", "5.00")
    assert "seller_response_due_date" in found
    assert decide(client, name, "under_review") == 200
    assert (ask(paypal, name)["status"], decide(client, name, "lost")) == ("UNDER_REVIEW", 200)
    ended = ask(paypal, name)
    assert (ended["status"], ended["dispute_outcome"]["outcome_code"]) == ("RESOLVED", "RESOLVED_BUYER_FAVOUR")
    [moved] = ended["money_movements"]
    assert (moved["type"], moved["amount"]["value"], "seller_response_due_date" in ended) == ("DEBIT", "5.00", False)
    assert told() == ["CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED", "CUSTOMER.DISPUTE.RESOLVED"]
    for event in Event.objects.filter(kind__startswith="CUSTOMER."):
        document = json.loads(message(event)[0])
        check_paypal("event", document)
        check_paypal("dispute", document["resource"])
        assert document["resource_type"] == "dispute"


@pytest.mark.parametrize(("end", "outcome"), [("won", "RESOLVED_SELLER_FAVOUR"), ("closed", "CANCELED_BY_BUYER")])
def test_one_that_moves_nothing(paypal: PayPal, client: Client, end: str, outcome: str) -> None:
    name = opened(client, paypal.paid()[1], amount=200, reason="INCORRECT_AMOUNT")
    assert decide(client, name, end) == 200
    found = ask(paypal, name)
    assert (found["dispute_outcome"], found["dispute_amount"]["value"]) == ({"outcome_code": outcome}, "2.00")
    assert "money_movements" not in found
    assert decide(client, name, "lost") == 400


def test_what_is_disputed_is_not_given_back_until_it_is_decided(paypal: PayPal, client: Client) -> None:
    _order, capture = paypal.paid()
    name = opened(client, capture)
    answer = paypal.ask("POST", f"/v2/payments/captures/{capture}/refund", {})
    check_refusal("POST", f"/v2/payments/captures/{capture}/refund", 422, answer.json())
    assert answer.json()["details"][0]["issue"] == "TRANSACTION_DISPUTED"
    decide(client, name, "won")
    assert paypal.refund(capture)["status"] == "COMPLETED"


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"charge": "nothing"}', '{"charge": "ch_nothing"}'])
def test_what_cannot_be_disputed(paypal: PayPal, client: Client, body: str) -> None:
    assert client.post("/sandbox/disputes", body, content_type="application/json").status_code == 400
    assert (decide(client, "PP-R-X", "won"), decide(client, "dp_x", "won"), told()) == (400, 400, [])
    assert paypal.ask("GET", "/v1/customer/disputes/PP-R-X").status_code == 404


# --- the bank -------------------------------------------------------------------------------------------------------


@pytest.fixture
def charge(client: Client, settings: Any, clock: FrozenClock) -> str:
    """A charge of five euros that was paid by card."""
    settings.PUBLIC_URL, settings.STRIPE_API_KEY = "http://bank.test", API_KEY
    session = post(client, "checkout/sessions", **SESSION).json()
    client.post(f"/pay/{session['id']}", {"card": "4242424242424242"})
    answer = client.get("/v1/charges", headers=STRIPE).json()
    return str(answer["data"][0]["id"])


def post(client: Client, path: str, **form: str) -> Any:
    kind = "application/x-www-form-urlencoded"
    return client.post(f"/v1/{path}", urlencode(form), content_type=kind, headers=STRIPE)


def get(client: Client, path: str, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/{path}", query, headers=STRIPE).json()
    return found


@pytest.mark.parametrize(("end", "lines"), [("won", [-500, 500]), ("lost", [-500])])
def test_a_dispute_at_the_bank(client: Client, charge: str, end: str, lines: list[int]) -> None:
    name = opened(client, charge)
    found = get(client, f"disputes/{name}")
    check_reply(found)
    assert (found["charge"], found["status"], found["amount"]) == (charge, "needs_response", 500)
    assert (get(client, f"charges/{charge}")["disputed"], found["is_charge_refundable"]) == (True, False)
    assert decide(client, name, "under_review") == 200
    assert decide(client, name, "closed") == 400, "money has moved"
    assert decide(client, name, end) == 200
    ended = get(client, f"disputes/{name}")
    check_reply(ended)
    assert ended["status"] == end
    listed = get(client, "balance_transactions", limit="100", **{"expand[]": "data.source"})["data"]
    for line in listed:
        check_reply(line)
    mine = {line["id"]: line for line in listed if line["reporting_category"].startswith("dispute")}
    assert sorted(line["amount"] for line in mine.values()) == sorted(lines)
    assert {line["source"]["id"] for line in mine.values()} == {name}
    assert [line["id"] for line in ended["balance_transactions"]] == sorted(mine)
    assert [line["fee"] for line in ended["balance_transactions"]] == [2000, 0][: len(lines)]
    assert told() == ["charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"]
    assert decide(client, name, "lost") == 400


def test_what_was_charged_back_is_not_refunded(client: Client, charge: str) -> None:
    opened(client, charge)
    answer = post(client, "refunds", charge=charge)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "charge_disputed")
    body = json.dumps({"charge": charge})
    assert client.post("/sandbox/disputes", body, content_type="application/json").status_code == 400


def test_an_inquiry_moves_nothing(client: Client, charge: str) -> None:
    name = opened(client, charge, inquiry=True)
    found = get(client, f"disputes/{name}")
    check_reply(found)
    assert (found["status"], found["balance_transactions"]) == ("warning_needs_response", [])
    assert post(client, "refunds", charge=charge, amount="100").status_code == 200
    assert decide(client, name, "closed") == 200
    assert get(client, f"disputes/{name}")["status"] == "warning_closed"


def test_there_is_no_such_dispute(client: Client, charge: str) -> None:
    answer = client.get("/v1/disputes/dp_x", headers=STRIPE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")
