"""The provider's rows as the API's objects."""

from __future__ import annotations

from typing import Any

from lineaviva.sandbox.provider.cards import card_of, fingerprint, refusal_error
from lineaviva.sandbox.provider.errors import param_wrong
from lineaviva.sandbox.provider.models import Charge, CheckoutSession, Dispute, PaymentIntent, Refund, SetupIntent

API_VERSION = "2026-10-28.endive"


def session_json(session: CheckoutSession, base_url: str) -> dict[str, Any]:
    intent = PaymentIntent.objects.filter(session=session).first()
    setup = SetupIntent.objects.filter(session=session).first()
    saves = session.mode == "setup"
    amount = None if saves else session.amount
    paid = "paid" if session.status == "complete" else "unpaid"
    return {
        "id": session.id,
        "object": "checkout.session",
        "after_expiration": None,
        "amount_subtotal": amount,
        "amount_total": amount,
        "automatic_tax": {"enabled": False, "status": None},
        "cancel_url": session.cancel_url or None,
        "client_reference_id": session.reference or None,
        "created": session.created,
        "currency": session.currency or None,
        "custom_fields": [],
        "custom_text": {"shipping_address": None, "submit": None},
        "customer": (setup.customer or None) if setup else None,
        "customer_creation": "always" if saves or session.intent_data.get("setup_future_usage") else "if_required",
        "customer_email": session.email or None,
        "expires_at": session.expires_at,
        "livemode": False,
        "locale": session.locale or None,
        "metadata": session.metadata,
        "mode": session.mode,
        "payment_intent": intent.id if intent else None,
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if saves else paid,
        "setup_intent": setup.id if setup and saves else None,
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
        "customer": intent.saved.customer if intent.saved else None,
        "description": session.intent_data.get("description"),
        "last_payment_error": intent.error,
        "latest_charge": charge.id if charge else None,
        "livemode": False,
        "metadata": session.intent_data.get("metadata", {}),
        "payment_method": intent.saved.method if intent.saved else None,
        "payment_method_types": ["card"],
        "setup_future_usage": session.intent_data.get("setup_future_usage"),
        "status": intent.status,
    }


def setup_json(setup: SetupIntent) -> dict[str, Any]:
    return {
        "id": setup.id,
        "object": "setup_intent",
        "application": None,
        "created": setup.created,
        "customer": setup.customer or None,
        "description": setup.session.intent_data.get("description"),
        "last_setup_error": setup.error,
        "livemode": False,
        "metadata": setup.session.intent_data.get("metadata", {}),
        "payment_method": setup.method or None,
        "payment_method_types": ["card"],
        "status": setup.status,
        "usage": "off_session",
    }


def method_json(setup: SetupIntent) -> dict[str, Any]:
    """The saved card; nobody's any more once it is detached."""
    card = card_of(setup.card)
    shown = _card_json(card.last4 if card else "", fingerprint(setup.card, setup.session.email))
    kept = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {
        "id": setup.method,
        "object": "payment_method",
        "billing_details": {"address": None, "email": setup.session.email or None, "name": None, "phone": None},
        "card": {**{name: shown[name] for name in kept}, "networks": None, "three_d_secure_usage": None},
        "created": setup.created,
        "customer": None if setup.detached else setup.customer,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def charge_json(charge: Charge) -> dict[str, Any]:
    session, saved, card = charge.intent.session, charge.intent.saved, card_of(charge.card)
    whose = saved.session.email if saved else session.email
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
        "disputed": Dispute.objects.filter(charge=charge).exists(),
        "failure_code": error.get("code"),
        "failure_message": error.get("message"),
        "livemode": False,
        "metadata": session.intent_data.get("metadata", {}),
        "paid": charge.paid,
        "payment_intent": charge.intent_id,
        "payment_method_details": {
            "type": "card",
            "card": _card_json(card.last4 if card else "", fingerprint(charge.card, whose)),
        },
        "refunded": charge.paid and back == session.amount,
        "status": "succeeded" if charge.paid else "failed",
    }


def _card_json(last4: str, fingerprint: str) -> dict[str, Any]:
    return {
        "brand": "visa",
        "checks": None,
        "country": "IT",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": fingerprint or None,
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


DISPUTE_FEE = 2000


def dispute_json(dispute: Dispute) -> dict[str, Any]:
    intent = dispute.charge.intent
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": dispute_lines(dispute),
        "charge": dispute.charge_id,
        "created": dispute.created,
        "currency": intent.session.currency,
        "evidence": {},
        "evidence_details": {"due_by": dispute.due, "has_evidence": False, "past_due": False, "submission_count": 0},
        "is_charge_refundable": dispute.taken == 0,
        "livemode": False,
        "metadata": {},
        "payment_intent": intent.id,
        "reason": dispute.reason,
        "status": dispute.status,
    }


def dispute_lines(dispute: Dispute) -> list[dict[str, Any]]:
    """What it moved, as the list of balance transactions has it: taken with a fee, and given again without."""
    found = []
    if dispute.taken:
        found.append(_dispute_line(dispute, "dispute", -dispute.amount, DISPUTE_FEE, dispute.taken))
    if dispute.returned:
        found.append(_dispute_line(dispute, "dispute_reversal", dispute.amount, 0, dispute.returned))
    return found


def _dispute_line(dispute: Dispute, kind: str, amount: int, fee: int, at: int) -> dict[str, Any]:
    line = line_json(f"{dispute.id.partition('_')[2]}{kind[7:]}", kind, dispute.charge.intent.session.currency)
    kept = {"amount": fee, "currency": line["currency"], "description": "Dispute fee", "type": "stripe_fee"}
    moved = {"amount": amount, "fee": fee, "fee_details": [kept] if fee else [], "net": amount - fee}
    return {**line, **moved, "available_on": at, "created": at, "source": dispute.id, "type": "adjustment"}


def line_json(name: str, category: str, currency: str) -> dict[str, Any]:
    """What is equal for all balance transactions."""
    return {
        "id": f"txn_{name}",
        "object": "balance_transaction",
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "reporting_category": category,
        "status": "available",
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
                or name not in {"payment_intent", "latest_charge", "charge", "setup_intent", "payment_method"}
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
        return intent_json(PaymentIntent.objects.select_related("session", "saved").get(pk=name))
    if name.startswith("seti_"):
        return setup_json(SetupIntent.objects.select_related("session").get(pk=name))
    if name.startswith("pm_"):
        return method_json(SetupIntent.objects.select_related("session").get(method=name))
    return charge_json(Charge.objects.select_related("intent__session").get(pk=name))
