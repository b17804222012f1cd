"""The PayPal adapter: what it sends, by PayPal's own description; states; and every kind of error as one of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lineaviva.keeper.payments.paypal import client
from lineaviva.keeper.payments.paypal.adapter import PayPalProvider
from lineaviva.keeper.payments.paypal.answers import refund_status_of, status_of
from lineaviva.keeper.payments.ports import Bill, Return, Urls
from lineaviva.kernel.errors import AdapterError, InvalidInput, NeedsPerson, Permanent, Temporary
from lineaviva.kernel.money import Money
from lineaviva.kernel.oauth import Tokens
from tests.conftest import NOON
from tests.sandbox.paypal.schemas import check_request

BILL = Bill(
    key="pay:K2M7F5PW:1",
    order_code="K2M7F5PW",
    amount=Money(1250),
    language="zh-hant",
    title="TIM 12,50 €",
    detail="門號 …1234，訂單 K2M7F5PW",
    email="anna@example.org",
    expires_at=NOON + timedelta(hours=1),
)
URLS = Urls("http://shop.test/orders/K2M7F5PW/?from=payment", "http://shop.test/orders/K2M7F5PW/")
BACK = Return(key="refund:pay:K2M7F5PW:1", charge_ref="3C6", amount=Money(1250), order_code="K2M7F5PW")
AMOUNT = {"currency_code": "EUR", "value": "12.50"}


class Canned:
    """PayPal with one answer to each of several requests, in their order; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []
        self.tokens = 0

    def answer(self, status: int, document: Any = None, **headers: str) -> Canned:
        if isinstance(document, bytes):
            self.answers.append(httpx.Response(status, content=document, headers=headers))
        elif document is None:
            self.answers.append(httpx.Response(status, headers=headers))
        else:
            self.answers.append(httpx.Response(status, json=document, headers=headers))
        return self

    def refuse(self, issue: str, status: int = 422) -> Canned:
        return self.answer(status, {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]})

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/v1/oauth2/token"):
            self.tokens += 1
            return httpx.Response(200, json={"access_token": f"T{self.tokens}", "token_type": "Bearer"})
        self.asked.append(request)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(request.method, request.url.path) for request in self.asked]


@pytest.fixture
def paypal(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Canned:
    settings.PAYPAL_API_BASE, settings.PAYPAL_WEBHOOK_ID = "https://paypal.test", "HOOK"
    settings.PAYPAL_CLIENT_ID, settings.PAYPAL_SECRET = "app", "hush"
    canned = Canned()
    transport = httpx.MockTransport(canned.handle)
    monkeypatch.setattr(client, "TOKENS", Tokens(transport))
    monkeypatch.setattr(client, "_http", lambda: httpx.Client(transport=transport))
    return canned


def order(
    state: str = "CREATED", *, intent: str = "CAPTURE", capture: str = "", value: str = "12.50", **more: Any
) -> dict[str, Any]:
    unit: dict[str, Any] = {"amount": AMOUNT, "invoice_id": "pay:K2M7F5PW:1"}
    if capture:
        unit["payments"] = {"captures": [{"id": "3C6", "status": capture, "amount": {**AMOUNT, "value": value}}]}
    links = [{"rel": "approve", "href": "https://paypal.test/checkoutnow?token=5O1"}]
    return {"id": "5O1", "status": state, "intent": intent, "purchase_units": [unit], "links": links, **more}


# --- what is sent -----------------------------------------------------------------------------------------------


def test_an_order_as_it_is_sent(paypal: Canned) -> None:
    paypal.answer(201, order())
    begun = PayPalProvider().begin(BILL, URLS)
    assert (begun.reference, begun.redirect_url) == ("5O1", "https://paypal.test/checkoutnow?token=5O1")
    [request] = paypal.asked
    assert (request.method, request.url.path) == ("POST", "/v2/checkout/orders")
    assert request.headers["PayPal-Request-Id"] == "pay:K2M7F5PW:1"
    assert request.headers["Prefer"] == "return=representation"
    assert request.headers["Authorization"] == "Bearer T1"
    sent = json.loads(request.content)
    check_request("POST", "/v2/checkout/orders", sent)
    assert sent == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "amount": AMOUNT,
                "description": "TIM 12,50 €: 門號 …1234，訂單 K2M7F5PW",
                "invoice_id": "pay:K2M7F5PW:1",
                "custom_id": "K2M7F5PW",
            }
        ],
        "application_context": {
            "shipping_preference": "NO_SHIPPING",
            "user_action": "PAY_NOW",
            "return_url": URLS.success,
            "cancel_url": URLS.cancel,
            "locale": "zh-TW",
        },
    }


