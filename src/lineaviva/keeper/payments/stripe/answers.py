"""Stripe's objects as the port's."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import replace
from datetime import date
from typing import Any

from lineaviva.keeper.payments.ports import Card, RefundStatus, Status
from lineaviva.kernel.money import Money

_REASONS = {
    "insufficient_funds": "insufficient_funds",
    "expired_card": "expired_card",
    "incorrect_number": "card_number_wrong",
    "incorrect_cvc": "card_number_wrong",
    "payment_intent_authentication_failure": "not_confirmed",
    "authentication_required": "not_confirmed",
}


def status_of(session: dict[str, Any]) -> Status:
    """How what was to be paid on this page stands, and by which card."""
    return replace(_standing(session), card=_fingerprint(session.get("payment_intent") or {}))


def _fingerprint(intent: dict[str, Any]) -> str:
    """Stripe's own of the newest charge's card, else of the one that was refused. What is no card has none."""
    details = (intent.get("latest_charge") or {}).get("payment_method_details") or {}
    refused = (intent.get("last_payment_error") or {}).get("payment_method") or {}
    shown = details.get("card") or refused.get("card") or {}
    return str(shown.get("fingerprint") or "")


def _standing(session: dict[str, Any]) -> Status:
    intent: dict[str, Any] = session.get("payment_intent") or {}
    charge: dict[str, Any] = intent.get("latest_charge") or {}
    reason, key = _reason(intent.get("last_payment_error")), (session.get("metadata") or {}).get("key", "")
    if session.get("mode") == "setup":  # a card is saved there, and nothing collected
        return Status("open", key=key)
    if session["payment_status"] != "unpaid":
        amount = Money(session["amount_total"], session["currency"].upper())
        reference = charge.get("id") or session["id"]
        return Status("succeeded", amount=amount, charge_ref=reference, key=key, kept=_kept(intent))
    if session["status"] == "open":
        return Status("open", reason=reason, key=key)
    if session["status"] == "expired":
        return Status("failed" if reason else "expired", reason=reason or "not_paid_in_time", key=key)
    if intent.get("status") in {"requires_payment_method", "canceled"}:
        return Status("failed", reason=reason or "provider_refused", key=key)
    return Status("processing", key=key)


def _kept(intent: dict[str, Any]) -> Card | None:
    """The card that paid, where it was to be kept, and is."""
    method, customer = intent.get("payment_method"), intent.get("customer")
    if intent.get("setup_future_usage") != "off_session" or not customer or not isinstance(method, dict):
        return None
    # Other ways to pay that the account offers are kept as cards are, and have no digits.
    return card_from(customer, method) if method.get("card") else None


def card_from(customer: str, method: dict[str, Any]) -> Card:
    """A payment method of Stripe's that is kept for `customer`."""
    shown = method.get("card") or {}
    year, month = shown.get("exp_year"), shown.get("exp_month")
    expires = date(year, month, monthrange(year, month)[1]) if year and month else None
    known = {name: shown.get(name) or "" for name in ("brand", "last4", "fingerprint")}
    return Card(customer, method["id"], expires_on=expires, **known)


def intent_status_of(intent: dict[str, Any]) -> Status:
    """How a charge of a saved card stands. What its bank refused is over: nobody is there to try another card."""
    charge, key = intent.get("latest_charge") or "", (intent.get("metadata") or {}).get("key", "")
    reference = charge["id"] if isinstance(charge, dict) else charge
    if intent["status"] == "succeeded":
        amount = Money(intent["amount_received"], intent["currency"].upper())
        return Status("succeeded", amount=amount, charge_ref=reference or intent["id"], key=key)
    if intent["status"] == "processing":
        return Status("processing", key=key)
    reason = _reason(intent.get("last_payment_error"))
    if intent["status"] == "canceled" and not reason:
        return Status("expired", reason="given_up", key=key)
    return Status("failed", reason=reason or "not_confirmed", key=key)


def _reason(error: dict[str, Any] | None) -> str:
    if not error:
        return ""
    code = error.get("decline_code") or error.get("code") or ""
    return _REASONS.get(code, "card_declined" if error.get("type") == "card_error" else "provider_refused")


def refund_status_of(refund: dict[str, Any]) -> RefundStatus:
    states = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
    state: Any = states.get(refund.get("status") or "", "pending")
    return RefundStatus(state, refund["id"], reason=refund.get("failure_reason") or "")
