"""Disputes: somebody's bank takes a charge back, and decides in the end; opened and decided over HTTP.

What it moves stands in the list of balance transactions: the money and a fee when it is opened, the money again where
it is won.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from lineaviva.sandbox.paypal import disputing as paypal
from lineaviva.sandbox.provider import events, knobs
from lineaviva.sandbox.provider.errors import missing
from lineaviva.sandbox.provider.models import Charge, Dispute, new_id
from lineaviva.sandbox.provider.objects import dispute_json

_DECISIONS = {"under_review": "under_review", "won": "won", "lost": "lost", "closed": "warning_closed"}
_ANSWER_SECONDS = 7 * 24 * 60 * 60


@csrf_exempt
@require_POST
def open_view(request: HttpRequest) -> JsonResponse:
    """POST {"charge": name of a charge or of a PayPal capture, "amount", "reason"}: a dispute is opened over it."""
    try:
        asked = _object(request.body)
        ours = str(asked.get("charge", "")).startswith("ch_")
        return JsonResponse({"id": dispute_open(asked) if ours else paypal.dispute_open(asked)})
    except ValueError as error:
        return JsonResponse({"message": str(error)}, status=400)


@csrf_exempt
@require_POST
def decide_view(request: HttpRequest, name: str) -> JsonResponse:
    """POST {"state": under_review, won, lost or closed}."""
    try:
        decision = str(_object(request.body).get("state", ""))
        (dispute_decide if name.startswith("dp_") else paypal.dispute_decide)(name, decision)
    except ValueError as error:
        return JsonResponse({"message": str(error)}, status=400)
    return JsonResponse({"id": name})


def _object(body: bytes) -> dict[str, Any]:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("Send a JSON object.")
    return found


@transaction.atomic
def dispute_open(asked: dict[str, Any]) -> str:
    """Open one over a charge that was paid; `closed` at its end only if no money moved (`inquiry`)."""
    charge = Charge.objects.select_related("intent__session").filter(pk=asked.get("charge"), paid=True).first()
    if charge is None or Dispute.objects.filter(charge=charge).exists():
        raise ValueError("There is no such charge, or it is disputed already.")
    now, inquiry = knobs.stamp(), bool(asked.get("inquiry"))
    dispute = Dispute.objects.create(
        id=new_id("dp"),
        charge=charge,
        amount=asked.get("amount") or charge.intent.session.amount,
        reason=asked.get("reason") or "fraudulent",
        status="warning_needs_response" if inquiry else "needs_response",
        taken=0 if inquiry else now,
        due=now + _ANSWER_SECONDS,
        created=now,
    )
    events.tell("charge.dispute.created", dispute_json(dispute))
    return dispute.id


@transaction.atomic
def dispute_decide(name: str, decision: str) -> None:
    dispute = Dispute.objects.select_for_update().filter(pk=name).first()
    ended = dispute is None or dispute.status in {"won", "lost", "warning_closed"}
    if dispute is None or ended or decision not in _DECISIONS or (decision == "closed") == bool(dispute.taken):
        raise ValueError("There is no such dispute, or it cannot be decided so.")
    dispute.status = _DECISIONS[decision]
    if decision == "won":
        dispute.returned = knobs.stamp()
    dispute.save()
    kind = "charge.dispute.updated" if decision == "under_review" else "charge.dispute.closed"
    events.tell(kind, dispute_json(dispute))


def dispute_find(name: str) -> Dispute:
    dispute = Dispute.objects.select_related("charge__intent__session").filter(pk=name).first()
    if dispute is None:
        raise missing("dispute", name)
    return dispute
