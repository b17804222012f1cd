"""PayPal's objects as the port's, and the port's as PayPal's."""

from __future__ import annotations

from typing import Any

from lineaviva.keeper.payments.ports import Begun, Bill, Hint, RefundStatus, Return, Status, Urls
from lineaviva.kernel.errors import InvalidInput, Permanent, Temporary
from lineaviva.kernel.money import Money

_LOCALES = {"zh-hans": "zh-CN", "zh-hant": "zh-TW", "it": "it-IT", "en": "en-GB"}
_TEXT_LENGTH = 127
COLLECTED = {"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"}
_ORDER_KINDS = {"CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED", "CHECKOUT.ORDER.VOIDED"}
_CAPTURE_KINDS = {
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
}
_REFUND_KINDS = {
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",  # after a dispute
    "PAYMENT.REFUND.PENDING",
    "PAYMENT.REFUND.FAILED",
}
_DISPUTE_KINDS, _METHOD_GONE = "CUSTOMER.DISPUTE.", "VAULT.PAYMENT-TOKEN.DELETED"
_REFUNDS = {"COMPLETED": "succeeded", "FAILED": "failed", "CANCELLED": "failed"}
# Why a capture was refused, where the payer can choose something else at PayPal.
_PAYER_CAN_CHANGE = {
    "INSTRUMENT_DECLINED",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
    "PAYER_CANNOT_PAY",
    "TRANSACTION_LIMIT_EXCEEDED",
}


def order_body(bill: Bill, urls: Urls) -> dict[str, Any]:
    context = {
        "shipping_preference": "NO_SHIPPING",
        "user_action": "PAY_NOW",
        "return_url": urls.success,
        "cancel_url": urls.cancel,
    }
    return {**charge_body(bill), "application_context": {**context, **locale_of(bill.language)}}


def charge_body(bill: Bill) -> dict[str, Any]:
    """An order that is to be captured from a saved account: nobody sees a page."""
    unit = {
        "amount": amount_body(bill.amount),
        "description": f"{bill.title}: {bill.detail}"[:_TEXT_LENGTH],
        # PayPal refuses to collect one invoice twice, whatever became of our keys.
        "invoice_id": bill.key,
        "custom_id": bill.order_code,
    }
    return {"intent": "CAPTURE", "purchase_units": [unit]}


def locale_of(language: str) -> dict[str, str]:
    return {"locale": _LOCALES[language]} if language in _LOCALES else {}


def refund_body(back: Return) -> dict[str, Any]:
    # What PayPal gives back in its answers has no colons.
    return {"amount": amount_body(back.amount), "custom_id": back.key.replace(":", "-")}


def amount_body(amount: Money) -> dict[str, str]:
    return {"currency_code": amount.currency, "value": str(amount).split()[0]}


def begun_of(order: dict[str, Any], bill: Bill) -> Begun:
    """Where the payer goes. Raises Permanent where the key named an order over another amount."""
    if amount_of(unit_of(order)) != bill.amount:
        raise Permanent("PayPal has another amount under this key", code="provider_refused")
    links = {link.get("rel"): link.get("href") for link in order.get("links") or []}
    return Begun(reference=text(order, "id"), redirect_url=links.get("approve") or links.get("payer-action") or "")


def status_of(order: dict[str, Any], refusal: str = "") -> Status:
    """How an order stands; `refusal` is the issue for which its capture was refused just now.

    An order whose intent is not CAPTURE is one that we have closed.
    """
    unit = unit_of(order)
    captures = [each for each in (unit.get("payments") or {}).get("captures") or [] if isinstance(each, dict)]
    # A capture's answer may name its invoice in the capture only.
    key = next((str(each["invoice_id"]) for each in (unit, *captures) if each.get("invoice_id")), "")
    collected = next((each for each in captures if each.get("status") in COLLECTED), None)
    if collected is not None:
        charge = text(collected, "id")
        return Status("succeeded", amount=amount_of(collected), charge_ref=charge, key=key, card=_payer(order))
    if any(each.get("status") == "PENDING" for each in captures):
        return Status("processing", key=key)
    if captures or order.get("status") == "COMPLETED":
        return Status("failed", reason="instrument_declined", key=key, card=_payer(order))
    if order.get("status") == "VOIDED" or order.get("intent") != "CAPTURE":
        return Status("expired", reason="not_paid_in_time", key=key)
    return Status("open", reason=reason_of(refusal), key=key)


def _payer(order: dict[str, Any]) -> str:
    """PayPal's own word for who pays, in the place where it is now or in the one where it was."""
    paypal = (order.get("payment_source") or {}).get("paypal") or {}
    return str(paypal.get("account_id") or (order.get("payer") or {}).get("payer_id") or "")


def reason_of(issue: str) -> str:
    """Why a capture was refused, as a code of errors.REASONS."""
    # Not approved: the payer has not been at PayPal's page again, which is no refusal.
    if issue in {"", "ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED"}:
        return ""
    return "instrument_declined" if issue in _PAYER_CAN_CHANGE else "provider_refused"


def refund_status_of(refund: dict[str, Any]) -> RefundStatus:
    state: Any = _REFUNDS.get(str(refund.get("status")), "pending")
    reason = (refund.get("status_details") or {}).get("reason") if state == "failed" else ""
    return RefundStatus(state, text(refund, "id"), reason=str(reason or ""))


def hint_of(event_id: str, kind: str, resource: dict[str, Any]) -> Hint:
    """What an event is about. Raises KeyError and TypeError where it is none of PayPal's."""
    if kind in _ORDER_KINDS:
        return Hint(event_id, kind, "payment", resource["id"])
    if kind in _CAPTURE_KINDS:
        related = (resource.get("supplementary_data") or {}).get("related_ids") or {}
        if not related.get("order_id"):  # money may come without an order: by an invoice, or a button of somebody's
            return Hint(event_id, kind, "capture", resource["id"])
        return Hint(event_id, kind, "payment", related["order_id"])
    if kind in _REFUND_KINDS:
        return Hint(event_id, kind, "refund", resource["id"])
    if kind.startswith(_DISPUTE_KINDS):
        return Hint(event_id, kind, "dispute", resource["dispute_id"])
    if kind == _METHOD_GONE:
        return Hint(event_id, kind, "method", resource["id"])
    return Hint(event_id, kind, "nothing")


def amount_of(document: dict[str, Any]) -> Money:
    """Raises Temporary where there is no amount: it is no answer of PayPal's."""
    found = document.get("amount") or {}
    try:
        return Money.parse(str(found.get("value", "")), str(found.get("currency_code", "")))
    except InvalidInput as error:
        raise Temporary("PayPal does not answer as it should: no amount") from error


def text(document: dict[str, Any], name: str) -> str:
    """Raises Temporary where it is not there."""
    found = document.get(name)
    if not isinstance(found, str) or not found:
        raise Temporary(f"PayPal does not answer as it should: no {name}")
    return found


def collected_before(reference: str) -> str:
    """What a person does where PayPal says that an order's invoice was paid by another order."""
    what = f"PayPal has collected the invoice of order {reference} before, by another order of the same name."
    return f"{what} Was the database restored from a backup? Look there and give one back."


def unit_of(order: dict[str, Any]) -> dict[str, Any]:
    """An order's one part. Raises Temporary where there is none."""
    units = order.get("purchase_units")
    if not isinstance(units, list) or len(units) != 1 or not isinstance(units[0], dict):
        raise Temporary("PayPal does not answer as it should: no purchase unit")
    return units[0]
