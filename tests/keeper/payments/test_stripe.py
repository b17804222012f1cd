"""The Stripe adapter: what it sends, by Stripe's own description; and every kind of error as one of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from lineaviva.keeper.payments.ports import Bill, Card, Return, Urls
from lineaviva.keeper.payments.stripe.adapter import StripeProvider
from lineaviva.keeper.payments.stripe.answers import refund_status_of, status_of
from lineaviva.keeper.payments.stripe.listing import movement_of
from lineaviva.kernel.errors import AdapterError, NeedsPerson, Permanent, Temporary
from lineaviva.kernel.money import Money
from lineaviva.sandbox.provider.encoding import nested
from tests.conftest import NOON
from tests.sandbox.provider.schemas import check_request

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
BACK = Return(key="refund:pay:K2M7F5PW:1", charge_ref="ch_1", amount=Money(1250), order_code="K2M7F5PW")


class Canned:
    """A server that gives one answer to everything, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], dict[str, Any]]] = []
        self.status, self.body, self.headers = 200, b"{}", {"Content-Type": "application/json"}
        canned = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                pairs = parse_qsl(body.decode(), strict_parsing=True) if body else []
                canned.asked.append((self.command, self.path, dict(self.headers.items()), nested(pairs)))
                if canned.status == 0:  # hangs up
                    self.close_connection = True
                    return
                self.send_response(canned.status)
                for name, value in canned.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(canned.body)))
                self.end_headers()
                self.wfile.write(canned.body)

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, status: int, document: Any = None, **headers: str) -> None:
        self.status, self.body = status, document if isinstance(document, bytes) else json.dumps(document).encode()
        self.headers = {"Content-Type": "application/json", **headers}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def canned(settings: Any) -> Iterator[Canned]:
    server = Canned()
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_canned", server.url
    yield server
    server.stop()


def as_types(schema_like: dict[str, Any], numbers: set[str]) -> dict[str, Any]:
    """What a form carries as text, as the description's types: numbers by name, objects numbered from 0 as lists."""
    found: dict[str, Any] = {}
    for name, value in schema_like.items():
        if isinstance(value, dict):
            inner = as_types(value, numbers)
            found[name] = list(inner.values()) if set(inner) == {str(n) for n in range(len(inner))} else inner
        else:
            found[name] = int(value) if name in numbers else value
    return found


# --- what is sent -----------------------------------------------------------------------------------------------


def test_a_session_as_it_is_sent(canned: Canned) -> None:
    canned.answer(200, {"id": "cs_1", "object": "checkout.session", "url": "http://pay.test/cs_1"})
    begun = StripeProvider().begin(BILL, URLS)
    assert (begun.reference, begun.redirect_url) == ("cs_1", "http://pay.test/cs_1")

    [(method, path, headers, form)] = canned.asked
    assert (method, path) == ("POST", "/v1/checkout/sessions")
    assert headers["Idempotency-Key"] == "pay:K2M7F5PW:1"
    assert headers["Authorization"] == "Bearer sk_test_canned"
    sent = as_types(form, {"unit_amount", "quantity", "expires_at"})
    check_request("/v1/checkout/sessions", sent)
    metadata = {"key": "pay:K2M7F5PW:1", "order": "K2M7F5PW"}
    assert sent == {
        "mode": "payment",
        "payment_method_types": ["card"],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "eur",
                    "unit_amount": 1250,
                    "product_data": {"name": "TIM 12,50 €", "description": "門號 …1234，訂單 K2M7F5PW"},
                },
            }
        ],
        "locale": "zh-TW",
        "success_url": URLS.success,
        "cancel_url": URLS.cancel,
        "client_reference_id": "K2M7F5PW",
        "customer_email": "anna@example.org",
        "metadata": metadata,
        "payment_intent_data": {"description": "K2M7F5PW: 門號 …1234，訂單 K2M7F5PW", "metadata": metadata},
        "expires_at": int((NOON + timedelta(hours=1)).timestamp()),
    }


