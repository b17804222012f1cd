"""Stripe's objects as the port's."""

from __future__ import annotations

from typing import Any

from lineaviva.keeper.payments.ports import RefundStatus, Status
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
    intent: dict[str, Any] = session.get("payment_intent") or {}
    charge: dict[str, Any] = intent.get("latest_charge") or {}
    reason, key = _reason(intent.get("last_payment_error")), (session.get("metadata") or {}).get("key", "")
    if session["payment_status"] != "unpaid":
        amount = Money(session["amount_total"], session["currency"].upper())
        return Status("succeeded", amount=amount, charge_ref=charge.get("id") or session["id"], key=key)
    if session["status"] == "open":
        return Status("open", reason=reason, key=key)
    if session["status"] == "expired":
        return Status("failed" if reason else "expired", reason=reason or "not_paid_in_time", key=key)
    if intent.get("status") in {"requires_payment_method", "canceled"}:
        return Status("failed", reason=reason or "provider_refused", key=key)
    return Status("processing", key=key)


def _reason(error: dict[str, Any] | None) -> str:
    if not error:
        return ""
    code = error.get("decline_code") or error.get("code") or ""
    return _REASONS.get(code, "card_declined" if error.get("type") == "card_error" else "provider_refused")


def refund_status_of(refund: dict[str, Any]) -> RefundStatus:
    states = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
    state: Any = states.get(refund.get("status") or "", "pending")
    return RefundStatus(state, refund["id"], reason=refund.get("failure_reason") or "")