def test_a_long_name_is_cut_and_a_currency_without_cents_has_none(paypal: Canned) -> None:
    yen = {"currency_code": "JPY", "value": "1250"}
    paypal.answer(201, {**order(), "purchase_units": [{"amount": yen}]})
    PayPalProvider().begin(Bill(**{**vars(BILL), "title": "x" * 200, "amount": Money(1250, "JPY")}), URLS)
    [unit] = json.loads(paypal.asked[0].content)["purchase_units"]
    assert (unit["amount"], len(unit["description"])) == (yen, 127)


def test_a_capture_as_it_is_sent(paypal: Canned) -> None:
    paypal.answer(200, order("APPROVED", update_time="2026-11-22T11:00:00Z"))
    paypal.answer(201, order("COMPLETED", capture="COMPLETED"))
    assert PayPalProvider().fetch("5O1").state == "succeeded"
    assert paypal.calls == [("GET", "/v2/checkout/orders/5O1"), ("POST", "/v2/checkout/orders/5O1/capture")]
    assert paypal.asked[1].headers["PayPal-Request-Id"] == "capture:5O1:2026-11-22T11:00:00Z"
    check_request("POST", "/v2/checkout/orders/5O1/capture", json.loads(paypal.asked[1].content))


def test_a_refund_as_it_is_sent(paypal: Canned) -> None:
    paypal.answer(201, {"id": "1R2", "status": "COMPLETED"})
    assert PayPalProvider().refund(BACK).reference == "1R2"
    [request] = paypal.asked
    assert paypal.calls == [("POST", "/v2/payments/captures/3C6/refund")]
    assert request.headers["PayPal-Request-Id"] == "refund:pay:K2M7F5PW:1"
    sent = json.loads(request.content)
    check_request("POST", "/v2/payments/captures/3C6/refund", sent)
    assert sent == {"amount": AMOUNT, "custom_id": "refund-pay-K2M7F5PW-1"}


def test_closing_as_it_is_sent(paypal: Canned) -> None:
    paypal.answer(204).answer(200, order(intent="AUTHORIZE"))
    assert PayPalProvider().close("5O1").state == "expired"
    assert paypal.calls == [("PATCH", "/v2/checkout/orders/5O1"), ("GET", "/v2/checkout/orders/5O1")]
    sent = json.loads(paypal.asked[0].content)
    check_request("PATCH", "/v2/checkout/orders/5O1", sent)
    assert sent == [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}]


def test_a_name_is_never_a_path(paypal: Canned) -> None:
    paypal.answer(200, order())
    PayPalProvider().fetch("../../v1/x?y")
    assert paypal.asked[0].url.raw_path == b"/v2/checkout/orders/..%2F..%2Fv1%2Fx%3Fy"


def test_a_token_that_is_over_is_fetched_again_once(paypal: Canned) -> None:
    paypal.answer(401).answer(200, order())
    assert PayPalProvider().fetch("5O1").state == "open"
    assert [request.headers["Authorization"] for request in paypal.asked] == ["Bearer T1", "Bearer T2"]


# --- errors -----------------------------------------------------------------------------------------------------

ANSWERS: dict[str, tuple[int, Any, type[AdapterError]]] = {
    "client may not": (403, {"name": "NOT_AUTHORIZED"}, NeedsPerson),
    "client not taken": (401, {"name": "AUTHENTICATION_FAILURE"}, NeedsPerson),
    "wrong": (400, {"name": "INVALID_REQUEST"}, Permanent),
    "not there": (404, {"name": "RESOURCE_NOT_FOUND"}, Permanent),
    "somebody is at it": (409, {"details": [{"issue": "PREVIOUS_REQUEST_IN_PROGRESS"}]}, Temporary),
    "too many": (429, {"name": "RATE_LIMIT_REACHED"}, Temporary),
    "broken": (500, {"name": "INTERNAL_SERVER_ERROR"}, Temporary),
    "behind a proxy": (502, b"<html>", Temporary),
    "elsewhere": (302, b"", Temporary),
    "nonsense": (200, b"<html>", Temporary),
    "a list": (200, [], Temporary),
    "empty": (200, {}, Temporary),
    "no units": (200, {"status": "CREATED", "purchase_units": []}, Temporary),
}


