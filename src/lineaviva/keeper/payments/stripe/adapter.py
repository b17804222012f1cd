"""Stripe by its own library: a Checkout Session collects, and a webhook is only a hint to fetch the session again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import stripe
from django.conf import settings

from lineaviva.keeper.payments.ports import Begun, Bill, Hint, Movement, RefundStatus, Return, Status, Urls
from lineaviva.keeper.payments.stripe import listing
from lineaviva.keeper.payments.stripe.answers import refund_status_of, status_of
from lineaviva.keeper.payments.stripe.client import calling, client
from lineaviva.kernel.errors import InvalidInput, Permanent

_LOCALES = {"zh-hans": "zh", "zh-hant": "zh-TW", "it": "it", "en": "en"}
_EXPAND = ["payment_intent.latest_charge"]
_PAYMENT_KINDS = {
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
}
_REFUND_KINDS = {"refund.created", "refund.updated", "refund.failed"}
_TOLERANCE = timedelta(minutes=5)
# Without a list Stripe offers what the account's dashboard switches on for this amount and country.
_METHODS: dict[str, dict[str, Any]] = {"card": {"payment_method_types": ["card"]}, "auto": {}}


class StripeProvider:
    # Stripe takes 30 minutes to 24 hours from when it hears of the session, which may be a little after our row.
    lifetime = timedelta(minutes=60)
    polled = True
    reconciles = True

    def __init__(self) -> None:
        self.configured = bool(settings.STRIPE_API_KEY)

    def begin(self, bill: Bill, urls: Urls) -> Begun:
        options: Any = {"idempotency_key": bill.key}
        with calling():
            session = client().v1.checkout.sessions.create(params=_session_params(bill, urls), options=options)
        return Begun(reference=session.id, redirect_url=session.url or "")

    def fetch(self, reference: str) -> Status:
        with calling():
            session = client().v1.checkout.sessions.retrieve(reference, params={"expand": _EXPAND})
        return status_of(session.to_dict())

    def close(self, reference: str) -> Status:
        # Refused where it is completed or expired already; the next line says which.
        with suppress(Permanent), calling():
            client().v1.checkout.sessions.expire(reference)
        return self.fetch(reference)

    def refund(self, back: Return) -> RefundStatus:
        if back.reference:
            with calling():
                return refund_status_of(client().v1.refunds.retrieve(back.reference).to_dict())
        # Should Stripe have forgotten the key of a lost answer: a second part is not refused as a second whole is.
        if not back.whole and (found := _refund_of(back)):
            return found
        params: Any = {
            "charge": back.charge_ref,
            "amount": back.amount.minor,
            "metadata": {"key": back.key, "order": back.order_code},
        }
        try:
            with calling():
                made = client().v1.refunds.create(params=params, options={"idempotency_key": back.key})
        except Permanent as refusal:
            if refusal.code != "charge_already_refunded":
                raise
            if found := _refund_of(back):
                return found
            raise Permanent("This charge was given back by somebody else.", code="charge_already_refunded") from None
        return refund_status_of(made.to_dict())

    def listing(self, day: date) -> Iterable[Movement]:
        return listing.movements(day)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
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


def _session_params(bill: Bill, urls: Urls) -> Any:
    metadata = {"key": bill.key, "order": bill.order_code}
    product = {"name": bill.title, "description": bill.detail}
    price = {"currency": bill.amount.currency.lower(), "unit_amount": bill.amount.minor, "product_data": product}
    return {
        "mode": "payment",
        **_METHODS[settings.STRIPE_METHODS],
        "line_items": [{"price_data": price, "quantity": 1}],
        "locale": _LOCALES.get(bill.language, "auto"),
        "success_url": urls.success,
        "cancel_url": urls.cancel,
        "client_reference_id": bill.order_code,
        "customer_email": bill.email,
        "metadata": metadata,
        "payment_intent_data": {"description": f"{bill.order_code}: {bill.detail}", "metadata": metadata},
        "expires_at": int(bill.expires_at.timestamp()),
    }


def _refund_of(back: Return) -> RefundStatus | None:
    """The refund that we asked for and whose answer was lost for longer than Stripe keeps the key."""
    with calling():
        found = client().v1.refunds.list(params={"charge": back.charge_ref, "limit": 100}).data
    for refund in [one.to_dict() for one in found]:
        if (refund.get("metadata") or {}).get("key") == back.key:
            return refund_status_of(refund)
    return None


def _refuse_old(signature: str, now: datetime) -> None:
    stamp = next((part[2:] for part in signature.split(",") if part.startswith("t=")), "none")
    if abs(now - datetime.fromtimestamp(int(stamp), UTC)) > _TOLERANCE:
        raise ValueError("too old, or from the future")


def _hint(event_id: str, kind: str, about: dict[str, Any]) -> Hint:
    if kind in _PAYMENT_KINDS:
        return Hint(event_id, kind, "payment", about["id"])
    if kind in _REFUND_KINDS:
        return Hint(event_id, kind, "refund", about["id"])
    return Hint(event_id, kind, "nothing")
