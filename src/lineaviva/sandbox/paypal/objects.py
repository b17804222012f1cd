"""The rows as PayPal's objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from lineaviva.kernel.money import Money
from lineaviva.sandbox.paypal.models import Capture, Order, Refund


def base_url() -> str:
    return f"{settings.PUBLIC_URL}/paypal"


def instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def money_json(amount: int, currency: str) -> dict[str, str]:
    return {"currency_code": currency, "value": str(Money(amount, currency)).split()[0]}


def order_json(order: Order) -> dict[str, Any]:
    unit: dict[str, Any] = {"reference_id": "default", "amount": money_json(order.amount, order.currency)}
    for name, value in (("description", order.description), ("invoice_id", order.invoice), ("custom_id", order.custom)):
        unit |= {name: value} if value else {}
    capture = Capture.objects.filter(order=order).first()
    if capture is not None:
        unit["payments"] = {"captures": [capture_json(capture)]}
        refunds = [refund_json(refund) for refund in capture.refunds.order_by("created", "id")]
        unit["payments"] |= {"refunds": refunds} if refunds else {}
    return {
        "id": order.id,
        "intent": order.intent,
        "status": order.status,
        "purchase_units": [unit],
        "create_time": instant(order.created),
        "update_time": instant(order.updated),
        "links": _order_links(order),
    }


def _order_links(order: Order) -> list[dict[str, str]]:
    address = f"{base_url()}/v2/checkout/orders/{order.id}"
    links = [_link(address, "self", "GET")]
    if order.status != "COMPLETED":
        links.append(_link(approve_url(order), "approve", "GET"))
        links.append(_link(address, "update", "PATCH"))
        links.append(_link(f"{address}/capture", "capture", "POST"))
    return links


def approve_url(order: Order) -> str:
    return f"{base_url()}/checkoutnow?token={order.id}"


def capture_json(capture: Capture) -> dict[str, Any]:
    order = capture.order
    address = f"{base_url()}/v2/payments/captures/{capture.id}"
    more = {"status_details": {"reason": "PENDING_REVIEW"}} if capture.status == "PENDING" else {}
    named = {"invoice_id": order.invoice} if order.invoice else {}
    return {
        "id": capture.id,
        "status": _capture_status(capture),
        **more,
        "amount": money_json(order.amount, order.currency),
        "final_capture": True,
        **named,
        **({"custom_id": order.custom} if order.custom else {}),
        "create_time": instant(capture.created),
        "update_time": instant(capture.created),
        "links": [_link(address, "self", "GET"), _link(f"{address}/refund", "refund", "POST")],
    }


def _capture_status(capture: Capture) -> str:
    back = refunded(capture)
    if not back:
        return capture.status
    return "REFUNDED" if back == capture.order.amount else "PARTIALLY_REFUNDED"


def refunded(capture: Capture) -> int:
    """What has gone back of a capture, or is on its way."""
    return sum(capture.refunds.exclude(status="FAILED").values_list("amount", flat=True))


def refund_json(refund: Refund) -> dict[str, Any]:
    details = {"status_details": {"reason": "ECHECK"}} if refund.status == "PENDING" else {}
    return {
        "id": refund.id,
        "status": refund.status,
        **details,
        "amount": money_json(refund.amount, refund.capture.order.currency),
        **({"custom_id": refund.custom} if refund.custom else {}),
        "create_time": instant(refund.created),
        "update_time": instant(refund.created),
        "links": [_link(f"{base_url()}/v2/payments/refunds/{refund.id}", "self", "GET")],
    }


def _link(href: str, rel: str, method: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "method": method}
