"""Stripe's disputes: a cardholder's bank takes a charge back, or asks about it first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lineaviva.keeper.payments.ports import DisputeState, DisputeStatus, Movement
from lineaviva.keeper.payments.stripe.client import calling, client
from lineaviva.keeper.payments.stripe.listing import movement_of
from lineaviva.kernel.money import Money

_STATES: dict[str, DisputeState] = {
    "warning_needs_response": "open",
    "needs_response": "open",
    "warning_under_review": "under_review",
    "under_review": "under_review",
    "warning_closed": "closed",
    "won": "won",
    "lost": "lost",
}


def dispute(reference: str) -> DisputeStatus:
    """How it stands. Raises Temporary, Permanent and NeedsPerson."""
    with calling():
        return dispute_of(client().v1.disputes.retrieve(reference).to_dict())


def dispute_of(found: dict[str, Any]) -> DisputeStatus:
    # A state that is new to us is for a person, as an open one is.
    state = _STATES.get(found["status"], "open")
    charge, due = found["charge"], (found.get("evidence_details") or {}).get("due_by")
    return DisputeStatus(
        reference=found["id"],
        charge_ref=charge["id"] if isinstance(charge, dict) else charge,
        amount=Money(found["amount"], found["currency"].upper()),
        state=state,
        reason=found["reason"],
        opened_at=datetime.fromtimestamp(found["created"], UTC),
        answer_by=datetime.fromtimestamp(due, UTC) if due and state == "open" else None,
        movements=tuple(_movement(line, found["id"]) for line in found.get("balance_transactions") or []),
    )


def _movement(line: dict[str, Any], reference: str) -> Movement:
    """A line of Stripe's own list, as that will have it: whoever reads it first writes it down."""
    return movement_of({**line, "source": reference})
