"""Disputes at the pretend PayPal: somebody opens one over a capture, and somebody decides it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from lineaviva.sandbox.paypal import telling
from lineaviva.sandbox.paypal.errors import unknown
from lineaviva.sandbox.paypal.models import Capture, Dispute, new_id
from lineaviva.sandbox.provider import knobs

# What somebody decides, and what it is called here: status and outcome.
DECISIONS = {
    "under_review": ("UNDER_REVIEW", ""),
    "won": ("RESOLVED", "RESOLVED_SELLER_FAVOUR"),
    "lost": ("RESOLVED", "RESOLVED_BUYER_FAVOUR"),
    "closed": ("RESOLVED", "CANCELED_BY_BUYER"),
}
_ANSWER_SECONDS = 10 * 24 * 60 * 60


@transaction.atomic
def dispute_open(asked: dict[str, Any]) -> str:
    """Open one over a capture; its name. Raises ValueError where there is no such capture."""
    capture = Capture.objects.select_related("order").filter(pk=asked.get("charge"), status="COMPLETED").first()
    if capture is None:
        raise ValueError("There is no such charge.")
    now = knobs.stamp()
    dispute = Dispute.objects.create(
        id=f"PP-R-{new_id()}",
        capture=capture,
        amount=asked.get("amount") or capture.order.amount,
        reason=asked.get("reason") or "UNAUTHORISED",
        status="WAITING_FOR_SELLER_RESPONSE",
        due=now + _ANSWER_SECONDS,
        created=now,
        updated=now,
    )
    telling.dispute_told("CUSTOMER.DISPUTE.CREATED", dispute)
    return dispute.id


@transaction.atomic
def dispute_decide(name: str, decision: str) -> None:
    """Move one on. Raises ValueError for what cannot be decided."""
    dispute = Dispute.objects.select_for_update().filter(pk=name).first()
    if dispute is None or decision not in DECISIONS or dispute.status == "RESOLVED":
        raise ValueError("There is no such dispute, or it cannot be decided so.")
    dispute.status, dispute.outcome = DECISIONS[decision]
    dispute.updated = max(knobs.stamp(), dispute.updated + 1)
    dispute.save()
    resolved = dispute.status == "RESOLVED"
    telling.dispute_told("CUSTOMER.DISPUTE.RESOLVED" if resolved else "CUSTOMER.DISPUTE.UPDATED", dispute)


def dispute_find(name: str) -> Dispute:
    dispute = Dispute.objects.select_related("capture__order").filter(pk=name).first()
    if dispute is None:
        raise unknown()
    return dispute