@pytest.mark.parametrize(("status", "body", "kind"), ANSWERS.values(), ids=ANSWERS.keys())
def test_every_answer_that_is_not_one(paypal: Canned, status: int, body: Any, kind: type[AdapterError]) -> None:
    paypal.answer(status, body)
    port = PayPalProvider()
    for call in (lambda: port.begin(BILL, URLS), lambda: port.fetch("5O1"), lambda: port.refund(BACK)):
        with pytest.raises(AdapterError) as trouble:
            call()
        assert type(trouble.value) is kind
        assert "hush" not in str(trouble.value)


def test_the_answer_is_lost(paypal: Canned) -> None:
    paypal.answers = [httpx.ReadTimeout("gone")]
    with pytest.raises(Temporary):
        PayPalProvider().begin(BILL, URLS)
    assert len(paypal.asked) == 1


@pytest.mark.parametrize(("seconds", "wait"), [("7", timedelta(seconds=7)), ("soon", None), ("", None)])
def test_how_long_to_wait_is_taken_over(paypal: Canned, seconds: str, wait: timedelta | None) -> None:
    paypal.answer(429, {}, **{"Retry-After": seconds})
    with pytest.raises(Temporary) as trouble:
        PayPalProvider().fetch("5O1")
    assert trouble.value.retry_after == wait


@pytest.mark.parametrize("missing", ["PAYPAL_CLIENT_ID", "PAYPAL_SECRET"])
def test_without_a_client_it_is_off(paypal: Canned, settings: Any, missing: str) -> None:
    assert PayPalProvider().configured is True
    setattr(settings, missing, "")
    assert PayPalProvider().configured is False


# --- states -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "state", "reason", "charge"),
    [
        (order("CREATED"), "open", "", ""),
        (order("PAYER_ACTION_REQUIRED"), "open", "", ""),
        (order("APPROVED"), "open", "", ""),
        (order("COMPLETED", capture="COMPLETED"), "succeeded", "", "3C6"),
        (order("COMPLETED", capture="PARTIALLY_REFUNDED"), "succeeded", "", "3C6"),
        (order("COMPLETED", capture="REFUNDED", intent="AUTHORIZE"), "succeeded", "", "3C6"),
        (order("COMPLETED", capture="PENDING"), "processing", "", ""),
        (order("COMPLETED", capture="DECLINED"), "failed", "instrument_declined", ""),
        (order("COMPLETED", capture="FAILED"), "failed", "instrument_declined", ""),
        (order("VOIDED"), "expired", "not_paid_in_time", ""),
        (order("APPROVED", intent="AUTHORIZE"), "expired", "not_paid_in_time", ""),
    ],
)
def test_an_order_as_a_status(found: dict[str, Any], state: str, reason: str, charge: str) -> None:
    status = status_of(found)
    assert (status.state, status.reason, status.charge_ref) == (state, reason, charge)
    assert status.amount == (Money(1250) if state == "succeeded" else None)
    assert status.key == "pay:K2M7F5PW:1"


def test_what_was_collected_is_what_counts() -> None:
    assert status_of(order("COMPLETED", capture="COMPLETED", value="12.49")).amount == Money(1249)


@pytest.mark.parametrize(
    ("issue", "reason"),
    [
        ("INSTRUMENT_DECLINED", "instrument_declined"),
        ("PAYER_CANNOT_PAY", "instrument_declined"),
        ("ORDER_NOT_APPROVED", ""),
        ("PAYER_ACTION_REQUIRED", ""),
        ("COMPLIANCE_VIOLATION", "provider_refused"),
    ],
)
def test_a_capture_that_is_refused_leaves_the_order_open(paypal: Canned, issue: str, reason: str) -> None:
    paypal.answer(200, order("APPROVED")).refuse(issue).answer(200, order("APPROVED"))
    status = PayPalProvider().fetch("5O1")
    assert (status.state, status.reason) == ("open", reason)


