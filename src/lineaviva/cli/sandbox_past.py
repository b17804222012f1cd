"""What the sandbox's holder did before it was started: each of her lines was renewed once, in cash, as in life.

So its numbers are known here, which a renewal asks for before it takes a number's word, and her receipts are not empty.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from lineaviva.kernel.clock import ROME

if TYPE_CHECKING:
    from lineaviva.keeper.accounts.models import User
    from lineaviva.keeper.lines.models import Line
    from lineaviva.keeper.orders.models import ProductOrder


def renewed(*, line: Line, on: date, by: User, clerk: User) -> None:
    """`by` topped `line` up that day at noon at the clerk's counter; nothing of it is left to be done today.

    By the same actions as ever, in one transaction: no worker finds a half of it and asks an operator of today.
    """
    from django.db import transaction

    from lineaviva.keeper.receipts.actions import receipt_issue
    from lineaviva.keeper.receipts.models import ReceiptMail

    at = datetime.combine(on, time(12), ROME)
    with transaction.atomic():
        order = _paid(line, by, clerk, at)
        _activated(order, at + timedelta(minutes=6))
        receipt = receipt_issue(order=order, now=at + timedelta(minutes=6))
        ReceiptMail.objects.filter(receipt=receipt).update(state="sent", sent_at=receipt.issued_at, look_at=None)
        order.refresh_from_db()
        order.look_at = None
        order.save(update_fields=["look_at"])


def _paid(line: Line, by: User, clerk: User, at: datetime) -> ProductOrder:
    from lineaviva.keeper.catalogue.actions import quote_make
    from lineaviva.keeper.catalogue.queries import cheapest_keepalive
    from lineaviva.keeper.orders.actions import order_place
    from lineaviva.keeper.payments.actions import cash_confirm, payment_begin

    offer = cheapest_keepalive(line=line, now=at)
    if offer is None:
        raise RuntimeError(f"The pretend {line.operator} sells nothing that keeps a line.")
    quote = quote_make(line=line, offering=offer.offering, by=by, now=at)
    order = order_place(quote=quote, by=by, language=by.language, now=at)
    payment_begin(order=order, provider="cash", now=at)
    return cash_confirm(code=order.code, clerk=clerk, now=at + timedelta(minutes=5))


def _activated(order: ProductOrder, at: datetime) -> None:
    from lineaviva.keeper.activation.actions import activation_begin, activation_succeed
    from lineaviva.keeper.activation.models import Activation
    from lineaviva.keeper.activation.ports import Result

    activation = activation_begin(order=order, now=at)
    if activation is None:
        raise RuntimeError(f"Order {order.code} was not paid.")
    result = Result("succeeded", operator_reference=f"{order.line.operator.upper()}-{order.code}", done_at=at)
    activation_succeed(activation=activation, result=result, now=at)
    Activation.objects.filter(pk=activation.pk).update(look_at=None)
