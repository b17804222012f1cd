"""Stripe's webhooks: signed by a secret that both know, and not older than a few minutes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from django.conf import settings

from lineaviva.keeper.payments.ports import Hint
from lineaviva.kernel.errors import InvalidInput

_PAYMENT_KINDS = {
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
}
_REFUND_KINDS = {"refund.created", "refund.updated", "refund.failed"}
_DISPUTE_KINDS, _METHOD_GONE = "charge.dispute.", "payment_method.detached"
_TOLERANCE = timedelta(minutes=5)


def hint_of(headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
    """What a webhook is about. Raises InvalidInput where it is forged, old or broken."""
    signature, secret = headers.get("stripe-signature", ""), settings.STRIPE_WEBHOOK_SECRET
    if not secret:  # an empty secret would take anybody's signature
        raise InvalidInput("No signing secret for Stripe's webhooks is set.", code="webhook_refused")
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret)
        _refuse_old(signature, now)
        event = json.loads(body)
        return _hint(event["id"], event["type"], event["data"]["object"])
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput("This webhook is not from Stripe.", code="webhook_refused") from None


def _refuse_old(signature: str, now: datetime) -> None:
    stamp = next((part[2:] for part in signature.split(",") if part.startswith("t=")), "none")
    if abs(now - datetime.fromtimestamp(int(stamp), UTC)) > _TOLERANCE:
        raise ValueError("too old, or from the future")


def _hint(event_id: str, kind: str, about: dict[str, Any]) -> Hint:
    if kind in _PAYMENT_KINDS:
        return Hint(event_id, kind, "payment", about["id"])
    if kind in _REFUND_KINDS:
        return Hint(event_id, kind, "refund", about["id"])
    if kind.startswith(_DISPUTE_KINDS):
        return Hint(event_id, kind, "dispute", about["id"])
    if kind == _METHOD_GONE:
        return Hint(event_id, kind, "method", about["id"])
    return Hint(event_id, kind, "nothing")
