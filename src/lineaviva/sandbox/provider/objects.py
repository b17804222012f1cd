"""The provider's rows as the API's objects."""

from __future__ import annotations

from typing import Any

from lineaviva.sandbox.provider.cards import card_of, refusal_error
from lineaviva.sandbox.provider.errors import param_wrong
from lineaviva.sandbox.provider.models import Charge, CheckoutSession, PaymentIntent, Refund

API_VERSION = "2026-10-28.endive"


def session_json(session: CheckoutSession, base_url: str) -> dict[str, Any]:
    intent = PaymentIntent.objects.filter(session=session).first()
    return {
        "id": session.id,
        "object": "checkout.session",
        "after_expiration": None,
        "amount_subtotal": session.amount,
        "amount_total": session.amount,
        "automatic_tax": {"enabled": False, "status": None},
        "cancel_url": session.cancel_url or None,
        "client_reference_id": session.reference or None,
        "created": session.created,
        "currency": session.currency,
        "custom_fields": [],
        "custom_text": {"shipping_address": None, "submit": None},
        "customer": None,
        "customer_email": session.email or None,
        "expires_at": session.expires_at,
        "livemode": False,
        "locale": session.locale or None,
        "metadata": session.metadata,
        "mode": "payment",
        "payment_intent": intent.id if intent else None,
        "payment_method_types": ["card"],
        "payment_status": "paid" if session.status == "complete" else "unpaid",
        "shipping_options": [],
        "status": session.status,
        "success_url": session.success_url,
        "url": f"{base_url}/pay/{session.id}" if session.status == "open" else None,
    }


def intent_json(intent: PaymentIntent) -> dict[str, Any]:
    session = intent.session
    charge = intent.charges.order_by("-paid", "-created", "-id").first()
    return {
        "id": intent.id,
        "object": "payment_intent",
        "amount": session.amount,
        "amount_capturable": 0,
        "amount_received": session.amount if intent.status == "succeeded" else 0,
        "canceled_at": None,
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "created": intent.created,
        "currency": session.currency,
        "description": session.intent_data.get("description"),
        "last_payment_error": intent.error,
        "latest_charge": charge.id if charge else None,
        "livemode": False,
        "metadata": session.intent_data.get("metadata", {}),
        "payment_method_types": ["card"],
        "status": intent.status,
    }


def charge_json(charge: Charge) -> dict[str, Any]:
    session, card = charge.intent.session, card_of(charge.card)
    back = refunded(charge)
    error = refusal_error(charge.failure_code) if charge.failure_code else {}
    return {
        "id": charge.id,
        "object": "charge",
        "amount": session.amount,
        "amount_captured": session.amount if charge.paid else 0,
        "amount_refunded": back,
        "billing_details": {"address": None, "email": session.email or None, "name": None, "phone": None},
        "captured": charge.paid,
        "created": charge.created,
        "currency": session.currency,
        "description": session.intent_data.get("description"),
        "disputed": False,
        "failure_code": error.get("code"),
        "failure_message": error.get("message"),
        "livemode": False,
        "metadata": session.intent_data.get("metadata", {}),
        "paid": charge.paid,
        "payment_intent": charge.intent_id,
        "payment_method_details": {"type": "card", "card": _card_json(card.last4 if card else "")},
        "refunded": charge.paid and back == session.amount,
        "status": "succeeded" if charge.paid else "failed",
    }


def _card_json(last4: str) -> dict[str, Any]:
    return {
        "brand": "visa",
        "checks": None,
        "country": "IT",
        "exp_month": 12,
        "exp_year": 2034,
        "funding": "credit",
        "installments": None,
        "last4": last4,
        "mandate": None,
        "network": "visa",
        "three_d_secure": None,
        "wallet": None,
    }


def refund_json(refund: Refund) -> dict[str, Any]:
    failed = {"failure_reason": refund.reason} if refund.status == "failed" else {}
    return {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": refund.charge_id,
        "created": refund.created,
        "currency": refund.charge.intent.session.currency,
        "metadata": refund.metadata,
        "payment_intent": refund.charge.intent_id,
        "reason": None,
        "receipt_number": None,
        "status": refund.status,
        **failed,
    }


def refunded(charge: Charge) -> int:
    """What has gone back of a charge, or is on its way."""
    return sum(charge.refunds.exclude(status="failed").values_list("amount", flat=True))


def page_of(rows: list[dict[str, Any]], url: str, *, more: bool) -> dict[str, Any]:
    return {"object": "list", "url": url, "has_more": more, "data": rows}


def expanded(document: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    """The object with the ids at `paths` (payment_intent.latest_charge) replaced by what they name."""
    for path in paths:
        here: Any = document
        for name in path.split("."):
            if (
                not isinstance(here, dict)
                or name not in {"payment_intent", "latest_charge", "charge"}
                or name not in here
            ):
                raise param_wrong("expand", f"this property cannot be expanded ({path})")
            if isinstance(here[name], str):
                here[name] = _by_id(here[name])
            if here[name] is None:
                break
            here = here[name]
    return document


def _by_id(name: str) -> dict[str, Any]:
    if name.startswith("pi_"):
        return intent_json(PaymentIntent.objects.select_related("session").get(pk=name))
    return charge_json(Charge.objects.select_related("intent__session").get(pk=name))