def test_a_session_whose_card_is_kept(canned: Canned) -> None:
    canned.answer(200, {"id": "cs_1", "object": "checkout.session", "url": "http://pay.test/cs_1"})
    for bill in (BILL, replace(BILL, keep=True)):
        StripeProvider().begin(bill, URLS)
    plain, kept = (as_types(form, {"unit_amount", "quantity", "expires_at"}) for *_, form in canned.asked)
    check_request("/v1/checkout/sessions", kept)
    assert kept.pop("customer_creation") == "always"
    assert kept["payment_intent_data"].pop("setup_future_usage") == "off_session"
    assert kept == plain


INTENT = {
    "setup_future_usage": "off_session",
    "customer": "cus_1",
    "payment_method": {"id": "pm_1", "card": {"brand": "visa", "last4": "4242", "exp_year": 2028, "exp_month": 2}},
}


@pytest.mark.parametrize(
    ("intent", "kept"),
    [
        (INTENT, Card("cus_1", "pm_1", "visa", "4242", date(2028, 2, 29))),
        ({**INTENT, "setup_future_usage": None}, None),
        ({**INTENT, "customer": None}, None),
        ({**INTENT, "payment_method": "pm_1"}, None),
        ({**INTENT, "payment_method": {"id": "pm_1", "type": "sepa_debit"}}, None),
    ],
)
def test_the_card_that_was_kept(intent: dict[str, Any], kept: Card | None) -> None:
    paid = {"id": "cs_1", "payment_status": "paid", "amount_total": 500, "currency": "eur", "status": "complete"}
    assert status_of({**paid, "payment_intent": intent}).kept == kept
    assert status_of({**paid, "payment_status": "unpaid", "payment_intent": intent}).kept is None


def test_all_that_the_account_offers_is_asked_for_by_naming_nothing(canned: Canned, settings: Any) -> None:
    settings.STRIPE_METHODS = "auto"
    canned.answer(200, {"id": "cs_1", "object": "checkout.session", "url": "http://pay.test/cs_1"})
    StripeProvider().begin(BILL, URLS)
    [(_method, _path, _headers, form)] = canned.asked
    check_request("/v1/checkout/sessions", as_types(form, {"unit_amount", "quantity", "expires_at"}))
    assert "payment_method_types" not in form


def test_a_part_is_looked_for_before_it_is_given_back(canned: Canned) -> None:
    canned.answer(200, {"object": "list", "data": [{"id": "re_9", "status": "succeeded", "metadata": {"key": "k"}}]})
    part = Return(key="k", charge_ref="ch_1", amount=Money(1), order_code="K2M7F5PW", whole=False)
    assert StripeProvider().refund(part).reference == "re_9"
    assert [(method, path.partition("?")[0]) for method, path, _headers, _form in canned.asked] == [
        ("GET", "/v1/refunds")
    ]


def test_a_refund_as_it_is_sent(canned: Canned) -> None:
    canned.answer(200, {"id": "re_1", "object": "refund", "status": "succeeded"})
    assert StripeProvider().refund(BACK).reference == "re_1"
    [(method, path, headers, form)] = canned.asked
    assert (method, path, headers["Idempotency-Key"]) == ("POST", "/v1/refunds", "refund:pay:K2M7F5PW:1")
    sent = as_types(form, {"amount"})
    check_request("/v1/refunds", sent)
    assert sent == {
        "charge": "ch_1",
        "amount": 1250,
        "metadata": {"key": "refund:pay:K2M7F5PW:1", "order": "K2M7F5PW"},
    }


# --- errors -----------------------------------------------------------------------------------------------------


def error(kind: str = "invalid_request_error", code: str = "") -> dict[str, Any]:
    return {"error": {"type": kind, "message": "No.", **({"code": code} if code else {})}}


