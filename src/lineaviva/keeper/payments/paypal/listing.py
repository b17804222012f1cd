"""What moved at PayPal, asked for piece by piece: its list of all transactions is not among the APIs used here.

An order tells its captures with PayPal's fee, and its refunds, also those that somebody made by hand at PayPal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from lineaviva.keeper.payments.paypal import answers
from lineaviva.keeper.payments.paypal.client import call
from lineaviva.keeper.payments.paypal.orders import order_get, quoted
from lineaviva.keeper.payments.ports import Asked, Movement
from lineaviva.kernel.errors import Permanent, Temporary
from lineaviva.kernel.money import Money

_REFUND_KEY = "refund-pay-"


def movements(asked: Iterable[Asked]) -> list[Movement]:
    """What moved by all that is asked about, the oldest first. Raises Temporary and NeedsPerson."""
    found = {one.line: one for about in asked for one in _of(about)}
    return sorted(found.values(), key=lambda one: one.at)


def _of(asked: Asked) -> list[Movement]:
    """Nothing where PayPal has it no more, or never had: what is ours is missed when it is compared."""
    try:
        if asked.about == "payment":
            return list(_of_order(order_get(asked.reference)))
        if asked.about == "capture":
            return list(_charge(call("GET", f"/v2/payments/captures/{quoted(asked.reference)}"), ""))
        return list(_refund(call("GET", f"/v2/payments/refunds/{quoted(asked.reference)}"), ""))
    except Permanent:
        return []


def _of_order(order: dict[str, Any]) -> Iterator[Movement]:
    unit = answers.unit_of(order)
    payments, invoice = unit.get("payments") or {}, str(unit.get("invoice_id") or "")
    for capture in payments.get("captures") or []:
        yield from _charge(capture, invoice)
    for refund in payments.get("refunds") or []:
        yield from _refund(refund, invoice)


def _charge(capture: dict[str, Any], invoice: str) -> Iterator[Movement]:
    if capture.get("status") not in answers.COLLECTED:
        return
    amount, name = answers.amount_of(capture), answers.text(capture, "id")
    fee = _fee(capture.get("seller_receivable_breakdown"), amount)
    yield Movement("charge", name, name, amount, fee, _at(capture), str(capture.get("invoice_id") or invoice))


def _refund(refund: dict[str, Any], invoice: str) -> Iterator[Movement]:
    if refund.get("status") != "COMPLETED":
        return
    amount, name, custom = answers.amount_of(refund), answers.text(refund, "id"), str(refund.get("custom_id") or "")
    # What PayPal gives back in its answers has no colons. Without a key of ours it has that of its charge.
    key = custom.replace("-", ":") if custom.startswith(_REFUND_KEY) else str(refund.get("invoice_id") or invoice)
    returned = _fee(refund.get("seller_payable_breakdown"), amount)
    yield Movement("refund", name, name, -amount, -returned, _at(refund), key)


def _fee(breakdown: Any, amount: Money) -> Money:
    """What PayPal kept, or gave back, in the currency of the payment; nothing where it tells none in it."""
    told = (breakdown or {}).get("paypal_fee")
    fee = answers.amount_of({"amount": told}) if told else Money(0, amount.currency)
    return fee if fee.currency == amount.currency else Money(0, amount.currency)


def _at(document: dict[str, Any]) -> datetime:
    """Raises Temporary where it tells no time."""
    try:
        return datetime.fromisoformat(answers.text(document, "create_time")).astimezone(UTC)
    except ValueError as error:
        raise Temporary("PayPal does not answer as it should: no time") from error
