"""The rows as PayPal's objects."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from lineaviva.kernel.money import Money
from lineaviva.sandbox.paypal.models import Capture, Dispute, Order, Refund, SavedPayer

_PAYER_LETTERS, _PAYER_LENGTH = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ", 13


def base_url() -> str:
    return f"{settings.PUBLIC_URL}/paypal"


def instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fee_of(amount: int) -> int:
    """3.4 % rounded half up, and 35 cents; as the real one takes in Italy."""
    return (amount * 34 + 500) // 1000 + 35


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
        **({"payer": {"payer_id": _payer_id(order)}} if order.payer else {}),
        "links": _order_links(order),
    }


def _payer_id(order: Order) -> str:
    """Whoever presses the button is somebody else each time; a saved account is the same one."""
    return payer_id(order.saved_id or order.id)


def payer_id(whose: str) -> str:
    digits = hashlib.sha256(whose.encode()).digest()[:_PAYER_LENGTH]
    return "".join(_PAYER_LETTERS[each % len(_PAYER_LETTERS)] for each in digits)


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
        **({} if more else {"seller_receivable_breakdown": _received(order.amount, order.currency)}),
        **named,
        **({"custom_id": order.custom} if order.custom else {}),
        "create_time": instant(capture.created),
        "update_time": instant(capture.created),
        "links": [_link(address, "self", "GET"), _link(f"{address}/refund", "refund", "POST")],
    }


def _received(amount: int, currency: str) -> dict[str, Any]:
    shares = {"gross_amount": amount, "paypal_fee": fee_of(amount), "net_amount": amount - fee_of(amount)}
    return {name: money_json(share, currency) for name, share in shares.items()}


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
    invoice, currency = refund.capture.order.invoice, refund.capture.order.currency
    # The real one keeps its fee when money goes back.
    shares = {"gross_amount": refund.amount, "paypal_fee": 0, "net_amount": refund.amount}
    return {
        "id": refund.id,
        "status": refund.status,
        **details,
        "amount": money_json(refund.amount, currency),
        "seller_payable_breakdown": {name: money_json(share, currency) for name, share in shares.items()},
        **({"invoice_id": invoice} if invoice else {}),
        **({"custom_id": refund.custom} if refund.custom else {}),
        "create_time": instant(refund.created),
        "update_time": instant(refund.created),
        "links": [_link(f"{base_url()}/v2/payments/refunds/{refund.id}", "self", "GET")],
    }


def setup_json(saved: SavedPayer) -> dict[str, Any]:
    address = f"{base_url()}/v3/vault/setup-tokens/{saved.id}"
    links = [_link(address, "self", "GET")]
    if saved.status == "PAYER_ACTION_REQUIRED":
        links.append(_link(agree_url(saved), "approve", "GET"))
    if saved.status == "APPROVED":
        links.append(_link(f"{base_url()}/v3/vault/payment-tokens", "confirm", "POST"))
    return {
        "id": saved.id,
        "customer": {"id": saved.customer},
        "status": saved.status,
        "payment_source": {"paypal": _wallet(saved)},
        "links": links,
    }


def agree_url(saved: SavedPayer) -> str:
    return f"{base_url()}/agreements/approve?approval_session_id={saved.id}"


def token_json(saved: SavedPayer) -> dict[str, Any]:
    address = f"{base_url()}/v3/vault/payment-tokens/{saved.token}"
    return {
        "id": saved.token,
        "customer": {"id": saved.customer},
        "payment_source": {"paypal": _wallet(saved)},
        "links": [_link(address, "self", "GET"), _link(address, "delete", "DELETE")],
    }


def _wallet(saved: SavedPayer) -> dict[str, Any]:
    shown = {"usage_type": "MERCHANT", "customer_type": "CONSUMER", "permit_multiple_payment_tokens": True}
    described = {"description": saved.description} if saved.description else {}
    # Only who has agreed is somebody.
    who = {"email_address": "payer@example.org", "payer_id": payer_id(saved.id)} if saved.payer else {}
    return {**described, **shown, **who}


def dispute_json(dispute: Dispute) -> dict[str, Any]:
    capture, currency = dispute.capture, dispute.capture.order.currency
    amount = money_json(dispute.amount, currency)
    outcome: dict[str, Any] = {}
    if dispute.outcome:
        lost = dispute.outcome == "RESOLVED_BUYER_FAVOUR"
        refunded = {"amount_refunded": amount} if lost else {}
        outcome["dispute_outcome"] = {"outcome_code": dispute.outcome, **refunded}
        if lost:
            at = {"initiated_time": instant(dispute.updated), "type": "DEBIT", "reason": "DISPUTE_SETTLEMENT"}
            outcome["money_movements"] = [{"affected_party": "SELLER", "amount": amount, **at}]
    return {
        "dispute_id": dispute.id,
        "create_time": instant(dispute.created),
        "update_time": instant(dispute.updated),
        "disputed_transactions": [
            {
                "seller_transaction_id": capture.id,
                "create_time": instant(capture.created),
                "transaction_status": "COMPLETED",
                "gross_amount": money_json(capture.order.amount, currency),
                **({"invoice_number": capture.order.invoice} if capture.order.invoice else {}),
                **({"custom": capture.order.custom} if capture.order.custom else {}),
            }
        ],
        "reason": dispute.reason,
        "status": dispute.status,
        "dispute_amount": amount,
        **outcome,
        "dispute_life_cycle_stage": "CHARGEBACK",
        "dispute_channel": "INTERNAL",
        **({} if outcome else {"seller_response_due_date": instant(dispute.due)}),
        "links": [_link(f"{base_url()}/v1/customer/disputes/{dispute.id}", "self", "GET")],
    }


def _link(href: str, rel: str, method: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "method": method}