@pytest.mark.parametrize("issue", ["ORDER_ALREADY_CAPTURED", "ORDER_COMPLETION_IN_PROGRESS"])
def test_somebody_else_was_faster(paypal: Canned, issue: str) -> None:
    paypal.answer(200, order("APPROVED")).refuse(issue).answer(200, order("COMPLETED", capture="COMPLETED"))
    assert PayPalProvider().fetch("5O1").state == "succeeded"


def test_an_invoice_that_was_collected_before_needs_a_person(paypal: Canned) -> None:
    paypal.answer(200, order("APPROVED")).refuse("DUPLICATE_INVOICE_ID")
    with pytest.raises(NeedsPerson) as what:
        PayPalProvider().fetch("5O1")
    assert "5O1" in what.value.what


def test_who_only_looks_collects_nothing(paypal: Canned) -> None:
    paypal.answer(200, order("APPROVED"))
    assert PayPalProvider().seen("5O1").state == "open"
    assert paypal.calls == [("GET", "/v2/checkout/orders/5O1")]


def test_what_we_have_closed_is_not_collected(paypal: Canned) -> None:
    paypal.answer(200, order("APPROVED", intent="AUTHORIZE"))
    assert PayPalProvider().fetch("5O1").state == "expired"
    assert paypal.calls == [("GET", "/v2/checkout/orders/5O1")]


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        (lambda paypal: paypal.refuse("INVALID_RESOURCE_ID", 404), "expired"),
        (lambda paypal: paypal.answer(404, {"name": "RESOURCE_NOT_FOUND"}), "expired"),
        (
            lambda paypal: paypal.refuse("ORDER_ALREADY_COMPLETED").answer(
                200, order("COMPLETED", capture="COMPLETED")
            ),
            "succeeded",
        ),
        (lambda paypal: paypal.refuse("NOT_PATCHABLE").answer(200, order("PAYER_ACTION_REQUIRED")), "processing"),
        (lambda paypal: paypal.answer(204).answer(200, order(intent="AUTHORIZE")), "expired"),
    ],
    ids=["not there", "not there any more", "paid meanwhile", "cannot be closed", "closed"],
)
def test_how_closing_ends(paypal: Canned, answers: Callable[[Canned], Any], state: str) -> None:
    answers(paypal)
    assert PayPalProvider().close("5O1").state == state


@pytest.mark.parametrize(
    ("refund", "state", "reason"),
    [
        ({"status": "COMPLETED"}, "succeeded", ""),
        ({"status": "PENDING", "status_details": {"reason": "ECHECK"}}, "pending", ""),
        ({"status": "FAILED", "status_details": {"reason": "ECHECK"}}, "failed", "ECHECK"),
        ({"status": "CANCELLED"}, "failed", ""),
        ({}, "pending", ""),
    ],
    ids=str,
)
def test_a_refund_as_a_status(refund: dict[str, Any], state: str, reason: str) -> None:
    found = refund_status_of({"id": "1R2", **refund})
    assert (found.state, found.reference, found.reason) == (state, "1R2", reason)


# --- webhooks ---------------------------------------------------------------------------------------------------

HEADERS = {
    "paypal-auth-algo": "SHA256withRSA",
    "paypal-cert-url": "https://api.paypal.com/v1/notifications/certs/CERT-1",
    "paypal-transmission-id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
    "paypal-transmission-sig": "kk/lmsJcnmT==",
    "paypal-transmission-time": "2026-11-22T11:00:00Z",
}
# As it came: PayPal's word is about these bytes and no others.
BODY = b'{"id":"WH-1","event_type":"%s","resource":%s,  "amount": 1.50, "name":"\\u00e8"}'


def event(kind: str, resource: Any) -> bytes:
    return BODY % (kind.encode(), json.dumps(resource).encode())