ANSWERS: dict[str, tuple[int, Any, type[AdapterError]]] = {
    "wrong key": (401, error(), NeedsPerson),
    "key may not": (403, error(), NeedsPerson),
    "too many": (429, error(), Temporary),
    "too many, as it was": (400, error(code="rate_limit"), Temporary),
    "wrong parameter": (400, error(code="parameter_invalid"), Permanent),
    "key used for something else": (400, error("idempotency_error"), Permanent),
    "card": (402, error("card_error", "card_declined"), Permanent),
    "not there": (404, error(code="resource_missing"), Permanent),
    "somebody else is at it": (409, error(code="lock_timeout"), Temporary),
    "broken": (500, error("api_error"), Temporary),
    "behind a proxy": (502, b"<html>Bad gateway</html>", Temporary),
    "down": (503, b"", Temporary),
    "nonsense": (200, b"<html>Hello</html>", Temporary),
    "hangs up": (0, b"", Temporary),
}


@pytest.mark.parametrize(("status", "body", "kind"), ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("call", ["begin", "fetch", "refund"])
def test_every_answer_that_is_not_one(
    canned: Canned, status: int, body: Any, kind: type[AdapterError], call: str
) -> None:
    canned.answer(status, body)
    calls = {
        "begin": lambda: StripeProvider().begin(BILL, URLS),
        "fetch": lambda: StripeProvider().fetch("cs_1"),
        "refund": lambda: StripeProvider().refund(BACK),
    }
    with pytest.raises(AdapterError) as trouble:
        calls[call]()
    assert type(trouble.value) is kind
    assert "sk_test" not in str(trouble.value)
    assert len(canned.asked) <= 2, "tried again once at most"


@pytest.mark.parametrize(("seconds", "wait"), [("7", timedelta(seconds=7)), ("soon", None), ("", None)])
def test_how_long_to_wait_is_taken_over(canned: Canned, seconds: str, wait: timedelta | None) -> None:
    canned.answer(429, error(), **{"Retry-After": seconds})
    with pytest.raises(Temporary) as trouble:
        StripeProvider().fetch("cs_1")
    assert trouble.value.retry_after == wait


def test_nobody_listens(settings: Any) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_x", "http://127.0.0.1:9"
    with pytest.raises(Temporary):
        StripeProvider().fetch("cs_1")


# --- states -----------------------------------------------------------------------------------------------------


def session(state: str, payment_status: str = "unpaid", /, **intent: Any) -> dict[str, Any]:
    return {
        "id": "cs_1",
        "status": state,
        "payment_status": payment_status,
        "amount_total": 500,
        "currency": "eur",
        "metadata": {"key": "k"},
        "payment_intent": {"latest_charge": {"id": "ch_1"}, **intent} if intent or payment_status == "paid" else None,
    }


CARD_ERROR = {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}


@pytest.mark.parametrize(
    ("found", "state", "reason", "charge"),
    [
        (session("open"), "open", "", ""),
        (session("open", last_payment_error=CARD_ERROR), "open", "card_declined", ""),
        (session("open", status="requires_action"), "open", "", ""),
        (session("complete", "paid", status="succeeded"), "succeeded", "", "ch_1"),
        ({**session("complete", "no_payment_required"), "payment_intent": None}, "succeeded", "", "cs_1"),
        (session("complete", status="processing"), "processing", "", ""),
        (session("complete", status="requires_payment_method"), "failed", "provider_refused", ""),
        (session("complete", status="canceled", last_payment_error=CARD_ERROR), "failed", "card_declined", ""),
        (session("expired"), "expired", "not_paid_in_time", ""),
        (session("expired", status="canceled", last_payment_error=CARD_ERROR), "failed", "card_declined", ""),
        ({**session("open"), "metadata": None}, "open", "", ""),
    ],
)
def test_a_session_as_a_status(found: dict[str, Any], state: str, reason: str, charge: str) -> None:
    status = status_of(found)
    assert (status.state, status.reason, status.charge_ref) == (state, reason, charge)
    assert status.amount == (Money(500) if state == "succeeded" else None)


@pytest.mark.parametrize(
    ("last_error", "reason"),
    [
        (None, ""),
        ({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"type": "card_error", "code": "card_declined", "decline_code": "stolen_card"}, "card_declined"),
        ({"type": "card_error", "code": "expired_card"}, "expired_card"),
        ({"type": "card_error", "code": "incorrect_cvc"}, "card_number_wrong"),
        ({"type": "card_error", "code": "processing_error"}, "card_declined"),
        ({"type": "invalid_request_error", "code": "payment_intent_authentication_failure"}, "not_confirmed"),
        ({"type": "api_error"}, "provider_refused"),
        ({}, ""),
    ],
    ids=str,
)
def test_why_a_card_was_refused(last_error: dict[str, Any] | None, reason: str) -> None:
    assert status_of(session("open", last_payment_error=last_error)).reason == reason


@pytest.mark.parametrize(
    ("refund", "state", "reason"),
    [
        ({"status": "succeeded"}, "succeeded", ""),
        ({"status": "pending"}, "pending", ""),
        ({"status": "requires_action"}, "pending", ""),
        ({"status": None}, "pending", ""),
        ({"status": "failed", "failure_reason": "lost_or_stolen_card"}, "failed", "lost_or_stolen_card"),
        ({"status": "canceled"}, "failed", ""),
    ],
    ids=str,
)
def test_a_refund_as_a_status(refund: dict[str, Any], state: str, reason: str) -> None:
    found = refund_status_of({"id": "re_1", **refund})
    assert (found.state, found.reference, found.reason) == (state, "re_1", reason)


# --- its own list -----------------------------------------------------------------------------------------------


def line(category: str, amount: int, fee: int = 0, source: Any = "x_1") -> dict[str, Any]:
    return {
        "id": "txn_1",
        "reporting_category": category,
        "amount": amount,
        "fee": fee,
        "currency": "eur",
        "source": source,
        "created": int(NOON.timestamp()),
    }


@pytest.mark.parametrize(
    ("found", "kind", "amount", "fee"),
    [
        (line("charge", 500, 33), "charge", 500, 33),
        (line("refund", -200), "refund", -200, 0),
        (line("refund_failure", 200), "refund", 200, 0),
        (line("dispute", -500, 2000), "dispute", -500, 2000),
        (line("dispute_reversal", 500), "dispute", 500, 0),
        (line("fee", -150), "fee", -150, 0),
        (line("payout", -1000), "payout", -1000, 0),
        (line("payout_reversal", 1000), "payout", 1000, 0),
        (line("topup", 1000), "other", 1000, 0),
        ({**line("", 1000), "reporting_category": None}, "other", 1000, 0),
    ],
    ids=lambda value: value["reporting_category"] if isinstance(value, dict) else "",
)
def test_a_line_of_stripes_list(found: dict[str, Any], kind: str, amount: int, fee: int) -> None:
    movement = movement_of(found)
    assert (movement.kind, movement.line, movement.reference, movement.at) == (kind, "txn_1", "x_1", NOON)
    assert (movement.amount, movement.fee, movement.key) == (Money(amount), Money(fee), "")


@pytest.mark.parametrize(
    ("source", "reference", "key"),
    [
        (None, "", ""),
        ({"id": "ch_1"}, "ch_1", ""),
        ({"id": "ch_1", "metadata": None}, "ch_1", ""),
        ({"id": "ch_1", "metadata": {"key": "pay:K2M7F5PW:1"}}, "ch_1", "pay:K2M7F5PW:1"),
    ],
)
def test_what_a_line_is_about(source: Any, reference: str, key: str) -> None:
    movement = movement_of(line("charge", 500, source=source))
    assert (movement.reference, movement.key) == (reference, key)
