"""The pretend PayPal's part of the provider's own view: money that moved, in the bank's own shape."""

from __future__ import annotations

from typing import Any

from lineaviva.sandbox.paypal.models import Capture, Dispute, Order, Refund, SavedPayer

# In the order in which they can be deleted.
MODELS = (Dispute, Refund, Capture, Order, SavedPayer)


def collected() -> list[dict[str, Any]]:
    rows = Capture.objects.filter(status="COMPLETED").select_related("order").order_by("created", "id")
    return [_of(capture, capture.id, capture.order.amount) for capture in rows]


def given_back() -> list[dict[str, Any]]:
    rows = Refund.objects.exclude(status="FAILED").select_related("capture__order").order_by("created", "id")
    return [{**_of(row.capture, row.id, row.amount), "status": row.status.lower()} for row in rows]


def _of(capture: Capture, name: str, amount: int) -> dict[str, Any]:
    order = capture.order
    return {
        "id": name,
        "charge": capture.id,
        "order": order.custom,
        "key": order.invoice,
        "amount": amount,
        "currency": order.currency.lower(),
        "created": capture.created,
    }
