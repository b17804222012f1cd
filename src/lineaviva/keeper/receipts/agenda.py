"""An active order gets its receipt, what is given back of it a credit note, and each its e-mail."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.receipts.actions import credit_note_issue, receipt_issue
from lineaviva.keeper.receipts.mail import message
from lineaviva.keeper.receipts.models import ReceiptMail
from lineaviva.keeper.reminders.ports import channel
from lineaviva.kernel import agenda


@agenda.handler(ProductOrder, states=(OrderState.ACTIVE,))
def order_receipt(row: ProductOrder, now: datetime) -> agenda.Outcome:
    """The last step of an order: its number is taken in the transaction that ends the order's agenda."""
    return agenda.settle(partial(_issued, now))


def _issued(now: datetime, row: ProductOrder) -> agenda.Outcome:
    receipt_issue(order=row, now=now)
    return agenda.rest()


@agenda.handler(Refund, states=(Refund.State.SUCCEEDED,))
def refund_credit_note(row: Refund, now: datetime) -> agenda.Outcome:
    """Only of what was delivered is there a receipt to take back from; payments lets only those be due.

    Not in the transaction that writes the outcome: an order is locked before its refund.
    """
    if row.requested_by_id is not None:
        credit_note_issue(refund=row, now=now)
    return agenda.rest()


@agenda.handler(ReceiptMail, states=("open",), lease=timedelta(seconds=60), outside=True)
def mail_send(row: ReceiptMail, now: datetime) -> agenda.Outcome:
    """Sent at least once: a worker that dies between sending and writing sends it again, under the same Message-ID."""
    channel("email").send(message(row))
    return agenda.rest(state="sent", sent_at=now)
