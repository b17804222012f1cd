"""The pretend PayPal in this process: it serves what the published descriptions allow, and nothing else."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from lineaviva.kernel.clock import FrozenClock
from lineaviva.sandbox.paypal.models import Capture, Order
from lineaviva.sandbox.paypal.payers import PAYERS
from lineaviva.sandbox.paypal.telling import message
from lineaviva.sandbox.paypal.texts import words
from lineaviva.sandbox.provider.events import deliver_due
from lineaviva.sandbox.provider.models import Delivery, Event
from tests.sandbox.paypal.schemas import check_refusal, check_reply, check_request
from tests.sandbox.provider.process import PAYPAL, WEBHOOK_SECRET

pytestmark = [pytest.mark.django_db, pytest.mark.urls("lineaviva.sandbox.provider.urls")]
ORDERS, VERIFY = "/v2/checkout/orders", "/v1/notifications/verify-webhook-signature"
FIVE = {"currency_code": "EUR", "value": "5.00"}
ORDER = {
    "intent": "CAPTURE",
    "purchase_units": [{"amount": FIVE, "invoice_id": "pay:K2M7F5PW:1", "custom_id": "K2M7F5PW"}],
    "application_context": {"return_url": "http://shop.test/o/?from=payment", "cancel_url": "http://shop.test/o/"},
}
CLOSE = [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}]


class PayPal:
    """A shop's side of the API, each answer held against the description."""

    def __init__(self, client: Client) -> None:
        self.client = client
        basic = base64.b64encode(f"{PAYPAL['PAYPAL_CLIENT_ID']}:{PAYPAL['PAYPAL_SECRET']}".encode()).decode()
        self.authorization = f"Bearer {self.ask_token(f'Basic {basic}').json()['access_token']}"

    def ask_token(self, authorization: str, grant: str = "client_credentials") -> Any:
        form = {"grant_type": grant}
        return self.client.post("/paypal/v1/oauth2/token", form, headers={"Authorization": authorization})

    def ask(self, method: str, path: str, sent: Any = None, *, key: str = "", **headers: str) -> Any:
        body = json.dumps(sent) if sent is not None else ""
        all_headers = {"Authorization": self.authorization, "Prefer": "return=representation", **headers}
        keyed = {"PayPal-Request-Id": key} if key else {}
        return self.client.generic(
            method, f"/paypal{path}", body, content_type="application/json", headers={**all_headers, **keyed}
        )

    def create(self, **more: Any) -> dict[str, Any]:
        check_request("POST", ORDERS, {**ORDER, **more})
        answer = self.ask("POST", ORDERS, {**ORDER, **more})
        assert answer.status_code == 201, answer.json()
        return self._order(answer)

    def get(self, name: str) -> dict[str, Any]:
        return self._order(self.ask("GET", f"{ORDERS}/{name}"))

    def capture(self, name: str) -> dict[str, Any]:
        return self._order(self.ask("POST", f"{ORDERS}/{name}/capture", {}))

    def approve(self, name: str, payer: str = "success") -> Any:
        return self.client.post(f"/paypal/checkoutnow?token={name}", {"payer": payer})

    def paid(self, payer: str = "success") -> tuple[str, str]:
        """Names of an order that was collected, and of its capture."""
        name = self.create()["id"]
        self.approve(name, payer)
        [capture] = self.capture(name)["purchase_units"][0]["payments"]["captures"]
        return name, capture["id"]

    def refund(self, capture: str, sent: Any = None, key: str = "") -> dict[str, Any]:
        path = f"/v2/payments/captures/{capture}/refund"
        check_request("POST", path, sent or {})
        found: dict[str, Any] = self.ask("POST", path, sent or {}, key=key).json()
        check_reply("refund", found)
        return found

    def refused(self, method: str, path: str, sent: Any = None, *, status: int, issue: str) -> None:
        answer = self.ask(method, path, sent)
        assert (answer.status_code, answer.json()["details"][0]["issue"]) == (status, issue)
        check_refusal(method, path, status, answer.json())

    def _order(self, answer: Any) -> dict[str, Any]:
        found: dict[str, Any] = answer.json()
        check_reply("order", found)
        return found


@pytest.fixture
def paypal(client: Client, settings: Any, clock: FrozenClock) -> PayPal:
    settings.PUBLIC_URL, settings.SANDBOX_WEBHOOK_SECRET = "http://bank.test", WEBHOOK_SECRET
    settings.SANDBOX_WEBHOOK_URL = "http://shop.test/webhooks/stripe"
    for name, value in PAYPAL.items():
        setattr(settings, name, value)
    return PayPal(client)


