"""PayPal's webhooks, told by the pretend bank's thread; only this PayPal can say whether one is its own."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from django.conf import settings

from lineaviva.sandbox.paypal.models import Capture, Dispute, Order, Refund
from lineaviva.sandbox.paypal.objects import (
    base_url,
    capture_json,
    dispute_json,
    instant,
    order_json,
    refund_json,
)
from lineaviva.sandbox.paypal.payers import payer_of
from lineaviva.sandbox.provider import events, knobs
from lineaviva.sandbox.provider.models import Event


def order_told(kind: str, order: Order) -> None:
    _tell(kind, order_json(order), order)


def capture_told(kind: str, capture: Capture) -> None:
    related = {"supplementary_data": {"related_ids": {"order_id": capture.order_id}}}
    _tell(kind, {**capture_json(capture), **related}, capture.order)


def refund_told(kind: str, refund: Refund) -> None:
    _tell(kind, refund_json(refund), refund.capture.order)


def dispute_told(kind: str, dispute: Dispute) -> None:
    _tell(kind, dispute_json(dispute), dispute.capture.order)


def _tell(kind: str, about: dict[str, Any], order: Order) -> None:
    events.tell(kind, about, behaviour=payer_of(order.payer).webhook, sender="paypal")


def message(event: Event) -> tuple[bytes, dict[str, str]]:
    """The event as it is sent: body and headers."""
    document = {
        "id": event.id,
        "event_version": "1.0",
        "create_time": instant(event.created),
        "resource_type": _resource_type(event.kind),
        "event_type": event.kind,
        "summary": "Something has happened at the pretend PayPal.",
        "resource": event.body,
    }
    body = json.dumps(document, indent=1).encode()
    return body, signed(document, settings.SANDBOX_WEBHOOK_SECRET, instant(knobs.stamp()))


def _resource_type(kind: str) -> str:
    if kind.startswith("CHECKOUT."):
        return "checkout-order"
    if kind.startswith("VAULT."):
        return "payment_token"
    if kind.startswith("CUSTOMER."):
        return "dispute"
    return "refund" if "REFUND" in kind else "capture"


def signed(document: Any, secret: str, at: str, *, transmission: str = "t-69cd13f0") -> dict[str, str]:
    """The headers of a webhook that was sent at the instant `at`."""
    return {
        "Content-Type": "application/json",
        "PAYPAL-TRANSMISSION-ID": transmission,
        "PAYPAL-TRANSMISSION-TIME": at,
        "PAYPAL-TRANSMISSION-SIG": signature(document, secret, transmission, at, settings.PAYPAL_WEBHOOK_ID),
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-CERT-URL": f"{base_url()}/v1/notifications/certs/CERT-pretend",
    }


def signature(document: Any, secret: str, transmission: str, at: str, webhook: str) -> str:
    text = json.dumps(document, sort_keys=True)
    return (
        "v1" + hmac.new(secret.encode(), f"{transmission}|{at}|{webhook}|{text}".encode(), hashlib.sha256).hexdigest()
    )
