"""What happens to an order: made, approved by its payer, closed by its shop, captured, given back."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money
from lineaviva.sandbox.paypal import telling
from lineaviva.sandbox.paypal.errors import impossible, missing, unknown, wrong
from lineaviva.sandbox.paypal.models import Capture, Order, Refund, new_id
from lineaviva.sandbox.paypal.objects import refunded
from lineaviva.sandbox.paypal.payers import Payer, payer_of
from lineaviva.sandbox.paypal.vault import payer_saved
from lineaviva.sandbox.provider import knobs

_SLOW_SECONDS = 5


def order_create(asked: dict[str, Any]) -> Order:
    units, context = asked.get("purchase_units"), asked.get("application_context", {})
    if asked.get("intent") not in {"CAPTURE", "AUTHORIZE"}:
        raise missing("/intent")
    if not isinstance(units, list) or len(units) != 1 or not isinstance(units[0], dict):
        raise missing("/purchase_units")
    amount, now = money_of(units[0].get("amount"), "/purchase_units/0/amount"), knobs.stamp()
    # Without a page to come back to nobody can approve it: it can only be captured from a saved account.
    for name in ("return_url", "cancel_url") if "application_context" in asked else ():
        if not str(context.get(name, "")).startswith(("http://", "https://")):
            raise wrong(f"/application_context/{name}")
    return Order.objects.create(
        id=new_id(),
        intent=asked["intent"],
        amount=amount.minor,
        currency=amount.currency,
        description=_text(units[0], "description"),
        invoice=_text(units[0], "invoice_id"),
        custom=_text(units[0], "custom_id"),
        locale=str(context.get("locale", "")),
        return_url=context.get("return_url", ""),
        cancel_url=context.get("cancel_url", ""),
        created=now,
        updated=now,
    )


def money_of(found: Any, field: str) -> Money:
    try:
        amount = Money.parse(str(found["value"]), str(found["currency_code"]))
    except (KeyError, TypeError):
        raise missing(field) from None
    except InvalidInput as error:
        issue = "INVALID_CURRENCY_CODE" if error.code == "currency_unknown" else "DECIMAL_PRECISION"
        raise impossible(issue) from None
    if amount.minor <= 0:
        raise impossible("CANNOT_BE_ZERO_OR_NEGATIVE")
    return amount


def _text(unit: dict[str, Any], name: str) -> str:
    found = unit.get(name, "")
    if not isinstance(found, str) or len(found) > 127:
        raise wrong(f"/purchase_units/0/{name}")
    return found


def order_find(name: str, *, lock: bool = False) -> Order:
    """The order, its money completed if that was pending for long enough. Raises PayPalError (404)."""
    rows = Order.objects.select_for_update() if lock else Order.objects.all()
    order = rows.filter(pk=name).first()
    if order is None:
        raise unknown()
    capture = Capture.objects.filter(order=order, status="PENDING", due__lte=knobs.stamp()).first()
    if capture is not None:
        _ripen_capture(capture)
    return order


def order_patch(name: str, changes: Any) -> None:
    """Only its intent can be changed here, which is how a shop closes it."""
    order = order_find(name, lock=True)
    if order.status == "COMPLETED":
        raise impossible("ORDER_ALREADY_COMPLETED")
    for change in changes if isinstance(changes, list) else [{}]:
        if not isinstance(change, dict) or not change.get("path"):
            raise impossible("PATCH_PATH_REQUIRED")
        if (change["path"], change.get("op")) != ("/intent", "replace"):
            raise impossible("NOT_PATCHABLE")
        if change.get("value") not in {"CAPTURE", "AUTHORIZE"}:
            raise wrong("/0/value")
        order.intent = change["value"]
    _save(order)


@transaction.atomic
def order_approve(name: str, payer: Payer) -> Order:
    """The payer says yes; a second time, or after the money has moved, it changes nothing but who pays."""
    order = order_find(name, lock=True)
    if order.status != "COMPLETED":
        order.status, order.payer = "APPROVED", payer.slug
        _save(order)
        telling.order_told("CHECKOUT.ORDER.APPROVED", order)
    return order


def order_capture(name: str, asked: Any) -> Order:
    """Take what its payer has approved, or what a saved account pays without them."""
    order = order_find(name, lock=True)
    source = asked.get("payment_source") if isinstance(asked, dict) else None
    if order.status == "COMPLETED":
        raise impossible("ORDER_ALREADY_CAPTURED")
    if order.intent != "CAPTURE" or (order.status != "APPROVED" and not source):
        raise impossible("ORDER_NOT_APPROVED")
    if source:
        order.saved = payer_saved(source)
        order.payer = order.saved.payer
    payer = payer_of(order.payer)
    if source and payer.later:
        raise impossible(payer.later, kept=True)
    if payer.declined:
        raise impossible("INSTRUMENT_DECLINED", kept=True)
    if order.invoice and Capture.objects.filter(order__invoice=order.invoice).exists():
        raise impossible("DUPLICATE_INVOICE_ID")
    now, status = knobs.stamp(), "PENDING" if payer.pending else "COMPLETED"
    order.status = "COMPLETED"
    _save(order)
    capture = Capture.objects.create(id=new_id(), order=order, status=status, due=now + _SLOW_SECONDS, created=now)
    telling.capture_told(f"PAYMENT.CAPTURE.{status}", capture)
    return order


def _save(order: Order) -> None:
    """Every change is later than the one before it, though the clock counts whole seconds."""
    order.updated = max(knobs.stamp(), order.updated + 1)
    order.save()


def _ripen_capture(capture: Capture) -> None:
    with transaction.atomic():
        if Capture.objects.filter(pk=capture.pk, status="PENDING").update(status="COMPLETED"):
            capture.refresh_from_db()
            telling.capture_told("PAYMENT.CAPTURE.COMPLETED", capture)


def refund_create(name: str, asked: dict[str, Any]) -> Refund:
    # Locked, so that two refunds at once do not give more back than there is.
    capture = Capture.objects.select_for_update().filter(pk=name).first()
    if capture is None:
        raise unknown()
    order = capture.order
    if capture.disputes.filter(outcome="").exists():
        raise impossible("TRANSACTION_DISPUTED")
    left = Money(order.amount - refunded(capture), order.currency)
    amount = money_of(asked["amount"], "/amount") if "amount" in asked else left
    if left.minor == 0:
        raise impossible("CAPTURE_FULLY_REFUNDED")
    if amount.currency != left.currency:
        raise impossible("REFUND_CAPTURE_CURRENCY_MISMATCH")
    if amount > left:
        raise impossible("REFUND_AMOUNT_EXCEEDED")
    end, now = payer_of(order.payer).refund, knobs.stamp()
    refund = Refund.objects.create(
        id=new_id(),
        capture=capture,
        amount=amount.minor,
        status="COMPLETED" if end == "COMPLETED" else "PENDING",
        becomes={"slow": "COMPLETED", "FAILED": "FAILED"}.get(end, ""),
        due=now + _SLOW_SECONDS,
        custom=str(asked.get("custom_id", "")),
        created=now,
    )
    telling.refund_told("PAYMENT.CAPTURE.REFUNDED" if end == "COMPLETED" else "PAYMENT.REFUND.PENDING", refund)
    return refund


def capture_find(name: str) -> Capture:
    capture = Capture.objects.select_related("order").filter(pk=name).first()
    if capture is None:
        raise unknown()
    return capture


def refund_find(name: str) -> Refund:
    refund = Refund.objects.filter(pk=name).first()
    if refund is None:
        raise unknown()
    if refund.status == "PENDING" and refund.due <= knobs.stamp():
        _ripen_refund(refund)
    return refund


def _ripen_refund(refund: Refund) -> None:
    with transaction.atomic():
        ripened = Refund.objects.filter(pk=refund.pk, status="PENDING").update(status=refund.becomes)
        refund.refresh_from_db()
        if ripened:
            failed = refund.status == "FAILED"
            telling.refund_told("PAYMENT.REFUND.FAILED" if failed else "PAYMENT.CAPTURE.REFUNDED", refund)


def sweep() -> None:
    """What time alone does: pending money arrives, slow refunds end."""
    now = knobs.stamp()
    for capture in Capture.objects.filter(status="PENDING", due__lte=now)[:100]:
        _ripen_capture(capture)
    for refund in Refund.objects.filter(status="PENDING", due__lte=now)[:100]:
        _ripen_refund(refund)