# --- who may ask ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authorization", ["", "Basic !", "Basic eDp5", "Bearer x"])
def test_no_token_without_the_apps_secret(paypal: PayPal, authorization: str) -> None:
    answer = paypal.ask_token(authorization)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer A21AA"])
def test_no_answer_without_a_token(paypal: PayPal, authorization: str) -> None:
    answer = paypal.ask("POST", ORDERS, ORDER, Authorization=authorization)
    assert answer.status_code == 401
    check_reply("error_401", answer.json())
    assert not Order.objects.exists()


# --- orders -----------------------------------------------------------------------------------------------------


def test_an_order_from_its_making_to_its_money(paypal: PayPal) -> None:
    order = paypal.create()
    assert (order["status"], order["intent"]) == ("CREATED", "CAPTURE")
    [unit] = order["purchase_units"]
    assert (unit["amount"], unit["invoice_id"], unit["custom_id"]) == (FIVE, "pay:K2M7F5PW:1", "K2M7F5PW")
    links = {link["rel"]: link["href"] for link in order["links"]}
    assert links["approve"] == f"http://bank.test/paypal/checkoutnow?token={order['id']}"

    back = paypal.approve(order["id"])
    assert (back.status_code, back["Location"]) == (
        303,
        f"http://shop.test/o/?from=payment&token={order['id']}&PayerID=PRETEND7PAYER",
    )
    approved = paypal.get(order["id"])
    assert (approved["status"], "payments" in approved["purchase_units"][0]) == ("APPROVED", False)
    assert approved["update_time"] > order["update_time"]

    done = paypal.capture(order["id"])
    [capture] = done["purchase_units"][0]["payments"]["captures"]
    assert (done["status"], capture["status"], capture["amount"]) == ("COMPLETED", "COMPLETED", FIVE)
    assert paypal.get(order["id"]) == done
    assert "approve" not in {link["rel"] for link in done["links"]}
    paypal.refused("POST", f"{ORDERS}/{order['id']}/capture", {}, status=422, issue="ORDER_ALREADY_CAPTURED")
    paypal.refused("PATCH", f"{ORDERS}/{order['id']}", CLOSE, status=422, issue="ORDER_ALREADY_COMPLETED")
    assert Capture.objects.count() == 1


def test_a_short_answer_where_no_long_one_is_preferred(paypal: PayPal) -> None:
    answer = paypal.ask("POST", ORDERS, ORDER, Prefer="return=minimal").json()
    assert set(answer) == {"id", "status", "links"}