def test_it_is_asked_whether_it_sent_a_webhook(paypal: Canned) -> None:
    paypal.answer(200, {"verification_status": "SUCCESS"})
    body = event("CHECKOUT.ORDER.APPROVED", {"id": "5O1"})
    hint = PayPalProvider().parse_webhook(HEADERS, body, NOON)
    assert (hint.external_id, hint.kind, hint.about, hint.reference) == (
        "WH-1",
        "CHECKOUT.ORDER.APPROVED",
        "payment",
        "5O1",
    )
    [request] = paypal.asked
    assert request.url.path == "/v1/notifications/verify-webhook-signature"
    assert request.content.endswith(b', "webhook_event": ' + body + b"}")
    sent = json.loads(request.content)
    for name in ("amount", "name"):  # the description's event has no such properties, and PayPal's events have more
        del sent["webhook_event"][name]
    check_request("POST", request.url.path, sent)
    assert (sent["webhook_id"], sent["transmission_sig"]) == ("HOOK", "kk/lmsJcnmT==")


@pytest.mark.parametrize(
    ("kind", "resource", "about", "reference"),
    [
        (
            "PAYMENT.CAPTURE.COMPLETED",
            {"id": "3C6", "supplementary_data": {"related_ids": {"order_id": "5O1"}}},
            "payment",
            "5O1",
        ),
        ("PAYMENT.CAPTURE.REFUNDED", {"id": "1R2"}, "refund", "1R2"),
        ("PAYMENT.REFUND.FAILED", {"id": "1R2"}, "refund", "1R2"),
        ("PAYMENT.CAPTURE.REVERSED", {"id": "1R2"}, "refund", "1R2"),
        # An invoice, or a button of somebody's: there is no order.
        ("PAYMENT.CAPTURE.COMPLETED", {"id": "3C6"}, "capture", "3C6"),
        ("PAYMENT.CAPTURE.COMPLETED", {"id": "3C6", "supplementary_data": None}, "capture", "3C6"),
        ("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-1"}, "dispute", "PP-1"),
        ("VAULT.PAYMENT-TOKEN.DELETED", {"id": "8kk8451t"}, "method", "8kk8451t"),
        ("VAULT.PAYMENT-TOKEN.CREATED", {"id": "8kk8451t"}, "nothing", ""),
        ("CUSTOMER.ACCOUNT.CREATED", {"id": "x"}, "nothing", ""),
    ],
)
def test_what_a_webhook_is_about(paypal: Canned, kind: str, resource: Any, about: str, reference: str) -> None:
    paypal.answer(200, {"verification_status": "SUCCESS"})
    hint = PayPalProvider().parse_webhook(HEADERS, event(kind, resource), NOON)
    assert (hint.kind, hint.about, hint.reference) == (kind, about, reference)


REFUSED: dict[str, tuple[dict[str, str], bytes]] = {
    "no resource": (HEADERS, b'{"id": "WH-1", "event_type": "CHECKOUT.ORDER.APPROVED"}'),
    "a list": (HEADERS, b"[]"),
    "no time": ({**HEADERS, "paypal-transmission-time": "now"}, event("A.B", {})),
    "no time zone, and old": ({**HEADERS, "paypal-transmission-time": "2026-01-01"}, event("A.B", {})),
    "from the future": ({**HEADERS, "paypal-transmission-time": "2026-12-01T00:00:00Z"}, event("A.B", {})),
}


@pytest.mark.parametrize(("headers", "body"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_a_webhook_is_not_asked_about(paypal: Canned, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        PayPalProvider().parse_webhook(headers, body, NOON)
    assert (refusal.value.code, refusal.value.status) == ("webhook_refused", 400)
    assert paypal.asked == []


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (200, {"verification_status": "FAILURE"}, 400),
        (200, {}, 400),
        (400, {"name": "VALIDATION_ERROR"}, 400),
        (500, {}, 503),
        (401, {}, 503),
    ],
)
def test_without_paypals_word_it_is_not_believed(paypal: Canned, status: int, answer: Any, code: int) -> None:
    paypal.answer(status, answer)
    with pytest.raises(InvalidInput) as refusal:
        PayPalProvider().parse_webhook(HEADERS, event("A.B", {}), NOON)
    assert refusal.value.status == code


def test_without_the_webhooks_id_none_is_believed(paypal: Canned, settings: Any) -> None:
    settings.PAYPAL_WEBHOOK_ID = ""
    with pytest.raises(InvalidInput):
        PayPalProvider().parse_webhook(HEADERS, event("A.B", {}), NOON)
    assert paypal.asked == []
