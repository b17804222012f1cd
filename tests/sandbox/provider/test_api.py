"""The API against Stripe's own description: replies, refusals, idempotency, lists."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from lineaviva.sandbox import person
from tests.patience import until
from tests.sandbox.provider.process import AUTH, SESSION, Bank, http
from tests.sandbox.provider.schemas import check_reply

pytestmark = pytest.mark.processes
SUCCESS = "4242424242424242"


def post(bank: Bank, path: str, data: dict[str, Any], key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return http.post(f"{bank.url}/v1/{path}", data=data, auth=AUTH, headers=headers)


def get(bank: Bank, path: str, **params: Any) -> dict[str, Any]:
    answer = http.get(f"{bank.url}/v1/{path}", params=params, auth=AUTH)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def create(bank: Bank, **more: str) -> dict[str, Any]:
    answer = post(bank, "checkout/sessions", {**SESSION, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def paid(bank: Bank, card: str = SUCCESS, **more: str) -> dict[str, Any]:
    """A session that was paid, as it is told with everything expanded."""
    session = create(bank, **more)
    http.post(session["url"], data={"card": card})
    return get(bank, f"checkout/sessions/{session['id']}", **{"expand[]": "payment_intent.latest_charge"})


def refused(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    check_reply(answer.json(), "error")
    error: dict[str, Any] = answer.json()["error"]
    return error


# --- replies ----------------------------------------------------------------------------------------------------


def test_an_open_session(bank: Bank) -> None:
    session = create(bank, locale="zh-TW", client_reference_id="K2M7F5PW", **{"metadata[key]": "pay:K2M7F5PW:1"})
    check_reply(session)
    assert (session["status"], session["payment_status"], session["payment_intent"]) == ("open", "unpaid", None)
    assert (session["amount_total"], session["currency"], session["locale"]) == (500, "eur", "zh-TW")
    assert (session["client_reference_id"], session["metadata"]) == ("K2M7F5PW", {"key": "pay:K2M7F5PW:1"})
    assert session["url"] == f"{bank.url}/pay/{session['id']}"
    assert get(bank, f"checkout/sessions/{session['id']}") == session


def test_a_paid_session_with_everything_expanded(bank: Bank) -> None:
    session = paid(bank, **{"payment_intent_data[description]": "K2M7F5PW", "payment_intent_data[metadata][key]": "k"})
    check_reply(session)
    intent = session["payment_intent"]
    charge = intent["latest_charge"]
    assert (session["status"], session["payment_status"], session["url"]) == ("complete", "paid", None)
    assert (intent["status"], intent["amount_received"], intent["last_payment_error"]) == ("succeeded", 500, None)
    assert (intent["description"], intent["metadata"]) == ("K2M7F5PW", {"key": "k"})
    assert (charge["status"], charge["paid"], charge["amount_captured"], charge["amount_refunded"]) == (
        "succeeded",
        True,
        500,
        0,
    )
    assert charge["payment_method_details"]["card"]["last4"] == "4242"
    for path, document in ((f"charges/{charge['id']}", charge), (f"payment_intents/{intent['id']}", None)):
        found = get(bank, path)
        check_reply(found)
        assert document is None or found == document


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", None),
        ("4000000000000127", "incorrect_cvc", None),
    ],
)
def test_a_session_after_a_refused_card(bank: Bank, card: str, code: str, decline_code: str | None) -> None:
    session = paid(bank, card)
    check_reply(session)
    intent = session["payment_intent"]
    error, charge = intent["last_payment_error"], intent["latest_charge"]
    assert (session["status"], session["payment_status"]) == ("open", "unpaid")
    assert (error["type"], error["code"], error.get("decline_code")) == ("card_error", code, decline_code)
    assert intent["status"] == "requires_payment_method"
    assert (charge["status"], charge["paid"], charge["failure_code"]) == ("failed", False, code)
    assert error["charge"] == charge["id"]


def test_a_session_in_its_3d_secure_step(bank: Bank) -> None:
    session = paid(bank, "4000002500003155")
    check_reply(session)
    assert session["payment_intent"]["status"] == "requires_action"
    http.post(f"{session['url']}/3ds", data={"answer": "refuse"})
    intent = get(bank, f"payment_intents/{session['payment_intent']['id']}")
    check_reply(intent)
    assert intent["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert (intent["status"], intent["latest_charge"]) == ("requires_payment_method", None)


def test_an_expired_session(bank: Bank) -> None:
    session = create(bank)
    answer = post(bank, f"checkout/sessions/{session['id']}/expire", {})
    check_reply(answer.json())
    assert (answer.json()["status"], answer.json()["url"]) == ("expired", None)
    assert http.get(session["url"]).status_code == 410


def test_a_session_expires_by_itself(bank: Bank) -> None:
    now = int(time.time())
    session = create(bank, expires_at=str(now + 1800))
    bank.knobs(clock_shift_seconds=1700)
    assert get(bank, f"checkout/sessions/{session['id']}")["status"] == "open"
    bank.knobs(clock_shift_seconds=1801)
    assert http.post(session["url"], data={"card": SUCCESS}).status_code == 410
    assert get(bank, f"checkout/sessions/{session['id']}")["status"] == "expired"


def test_a_refund(bank: Bank) -> None:
    charge = paid(bank)["payment_intent"]["latest_charge"]["id"]
    refund = post(bank, "refunds", {"charge": charge, "metadata[key]": "k"}).json()
    check_reply(refund)
    assert (refund["status"], refund["amount"], refund["charge"]) == ("succeeded", 500, charge)
    assert get(bank, f"refunds/{refund['id']}") == refund
    after = get(bank, f"charges/{charge}")
    assert (after["refunded"], after["amount_refunded"]) == (True, 500)


def test_refunds_in_parts_add_up_and_never_exceed(bank: Bank) -> None:
    charge = paid(bank)["payment_intent"]["latest_charge"]["id"]
    for amount, status in ((200, 200), (400, 400), (300, 200)):
        assert post(bank, "refunds", {"charge": charge, "amount": amount}).status_code == status
    error = refused(post(bank, "refunds", {"charge": charge}))
    assert error["code"] == "charge_already_refunded"
    assert [refund["amount"] for refund in get(bank, "refunds", charge=charge)["data"]] == [300, 200]


@pytest.mark.parametrize(("card", "end"), [("4000000000007726", "succeeded"), ("4000000000005126", "failed")])
def test_a_refund_that_takes_a_while(bank: Bank, card: str, end: str) -> None:
    charge = paid(bank, card)["payment_intent"]["latest_charge"]["id"]
    refund = post(bank, "refunds", {"charge": charge}).json()
    assert refund["status"] == "pending"
    bank.knobs(clock_shift_seconds=6)
    found = get(bank, f"refunds/{refund['id']}")
    check_reply(found)
    assert (found["status"], found.get("failure_reason")) == (
        end,
        "expired_or_canceled_card" if end == "failed" else None,
    )
    assert get(bank, f"charges/{charge}")["amount_refunded"] == (500 if end == "succeeded" else 0)


def test_lists_are_newest_first_and_by_page(bank: Bank) -> None:
    ids = [paid(bank)["payment_intent"]["latest_charge"]["id"] for _ in range(3)]
    everything = get(bank, "charges")
    assert (everything["object"], everything["url"], everything["has_more"]) == ("list", "/v1/charges", False)
    assert sorted(charge["id"] for charge in everything["data"]) == sorted(ids)
    for charge in everything["data"]:
        check_reply(charge)
    seen: list[str] = []
    page = get(bank, "charges", limit=2)
    assert page["has_more"] is True
    seen += [charge["id"] for charge in page["data"]]
    page = get(bank, "charges", limit=2, starting_after=seen[-1])
    assert page["has_more"] is False
    assert seen + [charge["id"] for charge in page["data"]] == [charge["id"] for charge in everything["data"]]


@pytest.mark.parametrize("since", [0, 100_000])
def test_charges_since(bank: Bank, since: int) -> None:
    paid(bank)
    found = get(bank, "charges", **{"created[gte]": int(time.time()) - 100 + since})
    assert len(found["data"]) == (0 if since else 1)


def test_charges_of_one_intent(bank: Bank) -> None:
    intent = paid(bank)["payment_intent"]["id"]
    paid(bank)
    assert [charge["payment_intent"] for charge in get(bank, "charges", payment_intent=intent)["data"]] == [intent]
    assert get(bank, "refunds", payment_intent=intent)["data"] == []


# --- refusals ---------------------------------------------------------------------------------------------------


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in SESSION.items() if key != name}


PRICE = "line_items[0][price_data]"
SOON = str(int(time.time()) + 60)


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        (without("mode"), "parameter_missing", "mode"),
        ({**SESSION, "mode": "subscription"}, "parameter_invalid", "mode"),
        (without("success_url"), "parameter_missing", "success_url"),
        ({**SESSION, "success_url": "javascript:alert(1)"}, "url_invalid", "success_url"),
        ({**SESSION, "cancel_url": "nowhere"}, "url_invalid", "cancel_url"),
        (without("line_items[0][quantity]"), "parameter_missing", "line_items[0][quantity]"),
        ({**SESSION, "line_items[0][quantity]": "x"}, "parameter_invalid_integer", "line_items[0][quantity]"),
        (without(f"{PRICE}[currency]"), "parameter_missing", f"{PRICE}[currency]"),
        ({**SESSION, f"{PRICE}[currency]": "xxx"}, "parameter_invalid", f"{PRICE}[currency]"),
        ({**SESSION, f"{PRICE}[unit_amount]": "4.99"}, "parameter_invalid_integer", f"{PRICE}[unit_amount]"),
        ({**SESSION, f"{PRICE}[unit_amount]": "49"}, "amount_too_small", None),
        ({**SESSION, f"{PRICE}[unit_amount]": "-500"}, "amount_too_small", None),
        (without(f"{PRICE}[product_data][name]"), "parameter_missing", f"{PRICE}[product_data][name]"),
        ({"mode": "payment", "success_url": "http://x/"}, "parameter_missing", "line_items"),
        ({**SESSION, "line_items": "x"}, "parameter_missing", "line_items"),
        ({**SESSION, "locale": "klingon"}, "parameter_invalid", "locale"),
        ({**SESSION, "payment_method_types[0]": "sepa_debit"}, "parameter_invalid", "payment_method_types"),
        ({**SESSION, "expires_at": SOON}, None, "expires_at"),
        ({**SESSION, "expires_at": "99999999999"}, None, "expires_at"),
        ({**SESSION, "metadata": "x"}, "parameter_invalid_object", "metadata"),
        ({**SESSION, "metadata[a][b]": "x"}, "parameter_invalid_object", "metadata"),
        ({**SESSION, "metadata[a]": "x" * 501}, None, "metadata"),
        ({**SESSION, "colour": "red"}, "parameter_unknown", "colour"),
        ({**SESSION, "payment_intent_data[colour]": "red"}, "parameter_unknown", "payment_intent_data[colour]"),
        ({**SESSION, "a[b": "x"}, "parameter_unknown", "a[b"),
        ({**SESSION, "expand[]": "customer"}, "parameter_invalid", "expand"),
    ],
)
def test_a_session_that_is_not_made(bank: Bank, data: dict[str, str], code: str | None, param: str | None) -> None:
    error = refused(post(bank, "checkout/sessions", data))
    assert (error["type"], error.get("code")) == ("invalid_request_error", code)
    assert param is None or error["param"] == param


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ({}, 400, "parameter_missing"),
        ({"charge": "ch_none"}, 404, "resource_missing"),
        ({"payment_intent": "pi_none"}, 404, "resource_missing"),
        ({"charge": "{paid}", "amount": "0"}, 400, "parameter_invalid"),
        ({"charge": "{paid}", "amount": "501"}, 400, "parameter_invalid"),
        ({"charge": "{paid}", "amount": "x"}, 400, "parameter_invalid_integer"),
        ({"charge": "{paid}", "colour": "red"}, 400, "parameter_unknown"),
        ({"charge": "{refused}"}, 400, "charge_not_refundable"),
    ],
    ids=str,
)
def test_a_refund_that_is_not_made(bank: Bank, data: dict[str, str], status: int, code: str) -> None:
    names = {
        "{paid}": lambda: paid(bank)["payment_intent"]["latest_charge"]["id"],
        "{refused}": lambda: paid(bank, "4000000000000002")["payment_intent"]["latest_charge"]["id"],
    }
    sent = {name: names[value]() if value in names else value for name, value in data.items()}
    assert refused(post(bank, "refunds", sent), status)["code"] == code
    assert bank.money()["refunds"] == []


@pytest.mark.parametrize(
    "path", ["checkout/sessions/cs_none", "payment_intents/pi_none", "charges/ch_none", "refunds/re_none"]
)
def test_what_there_is_not(bank: Bank, path: str) -> None:
    error = refused(http.get(f"{bank.url}/v1/{path}", auth=AUTH), 404)
    assert error["code"] == "resource_missing"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "customers"), ("POST", "charges"), ("DELETE", "refunds/re_1"), ("GET", "../x")]
)
def test_an_address_that_the_sandbox_does_not_speak(bank: Bank, method: str, path: str) -> None:
    assert http.request(method, f"{bank.url}/v1/{path}", auth=AUTH).status_code == 404


@pytest.mark.parametrize("status", ["complete", "expired"])
def test_only_what_is_open_is_expired(bank: Bank, status: str) -> None:
    session = paid(bank) if status == "complete" else create(bank)
    if status == "expired":
        post(bank, f"checkout/sessions/{session['id']}/expire", {})
    error = refused(post(bank, f"checkout/sessions/{session['id']}/expire", {}))
    assert status in error["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sk_test_wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic c2tfbGl2ZV94Og=="},
        {"Authorization": "Digest x"},
    ],
    ids=str,
)
def test_without_the_key_nothing_is_said(bank: Bank, headers: dict[str, str]) -> None:
    for answer in (
        http.get(f"{bank.url}/v1/charges", headers=headers),
        http.post(f"{bank.url}/v1/checkout/sessions", data=SESSION, headers=headers),
    ):
        assert refused(answer, 401)["type"] == "invalid_request_error"


def test_the_key_as_bearer_or_as_basic(bank: Bank) -> None:
    for headers, auth in (({"Authorization": f"Bearer {AUTH[0]}"}, None), ({}, AUTH)):
        answer = http.get(f"{bank.url}/v1/charges", headers=headers, auth=auth)
        assert answer.status_code == 200
        assert answer.headers["Request-Id"].startswith("req_")


# --- idempotency ------------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_object_whatever_happened_since(bank: Bank) -> None:
    first = post(bank, "checkout/sessions", SESSION, key="k1").json()
    http.post(first["url"], data={"card": SUCCESS})
    assert post(bank, "checkout/sessions", SESSION, key="k1").json() == first
    assert post(bank, "checkout/sessions", SESSION, key="k2").json()["id"] != first["id"]
    assert post(bank, "checkout/sessions", SESSION).json()["id"] != first["id"]


@pytest.mark.parametrize("change", ["params", "path"])
def test_the_same_key_for_something_else_is_refused(bank: Bank, change: str) -> None:
    post(bank, "checkout/sessions", SESSION, key="k1")
    if change == "params":
        answer = post(bank, "checkout/sessions", {**SESSION, "locale": "it"}, key="k1")
    else:
        answer = post(bank, "refunds", SESSION, key="k1")
    assert refused(answer)["type"] == "idempotency_error"


def test_a_refused_request_does_not_use_up_its_key(bank: Bank) -> None:
    refused(post(bank, "checkout/sessions", without("success_url"), key="k1"))
    assert post(bank, "checkout/sessions", SESSION, key="k1").status_code == 200


def test_eight_at_once_with_one_key_are_one(bank: Bank) -> None:
    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(lambda _: post(bank, "checkout/sessions", SESSION, key="k1").json()["id"], range(8)))
    assert len(set(answers)) == 1
    charge = paid(bank)["payment_intent"]["latest_charge"]["id"]
    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(lambda _: post(bank, "refunds", {"charge": charge}, key="k2").json()["id"], range(8)))
    assert len(set(answers)) == 1


def test_eight_cards_at_once_are_one_charge(bank: Bank) -> None:
    session = create(bank)
    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(lambda _: http.post(session["url"], data={"card": SUCCESS}).status_code, range(8)))
    assert answers == [303] * 8
    assert len(bank.money()["charges"]) == 1


# --- memory -----------------------------------------------------------------------------------------------------


def test_killed_and_started_again_it_remembers(bank: Bank) -> None:
    session = post(bank, "checkout/sessions", SESSION, key="k1").json()
    other = paid(bank)
    bank.knobs(latency_ms=1)
    bank.kill()
    bank.start()
    assert post(bank, "checkout/sessions", SESSION, key="k1").json() == session
    assert get(bank, f"checkout/sessions/{other['id']}")["payment_status"] == "paid"
    assert http.get(f"{bank.url}/sandbox/knobs").json()["latency_ms"] == 1


# --- webhooks ---------------------------------------------------------------------------------------------------


def test_a_webhook_is_signed_and_tells_the_object_as_it_was(bank: Bank, shop: Any) -> None:
    import stripe

    session = paid(bank)
    until(lambda: len(shop.received) >= 2)
    events = [
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_of_the_tests").to_dict()
        for headers, body in shop.received
    ]
    assert sorted(event["type"] for event in events) == ["checkout.session.completed", "payment_intent.succeeded"]
    for event in events:
        check_reply(event)
        check_reply(event["data"]["object"])
    completed = next(event for event in events if event["type"] == "checkout.session.completed")
    assert completed["data"]["object"]["id"] == session["id"]
    assert completed["data"]["object"]["payment_intent"] == session["payment_intent"]["id"]


@pytest.mark.parametrize(
    ("how", "times"),
    [("4242424242424242", 1), ("4000000000009227", 2), ("4000000000009334", 0), ("4000000000009441", 0)],
    ids=["success", "twice", "late", "never"],
)
def test_how_often_it_tells(bank: Bank, shop: Any, how: str, times: int) -> None:
    def told() -> int:
        return sum(b"checkout.session.completed" in body for _, body in shop.received)

    paid(bank, how)
    if times:
        until(lambda: told() == times)
    else:
        time.sleep(0.3)
    assert told() == times


def test_what_is_not_taken_is_told_again(bank: Bank, shop: Any) -> None:
    answers = iter([500, 404])
    shop.answer = lambda _headers, _body: next(answers, 200)
    paid(bank)
    bodies = until(lambda: shop.received if len(shop.received) >= 4 else None)
    ids = [__import__("json").loads(body)["id"] for _, body in bodies]
    assert len(set(ids)) == 2
    assert len(ids) == 4


def test_the_clock_of_a_webhook_is_the_providers(bank: Bank, shop: Any) -> None:
    began = datetime.now(UTC)
    then = began + timedelta(days=30)
    bank.clock_at(then)
    paid(bank)
    headers, _ = until(lambda: shop.received)[0]
    stamp = int(headers["Stripe-Signature"].split(",")[0].removeprefix("t="))
    assert -1 <= stamp - then.timestamp() <= (datetime.now(UTC) - began).total_seconds() + 1


# --- audits -----------------------------------------------------------------------------------------------------


def test_the_list_for_audits_has_money_only(bank: Bank) -> None:
    charge = paid(bank, client_reference_id="K2M7F5PW", **{"metadata[key]": "pay:K2M7F5PW:1"})["payment_intent"][
        "latest_charge"
    ]["id"]
    paid(bank, "4000000000000002")
    failing = paid(bank, "4000000000005126")["payment_intent"]["latest_charge"]["id"]
    refund = post(bank, "refunds", {"charge": charge, "amount": "200"}).json()["id"]
    post(bank, "refunds", {"charge": failing})
    bank.knobs(clock_shift_seconds=10)
    until(lambda: len(bank.money()["refunds"]) == 1)
    money = bank.money()
    assert [(c["id"], c["order"], c["key"], c["amount"]) for c in money["charges"]] == [
        (charge, "K2M7F5PW", "pay:K2M7F5PW:1", 500),
        (failing, "", "", 500),
    ]
    assert [(r["id"], r["charge"], r["order"], r["amount"]) for r in money["refunds"]] == [
        (refund, charge, "K2M7F5PW", 200)
    ]
    assert (money["collected"], money["refunded"]) == (1000, 200)


def test_a_person_pays_as_the_demo_does(bank: Bank, shop: Any) -> None:
    session = create(bank, success_url=f"{shop.url}/orders/K2M7F5PW/")
    page = person.pay(session["url"])
    assert str(page.url) == f"{shop.url}/orders/K2M7F5PW/"
    assert page.text == "<h1>Your order</h1>"
