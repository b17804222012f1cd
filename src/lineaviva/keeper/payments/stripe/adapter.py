"""Stripe by its own library: a Checkout Session collects, and a webhook is only a hint to fetch the session again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings

from lineaviva.keeper.payments.ports import (
    Asked,
    Begun,
    Bill,
    DisputeStatus,
    Hint,
    Movement,
    RefundStatus,
    Return,
    Status,
    Urls,
)
from lineaviva.keeper.payments.stripe import disputes, listing, webhooks
from lineaviva.keeper.payments.stripe.answers import refund_status_of, status_of
from lineaviva.keeper.payments.stripe.client import LOCALES, calling, client
from lineaviva.keeper.payments.stripe.saved import intent_close, intent_fetch
from lineaviva.kernel.errors import Permanent

_INTENT = "pi_"  # a saved card was charged: there was no page
_EXPAND = ["payment_intent.latest_charge", "payment_intent.payment_method"]
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
        if reference.startswith(_INTENT):
            return intent_fetch(reference)
        with calling():
            session = client().v1.checkout.sessions.retrieve(reference, params={"expand": _EXPAND})
        return status_of(session.to_dict())

    def close(self, reference: str) -> Status:
        if reference.startswith(_INTENT):
            return intent_close(reference)
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

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        return listing.movements(day)

    def dispute(self, reference: str) -> DisputeStatus:
        return disputes.dispute(reference)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        return webhooks.hint_of(headers, body, now)


def _session_params(bill: Bill, urls: Urls) -> Any:
    metadata = {"key": bill.key, "order": bill.order_code}
    product = {"name": bill.title, "description": bill.detail}
    price = {"currency": bill.amount.currency.lower(), "unit_amount": bill.amount.minor, "product_data": product}
    return {
        "mode": "payment",
        **_METHODS[settings.STRIPE_METHODS],
        "line_items": [{"price_data": price, "quantity": 1}],
        "locale": LOCALES.get(bill.language, "auto"),
        "success_url": urls.success,
        "cancel_url": urls.cancel,
        "client_reference_id": bill.order_code,
        "customer_email": bill.email,
        "metadata": metadata,
        "payment_intent_data": {
            "description": f"{bill.order_code}: {bill.detail}",
            "metadata": metadata,
            **({"setup_future_usage": "off_session"} if bill.keep else {}),
        },
        # As where a card is saved without a payment: one customer, one card, and both are forgotten together.
        **({"customer_creation": "always"} if bill.keep else {}),
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