def test_one_key_is_one_order_whatever_is_asked(paypal: PayPal) -> None:
    first = paypal.ask("POST", ORDERS, ORDER, key="k")
    other = {**ORDER, "purchase_units": [{"amount": {**FIVE, "value": "6.00"}}]}
    again = paypal.ask("POST", ORDERS, other, key="k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Order.objects.count() == 1


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "no intent": ({"intent": None}, 400, "MISSING_REQUIRED_PARAMETER"),
    "no units": ({"purchase_units": []}, 400, "MISSING_REQUIRED_PARAMETER"),
    "no amount": ({"purchase_units": [{}]}, 400, "MISSING_REQUIRED_PARAMETER"),
    "nowhere to go back to": ({"application_context": {}}, 400, "INVALID_PARAMETER_VALUE"),
    "a name too long": ({"purchase_units": [{"amount": FIVE, "custom_id": "x" * 128}]}, 400, "INVALID_PARAMETER_VALUE"),
    "nothing": ({"purchase_units": [{"amount": {**FIVE, "value": "0.00"}}]}, 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
    "half a cent": ({"purchase_units": [{"amount": {**FIVE, "value": "5.005"}}]}, 422, "DECIMAL_PRECISION"),
    "no currency": ({"purchase_units": [{"amount": {**FIVE, "currency_code": "XQX"}}]}, 422, "INVALID_CURRENCY_CODE"),
}


@pytest.mark.parametrize(("change", "status", "issue"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_order(paypal: PayPal, change: dict[str, Any], status: int, issue: str) -> None:
    paypal.refused("POST", ORDERS, {**ORDER, **change}, status=status, issue=issue)
    assert not Order.objects.exists()


def test_what_there_is_not(paypal: PayPal) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/capture")):
        paypal.refused(method, f"{ORDERS}/NOTHING{path}", [], status=404, issue="INVALID_RESOURCE_ID")
    paypal.refused("GET", "/v2/payments/refunds/NOTHING", status=404, issue="INVALID_RESOURCE_ID")
    paypal.refused("POST", "/v2/payments/captures/NOTHING/refund", {}, status=404, issue="INVALID_RESOURCE_ID")
    assert paypal.ask("GET", "/v2/nothing").status_code == 404
    assert paypal.ask("POST", ORDERS).status_code == 400
    assert paypal.client.get("/paypal/checkoutnow?token=NOTHING").status_code == 404


def test_a_closed_order_is_approved_in_vain(paypal: PayPal) -> None:
    name = paypal.create()["id"]
    check_request("PATCH", f"{ORDERS}/{name}", CLOSE)
    assert paypal.ask("PATCH", f"{ORDERS}/{name}", CLOSE).status_code == 204
    paypal.approve(name)
    assert (paypal.get(name)["intent"], paypal.get(name)["status"]) == ("AUTHORIZE", "APPROVED")
    paypal.refused("POST", f"{ORDERS}/{name}/capture", {}, status=422, issue="ORDER_NOT_APPROVED")
    assert not Capture.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "issue"),
    [
        ([{"op": "replace"}], 422, "PATCH_PATH_REQUIRED"),
        ([{"op": "replace", "path": "/status", "value": "COMPLETED"}], 422, "NOT_PATCHABLE"),
        ([{"op": "remove", "path": "/intent"}], 422, "NOT_PATCHABLE"),
        ([{"op": "replace", "path": "/intent", "value": "GIVE"}], 400, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_what_cannot_be_changed(paypal: PayPal, changes: Any, status: int, issue: str) -> None:
    order = paypal.create()
    paypal.refused("PATCH", f"{ORDERS}/{order['id']}", changes, status=status, issue=issue)
    assert paypal.get(order["id"]) == order


def test_a_refusal_is_the_answer_to_its_key_until_somebody_else_approves(paypal: PayPal) -> None:
    name = paypal.create()["id"]
    path = f"{ORDERS}/{name}/capture"
    paypal.refused("POST", path, {}, status=422, issue="ORDER_NOT_APPROVED")
    paypal.approve(name, "declined")
    refused = paypal.ask("POST", path, {}, key="first")
    assert refused.json()["details"][0]["issue"] == "INSTRUMENT_DECLINED"
    check_refusal("POST", path, 422, refused.json())
    paypal.approve(name)
    assert paypal.ask("POST", path, {}, key="first").json() == refused.json()
    assert paypal.ask("POST", path, {}, key="second").status_code == 201
    assert Capture.objects.count() == 1


def test_one_invoice_is_collected_once(paypal: PayPal) -> None:
    paypal.paid()
    other = paypal.create()["id"]
    paypal.approve(other)
    paypal.refused("POST", f"{ORDERS}/{other}/capture", {}, status=422, issue="DUPLICATE_INVOICE_ID")
    assert Capture.objects.count() == 1


def test_money_that_takes_a_while(paypal: PayPal, clock: FrozenClock) -> None:
    name, _capture = paypal.paid("pending")
    states = []
    for _ in range(2):
        [capture] = paypal.get(name)["purchase_units"][0]["payments"]["captures"]
        states.append(capture["status"])
        clock.advance(timedelta(seconds=5))
    assert states == ["PENDING", "COMPLETED"]
    assert [event.kind for event in Event.objects.order_by("id")] == [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.PENDING",
        "PAYMENT.CAPTURE.COMPLETED",
    ]


# --- giving back ------------------------------------------------------------------------------------------------


def test_given_back_in_parts(paypal: PayPal) -> None:
    name, capture = paypal.paid()
    path = f"/v2/payments/captures/{capture}/refund"
    part = {"amount": {**FIVE, "value": "3.00"}, "custom_id": "refund-1"}
    first = paypal.refund(capture, part, key="a")
    assert (first["status"], first["amount"]["value"], first["custom_id"]) == ("COMPLETED", "3.00", "refund-1")
    assert paypal.refund(capture, part, key="a") == first
    paypal.refused("POST", path, {"amount": {**FIVE, "value": "2.01"}}, status=422, issue="REFUND_AMOUNT_EXCEEDED")
    dollars = {"amount": {"currency_code": "USD", "value": "1.00"}}
    paypal.refused("POST", path, dollars, status=422, issue="REFUND_CAPTURE_CURRENCY_MISMATCH")
    [found] = paypal.get(name)["purchase_units"][0]["payments"]["captures"]
    assert found["status"] == "PARTIALLY_REFUNDED"
    assert paypal.refund(capture)["amount"]["value"] == "2.00"
    paypal.refused("POST", path, {}, status=422, issue="CAPTURE_FULLY_REFUNDED")
    [found] = paypal.get(name)["purchase_units"][0]["payments"]["captures"]
    assert found["status"] == "REFUNDED"


@pytest.mark.parametrize(("payer", "end"), [("slow_refund", "COMPLETED"), ("failed_refund", "FAILED")])
def test_a_refund_that_takes_a_while(paypal: PayPal, clock: FrozenClock, payer: str, end: str) -> None:
    _name, capture = paypal.paid(payer)
    refund = paypal.refund(capture)
    assert refund["status"] == "PENDING"
    clock.advance(timedelta(seconds=5))
    found = paypal.ask("GET", f"/v2/payments/refunds/{refund['id']}").json()
    check_reply("refund", found)
    assert found["status"] == end


# --- webhooks ---------------------------------------------------------------------------------------------------


def test_every_event_is_one_that_it_says_is_its_own(paypal: PayPal) -> None:
    _name, capture = paypal.paid()
    paypal.refund(capture)
    kinds = []
    for event in Event.objects.order_by("created", "id"):
        body, headers = message(event)
        document = json.loads(body)
        check_reply("event", document)
        asked = {
            "transmission_id": headers["PAYPAL-TRANSMISSION-ID"],
            "transmission_time": headers["PAYPAL-TRANSMISSION-TIME"],
            "transmission_sig": headers["PAYPAL-TRANSMISSION-SIG"],
            "auth_algo": headers["PAYPAL-AUTH-ALGO"],
            "cert_url": headers["PAYPAL-CERT-URL"],
            "webhook_id": PAYPAL["PAYPAL_WEBHOOK_ID"],
            "webhook_event": document,
        }
        check_request("POST", VERIFY, asked)
        assert _verdict(paypal, asked) == "SUCCESS"
        assert _verdict(paypal, {**asked, "webhook_id": "ANOTHER"}) == "FAILURE"
        assert _verdict(paypal, {**asked, "webhook_event": {**document, "id": "x"}}) == "FAILURE"
        assert _verdict(paypal, {**asked, "transmission_time": "2026-01-01T00:00:00Z"}) == "FAILURE"
        kinds.append((document["event_type"], document["resource_type"]))
    assert sorted(kinds) == [
        ("CHECKOUT.ORDER.APPROVED", "checkout-order"),
        ("PAYMENT.CAPTURE.COMPLETED", "capture"),
        ("PAYMENT.CAPTURE.REFUNDED", "refund"),
    ]
    assert paypal.ask("POST", VERIFY, {}).status_code == 400


def _verdict(paypal: PayPal, asked: dict[str, Any]) -> str:
    answer = paypal.ask("POST", VERIFY, asked).json()
    check_reply("verification", answer)
    return str(answer["verification_status"])


@pytest.mark.parametrize(("payer", "times"), [("webhook_never", 0), ("success", 1), ("webhook_twice", 2)])
def test_the_shop_is_told_at_its_own_door_for_paypal(paypal: PayPal, payer: str, times: int) -> None:
    class Shop:
        def post(self, url: str, **_: Any) -> Any:
            told.append(url)
            return type("Answer", (), {"status_code": 200})

    told: list[str] = []
    paypal.approve(paypal.create()["id"], payer)
    deliver_due(Shop())  # type: ignore[arg-type]
    assert told == ["http://shop.test/webhooks/paypal"] * times
    assert Delivery.objects.filter(due__isnull=False).count() == 0


# --- pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "tag", "says"),
    [
        ("it-IT", "it", "Paga con PayPal"),
        ("zh-CN", "zh-Hans", "用 PayPal 付款"),
        ("zh-TW", "zh-Hant", "使用 PayPal 付款"),
        ("en-GB", "en", "Pay with PayPal"),
    ],
)
def test_the_page_speaks_the_orders_language(paypal: PayPal, locale: str, tag: str, says: str) -> None:
    order = paypal.create(application_context={**ORDER["application_context"], "locale": locale})
    page = paypal.client.get(f"/paypal/checkoutnow?token={order['id']}").content.decode()
    assert f'<html lang="{tag}">' in page
    assert says in page
    assert f"http://shop.test/o/?token={order['id']}" in page
    language = {"zh-Hans": "zh-hans", "zh-Hant": "zh-hant"}.get(tag, tag)
    assert all(words(language)[f"payer_{payer.slug}"] in page for payer in PAYERS)


def test_paid_it_is_not_offered_again(paypal: PayPal) -> None:
    name, _capture = paypal.paid()
    page = paypal.client.get(f"/paypal/checkoutnow?token={name}")
    assert (page.status_code, b"<form" in page.content) == (200, False)
    assert paypal.approve(name).status_code == 200
    assert paypal.get(name)["status"] == "COMPLETED"


def test_somebody_whom_nobody_knows_does_not_pay(paypal: PayPal) -> None:
    order = paypal.create()
    assert paypal.approve(order["id"], "nobody").status_code == 400
    assert paypal.get(order["id"]) == order
