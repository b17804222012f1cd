"""Why a payment is refused, and what a bank's refusal is called; one code for each fact."""

from __future__ import annotations

from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, InvalidInput, NeedsPerson, NotFound
from lineaviva.kernel.money import Money

REASONS = {
    "card_declined": gettext_lazy("Your bank refused this card. Nothing was charged."),
    "insufficient_funds": gettext_lazy("There is not enough money on this card. Nothing was charged."),
    "expired_card": gettext_lazy("This card has expired. Nothing was charged."),
    "card_number_wrong": gettext_lazy("The card's number or code is not right. Nothing was charged."),
    "not_confirmed": gettext_lazy("The payment was not confirmed with your bank. Nothing was charged."),
    "instrument_declined": gettext_lazy("What you chose to pay with at PayPal was refused. Nothing was charged."),
    "provider_refused": gettext_lazy("The payment provider could not take this payment. Nothing was charged."),
    "not_paid_in_time": gettext_lazy("It was not paid in time. Nothing was charged."),
    "given_up": gettext_lazy("This payment was given up. Nothing was charged."),
}


def reason_text(code: str) -> str:
    """The sentence for `PaymentAttempt.reason` in the reader's language; "" for no reason."""
    return str(REASONS.get(code, REASONS["provider_refused"])) if code else ""


def provider_off() -> Conflict:
    return Conflict(_("This way to pay is switched off here."), code="provider_off")


def order_closed() -> Conflict:
    return Conflict(_("This order is closed and cannot be paid any more."), code="order_never_paid")


def in_progress() -> Conflict:
    message = _("The payment that was begun is not certainly closed yet. Another way can be chosen as soon as it is.")
    return Conflict(message, code="payment_in_progress")


def no_cash_code() -> Conflict:
    return Conflict(_("This order does not wait for cash."), code="cash_not_waiting")


def paid_otherwise() -> Conflict:
    return Conflict(_("This order is paid already in another way: take no money."), code="order_paid_otherwise")


def cash_code_old() -> Conflict:
    return Conflict(_("This code was good for 48 hours and that time is over."), code="cash_code_expired")


def no_refund_waiting() -> Conflict:
    return Conflict(_("No money waits to be given back by hand for this order."), code="refund_not_waiting")


def refund_not_due() -> Conflict:
    message = _("Only money for which nothing was delivered is given back by itself.")
    return Conflict(message, code="refund_not_due")


def refund_not_paid() -> Conflict:
    return Conflict(_("This order was not paid: there is nothing to give back."), code="refund_not_paid")


def refund_by_itself() -> Conflict:
    message = _("Nothing was delivered for this order yet: if nothing is, all of its money goes back by itself.")
    return Conflict(message, code="refund_by_itself")


def refund_on_its_way() -> Conflict:
    message = _("Money of this order is on its way back already. More can be given back when it has arrived.")
    return Conflict(message, code="refund_on_its_way")


def refund_too_much(left: Money) -> Conflict:
    return Conflict(f"At most {left} of this order can be given back.", code="refund_too_much")


def refund_amount_wrong() -> InvalidInput:
    return InvalidInput("Give back an amount above zero, in the order's currency.", code="amount_invalid")


def refund_no_reason() -> InvalidInput:
    return InvalidInput(_("Say why the money is given back."), code="reason_missing", field="reason")


def webhook_too_large() -> InvalidInput:
    return InvalidInput("This webhook is too large.", code="webhook_too_large", status=413)


def webhook_unknown() -> NotFound:
    return NotFound("There is no such webhook.", code="webhook_unknown")


def amount_differs(order_code: str, wanted: Money, got: Money | None) -> NeedsPerson:
    what = f"The provider says {got} was collected for order {order_code}, which asked for {wanted}."
    return NeedsPerson(f"{what} Compare with the provider's own page, then give back or credit the difference by hand.")
