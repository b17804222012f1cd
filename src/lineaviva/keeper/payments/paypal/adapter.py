"""PayPal, Orders v2: the payer approves an order there, and we alone collect it, by asking how it stands.

So money never comes by an order that we have closed: closing takes its intent to be captured away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings

from lineaviva.keeper.payments.paypal import answers, disputes, listing
from lineaviva.keeper.payments.paypal.client import call
from lineaviva.keeper.payments.paypal.orders import order_close, order_get, order_path, quoted
from lineaviva.keeper.payments.ports import (
    Asked,
    Begun,
    Bill,
    DisputeStatus,
    Hint,
    Movement,
    RefundStatus,
    Return,
    Status,
    Urls,
)
from lineaviva.kernel.errors import AdapterError, InvalidInput, NeedsPerson, Permanent

_SIGNED = {
    "auth_algo": "paypal-auth-algo",
    "cert_url": "paypal-cert-url",
    "transmission_id": "paypal-transmission-id",
    "transmission_sig": "paypal-transmission-sig",
    "transmission_time": "paypal-transmission-time",
}
# PayPal goes on telling for three days.
_TOLERANCE = timedelta(days=4)
_ISSUES_OF_NOTHING = {"INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND"}


class PayPalProvider:
    # PayPal keeps an order that nobody approves for three hours.
    lifetime = timedelta(minutes=60)
    polled = True
    # Each of our payments is asked about again: the list of all is another API, whose description is not published.
    reconciles = True

    def __init__(self) -> None:
        self.configured = bool(settings.PAYPAL_CLIENT_ID and settings.PAYPAL_SECRET)

    def begin(self, bill: Bill, urls: Urls) -> Begun:
        order = call("POST", "/v2/checkout/orders", json=answers.order_body(bill, urls), key=bill.key)
        return answers.begun_of(order, bill)

    def fetch(self, reference: str) -> Status:
        """How it stands; what the payer has approved is collected first."""
        order = order_get(reference)
        if order.get("status") != "APPROVED" or order.get("intent") != "CAPTURE":
            return answers.status_of(order)
        refusal = ""
        try:
            return answers.status_of(_capture(reference, order))
        except Permanent as refused:
            refusal = refused.code
        if refusal == "DUPLICATE_INVOICE_ID":
            raise NeedsPerson(answers.collected_before(reference))
        return answers.status_of(order_get(reference), refusal)

    def seen(self, reference: str) -> Status:
        return answers.status_of(order_get(reference))

    def close(self, reference: str) -> Status:
        refusal = ""
        try:
            order_close(reference)
        except Permanent as refused:
            refusal = refused.code
        if refusal in _ISSUES_OF_NOTHING:
            return Status("expired", reason="not_paid_in_time")  # we alone collect, and there is nothing to collect
        status = answers.status_of(order_get(reference))
        # Not closed, and not paid: it is asked about until PayPal has forgotten it.
        return Status("processing", key=status.key) if status.state == "open" else status

    def refund(self, back: Return) -> RefundStatus:
        if back.reference:
            return answers.refund_status_of(call("GET", f"/v2/payments/refunds/{quoted(back.reference)}"))
        path = f"/v2/payments/captures/{quoted(back.charge_ref)}/refund"
        return answers.refund_status_of(call("POST", path, json=answers.refund_body(back), key=back.key))

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        return listing.movements(asked)

    def dispute(self, reference: str) -> DisputeStatus:
        return disputes.dispute(reference)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        if not settings.PAYPAL_WEBHOOK_ID:  # PayPal would say yes to what it sent to somebody else
            raise InvalidInput("No id of PayPal's webhook is set.", code="webhook_refused")
        try:
            event = json.loads(body)
            signed = {name: headers[header] for name, header in _SIGNED.items()}
            sent_at = datetime.fromisoformat(signed["transmission_time"])
            hint = answers.hint_of(event["id"], event["event_type"], event["resource"])
            fresh = abs(now - sent_at.astimezone(UTC)) <= _TOLERANCE
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            fresh = False
        if not fresh or not _really_sent(signed, body):
            raise InvalidInput("This webhook is not from PayPal.", code="webhook_refused")
        return hint


def _capture(reference: str, order: dict[str, Any]) -> dict[str, Any]:
    # An order is captured once, whatever the key. Approved again after a refusal it may be tried again, and not before.
    key = f"capture:{reference}:{order.get('update_time') or ''}"
    return call("POST", f"{order_path(reference)}/capture", json={}, key=key)


def _really_sent(signed: dict[str, str], body: bytes) -> bool:
    """PayPal's own word on it, of the event byte by byte as it came."""
    asked = json.dumps({**signed, "webhook_id": settings.PAYPAL_WEBHOOK_ID}).encode()
    try:
        answer = call(
            "POST",
            "/v1/notifications/verify-webhook-signature",
            content=asked[:-1] + b', "webhook_event": ' + body + b"}",
        )
    except Permanent:
        return False
    except AdapterError as error:
        message = "PayPal cannot be asked now whether this webhook is its own."
        raise InvalidInput(message, code="webhook_not_checked", status=503) from error
    return answer.get("verification_status") == "SUCCESS"
