"""Cards kept at Stripe: saved on a Checkout page, charged by a PaymentIntent without their holder."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import stripe
from django.conf import settings

from lineaviva.keeper.payments.ports import Begun, Bill, Card, Charged, SaveStatus, Status, Urls, Wish
from lineaviva.keeper.payments.stripe.answers import card_from, intent_status_of
from lineaviva.keeper.payments.stripe.client import LOCALES, calling, client
from lineaviva.kernel.errors import Permanent

_EXPAND = ["setup_intent.payment_method"]
# What Stripe answers to a second detach, or where somebody removed the card at its dashboard.
_GONE = {"payment_method_unexpected_state", "resource_missing"}


class StripeSaving:
    lifetime = timedelta(minutes=60)
    with_payment = True

    def __init__(self) -> None:
        self.configured = bool(settings.STRIPE_API_KEY)

    def save_begin(self, wish: Wish, urls: Urls) -> Begun:
        metadata = {"key": wish.key}
        params: Any = {
            "mode": "setup",
            "payment_method_types": ["card"],
            # A customer of its own for each card: to forget the card is to forget all that is there.
            "customer_creation": "always",
            "customer_email": wish.email,
            "locale": LOCALES.get(wish.language, "auto"),
            "success_url": urls.success,
            "cancel_url": urls.cancel,
            "metadata": metadata,
            "setup_intent_data": {"description": wish.title, "metadata": metadata},
            "expires_at": int(wish.expires_at.timestamp()),
        }
        with calling():
            session = client().v1.checkout.sessions.create(params=params, options={"idempotency_key": wish.key})
        return Begun(reference=session.id, redirect_url=session.url or "")

    def save_fetch(self, reference: str) -> SaveStatus:
        with calling():
            session = client().v1.checkout.sessions.retrieve(reference, params={"expand": _EXPAND}).to_dict()
        return save_status_of(session)

    def save_close(self, reference: str) -> SaveStatus:
        # Refused where it is completed or expired already; the next line says which.
        with suppress(Permanent), calling():
            client().v1.checkout.sessions.expire(reference)
        return self.save_fetch(reference)

    def kept(self, card: Card) -> bool:
        try:
            with calling():
                return client().v1.payment_methods.retrieve(card.method_ref).customer is not None
        except Permanent as refusal:
            if refusal.code not in _GONE:
                raise
            return False

    def forget(self, card: Card) -> None:
        try:
            with calling():
                client().v1.payment_methods.detach(card.method_ref)
        except Permanent as refusal:
            if refusal.code not in _GONE:
                raise

    def prepare(self, bill: Bill, card: Card) -> str:
        return ""  # an intent is made with its charge, and found by what we wrote on it

    def charge(self, bill: Bill, card: Card, reference: str) -> Charged:
        metadata = {"key": bill.key, "order": bill.order_code}
        params: Any = {
            "amount": bill.amount.minor,
            "currency": bill.amount.currency.lower(),
            "customer": card.customer_ref,
            "payment_method": card.method_ref,
            "payment_method_types": ["card"],
            "confirm": True,
            "off_session": True,
            "description": f"{bill.order_code}: {bill.detail}",
            "metadata": metadata,
        }
        try:
            with calling():
                made = client().v1.payment_intents.create(params=params, options={"idempotency_key": bill.key})
        except Permanent as refusal:
            if (intent := _refused_intent(refusal)) is None:
                raise
            return charged_of(intent)
        return charged_of(made.to_dict())

    def find(self, key: str, card: Card) -> Charged | None:
        with calling():
            found = client().v1.payment_intents.list(params={"customer": card.customer_ref, "limit": 100})
            intents = [one.to_dict() for one in found.auto_paging_iter()]
        mine = next((one for one in intents if (one.get("metadata") or {}).get("key") == key), None)
        return None if mine is None else Charged(mine["id"], intent_close(mine["id"]))


def charged_of(intent: dict[str, Any]) -> Charged:
    return Charged(intent["id"], intent_status_of(intent))


def _refused_intent(refusal: Permanent) -> dict[str, Any] | None:
    """What Stripe says of the intent beside a bank's refusal; None where it refused the request itself."""
    cause = refusal.__cause__
    if not isinstance(cause, stripe.CardError) or not isinstance(cause.json_body, dict):
        return None
    error: dict[str, Any] = cause.json_body.get("error") or {}
    found: dict[str, Any] | None = error.get("payment_intent")
    return found and {**found, "last_payment_error": found.get("last_payment_error") or error}


def save_status_of(session: dict[str, Any]) -> SaveStatus:
    key = (session.get("metadata") or {}).get("key", "")
    setup: dict[str, Any] = session.get("setup_intent") or {}
    if session["status"] == "complete" and setup.get("status") == "succeeded":
        return SaveStatus("saved", card_from(setup["customer"], setup["payment_method"]), key)
    return SaveStatus("expired" if session["status"] == "expired" else "open", key=key)


# --- what StripeProvider asks about such a charge -------------------------------------------------------------------


def intent_fetch(reference: str) -> Status:
    with calling():
        return intent_status_of(client().v1.payment_intents.retrieve(reference).to_dict())


def intent_close(reference: str) -> Status:
    # Refused where it has collected or is closed already; the next line says which.
    with suppress(Permanent), calling():
        client().v1.payment_intents.cancel(reference)
    return intent_fetch(reference)
