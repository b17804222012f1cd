"""PayPal's disputes: opened by a payer at PayPal, or by their bank against it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lineaviva.keeper.payments.paypal import answers
from lineaviva.keeper.payments.paypal.client import call
from lineaviva.keeper.payments.paypal.orders import quoted
from lineaviva.keeper.payments.ports import DisputeState, DisputeStatus, Movement
from lineaviva.kernel.errors import Temporary
from lineaviva.kernel.money import Money

_WANT_US = {"OPEN", "WAITING_FOR_SELLER_RESPONSE"}
_ENDS: dict[str, DisputeState] = {
    "RESOLVED_BUYER_FAVOUR": "lost",
    "ACCEPTED": "lost",
    "RESOLVED_SELLER_FAVOUR": "won",
    "RESOLVED_WITH_PAYOUT": "won",  # PayPal pays the payer out of its own pocket
    "DENIED": "won",
    "CANCELED_BY_BUYER": "closed",
    "NONE": "closed",
}
_FEES = {"DISPUTE_SETTLEMENT_FEE", "DISPUTE_FEE", "CHARGEBACK_FEE"}


def dispute(reference: str) -> DisputeStatus:
    """How it stands. Raises Temporary, Permanent and NeedsPerson."""
    return dispute_of(call("GET", f"/v1/customer/disputes/{quoted(reference)}"))


def dispute_of(found: dict[str, Any]) -> DisputeStatus:
    about: dict[str, Any] = next(iter(found.get("disputed_transactions") or []), {})
    opened, amount = _time(found, "create_time"), answers.amount_of({"amount": found.get("dispute_amount")})
    if opened is None:
        raise Temporary("PayPal does not answer as it should: no time")
    reference = answers.text(found, "dispute_id")
    state = _state(found)
    return DisputeStatus(
        reference=reference,
        charge_ref=str(about.get("seller_transaction_id") or ""),
        amount=amount,
        state=state,
        reason=str(found.get("reason") or ""),
        opened_at=opened,
        key=str(about.get("invoice_number") or ""),
        answer_by=_time(found, "seller_response_due_date") if state == "open" else None,
        movements=tuple(_movements(found, reference, state, amount)),
    )


def _state(found: dict[str, Any]) -> DisputeState:
    if found.get("status") != "RESOLVED":
        return "open" if found.get("status") in _WANT_US else "under_review"
    outcome = (found.get("dispute_outcome") or {}).get("outcome_code")
    return _ENDS.get(str(outcome), "closed")


def _movements(found: dict[str, Any], reference: str, state: str, disputed: Money) -> Iterator[Movement]:
    """What it took from us or gave us again. Where PayPal tells no movements its outcome says what was taken."""
    told = [one for one in found.get("money_movements") or [] if one.get("affected_party") == "SELLER"]
    for one in told:
        moved, at = answers.amount_of(one), _time(one, "initiated_time")
        sign = 1 if one.get("type") == "CREDIT" else -1
        kind, reason = ("fee", "fee") if one.get("reason") in _FEES else ("dispute", "money")
        line = f"{reference}:{reason}:{one.get('type')}:{one.get('initiated_time')}"
        if at is not None:
            yield _movement(kind, line, reference, moved.minor * sign, moved.currency, at)
    ended = _time(found, "update_time")
    if state == "lost" and not told and ended is not None:
        refunded = (found.get("dispute_outcome") or {}).get("amount_refunded")
        taken = answers.amount_of({"amount": refunded}) if refunded else disputed
        yield _movement("dispute", f"{reference}:outcome", reference, -taken.minor, taken.currency, ended)


def _movement(kind: Any, line: str, reference: str, minor: int, currency: str, at: datetime) -> Movement:
    return Movement(kind, line, reference, Money(minor, currency), Money(0, currency), at)


def _time(found: dict[str, Any], name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(str(found.get(name) or "")).astimezone(UTC)
    except ValueError:
        return None
