"""Money on its way back."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from lineaviva.sandbox.provider import events, knobs
from lineaviva.sandbox.provider.cards import card_of
from lineaviva.sandbox.provider.encoding import Params
from lineaviva.sandbox.provider.errors import ApiError, missing, param_missing, param_wrong
from lineaviva.sandbox.provider.models import Charge, Dispute, Refund, new_id
from lineaviva.sandbox.provider.objects import refund_json, refunded

_SLOW_SECONDS = 5


def refund_create(values: dict[str, Any]) -> Refund:
    params = Params(values)
    charge = _charge(params)
    left = charge.intent.session.amount - refunded(charge)
    amount = params.number("amount", left)
    metadata, _ = params.metadata(), params.text("reason", "")
    params.list("expand")
    params.end()
    if not charge.paid:
        raise ApiError(f"Charge {charge.id} did not succeed and cannot be refunded.", code="charge_not_refundable")
    if Dispute.objects.filter(charge=charge, taken__gt=0).exists():
        raise ApiError(f"Charge {charge.id} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left == 0:
        raise ApiError(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise param_wrong("amount", f"must be above zero and at most what is left of the charge ({left})")
    return _create(charge, amount, metadata)


def _charge(params: Params) -> Charge:
    name, intent = params.text("charge", ""), params.text("payment_intent", "")
    if not name and not intent:
        raise param_missing("charge")
    # Locked, so that two refunds at once do not give more back than there is.
    rows = Charge.objects.select_for_update().filter(**({"pk": name} if name else {"intent": intent, "paid": True}))
    charge = rows.first()
    if charge is None:
        raise missing("charge", name or intent)
    return charge


def _create(charge: Charge, amount: int, metadata: dict[str, str]) -> Refund:
    card, now = card_of(charge.card), knobs.stamp()
    end = card.refund if card else "succeeded"
    slow = end != "succeeded"
    refund = Refund.objects.create(
        id=new_id("re"),
        charge=charge,
        amount=amount,
        status="pending" if slow else "succeeded",
        becomes={"slow": "succeeded", "failed": "failed"}.get(end, ""),
        due=now + _SLOW_SECONDS,
        metadata=metadata,
        created=now,
    )
    events.tell("refund.created", refund_json(refund))
    return refund


def refund_find(name: str) -> Refund:
    refund = Refund.objects.filter(pk=name).first()
    if refund is None:
        raise missing("refund", name)
    if refund.status == "pending" and refund.due <= knobs.stamp():
        refund_ripen(refund)
    return refund


def refund_ripen(refund: Refund) -> None:
    """A pending refund becomes what its card lets it become."""
    reason = "expired_or_canceled_card" if refund.becomes == "failed" else ""
    with transaction.atomic():
        ripened = Refund.objects.filter(pk=refund.pk, status="pending").update(status=refund.becomes, reason=reason)
        refund.refresh_from_db()  # also where the thread that tells of it was sooner
        if ripened:
            events.tell("refund.failed" if reason else "refund.updated", refund_json(refund))
