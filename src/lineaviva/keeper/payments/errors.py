"""Why a payment is refused, and what a bank's refusal is called; one code for each fact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, InvalidInput, NeedsPerson, NotFound
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.keeper.payments.velocity import Full

REASONS = {
    "card_declined": gettext_lazy("Your bank refused this card. Nothing was charged."),
    "insufficient_funds": gettext_lazy("There is not enough money on this card. Nothing was charged."),
    "expired_card": gettext_lazy("This card has expired. Nothing was charged."),
    "card_number_wrong": gettext_lazy("The card's number or code is not right. Nothing was charged."),
    "card_gone": gettext_lazy("The saved card is not there any more. Nothing was charged."),
    "not_confirmed": gettext_lazy("The payment was not confirmed with your bank. Nothing was charged."),
    "instrument_declined": gettext_lazy("What you chose to pay with at PayPal was refused. Nothing was charged."),
    "provider_refused": gettext_lazy("The payment provider could not take this payment. Nothing was charged."),
    "disputed": gettext_lazy("A payment with it was taken back as disputed. Save it again to go on using it."),
    "wallet_short": gettext_lazy("Your balance is not enough for this. Nothing was taken."),
    "account_closed": gettext_lazy("The owner's account does not pay for this person. Nothing was charged."),
    "not_paid_in_time": gettext_lazy("It was not paid in time. Nothing was charged."),
    "given_up": gettext_lazy("This payment was given up. Nothing was charged."),
}


# What is said otherwise where no bank and no card was asked, but PayPal.
_PAYPAL = {
    "card_gone": gettext_lazy("The saved PayPal account is not there any more. Nothing was charged."),
    "not_confirmed": gettext_lazy("The payment was not confirmed at PayPal. Nothing was charged."),
}


def reason_text(code: str, provider: str = "") -> str:
    """The sentence for `PaymentAttempt.reason` in the reader's language; "" for no reason."""
    words = {**REASONS, **_PAYPAL} if provider == "paypal" else REASONS
    return str(words.get(code, REASONS["provider_refused"])) if code else ""


def provider_off() -> Conflict:
    return Conflict(_("This way to pay is switched off here."), code="provider_off")


def order_closed() -> Conflict:
    return Conflict(_("This order is closed and cannot be paid any more."), code="order_never_paid")


def in_progress() -> Conflict:
    message = _("The payment that was begun is not certainly closed yet. Another way can be chosen as soon as it is.")
    return Conflict(message, code="payment_in_progress")


_FULL = {
    ("account", "day"): "At most {most} within 24 hours can be paid by card or PayPal from one account.",
    ("account", "week"): "At most {most} within 7 days can be paid by card or PayPal from one account.",
    ("account", "declined"): "{most} payments from this account were declined within an hour.",
    ("account", "begun"): "{most} payments from this account were begun within an hour.",
    ("number", "declined"): "{most} payments for this number were declined within an hour.",
    ("card", "day"): "At most {most} within 24 hours can be paid with one card.",
    ("card", "week"): "At most {most} within 7 days can be paid with one card.",
    ("card", "declined"): "{most} payments with this card were declined within an hour.",
    ("card", "new_numbers"): "One card can pay for at most {most} new numbers within 24 hours.",
}


class VelocityReached(Conflict):
    """Another payment would be too much, or too often. Nothing was charged. `full` says which limit, and until when."""

    def __init__(self, full: Full) -> None:
        amount = full.which in {"day", "week"}
        message = _FULL[full.whose, full.which].format(most=Money(full.most) if amount else full.most)
        super().__init__(message, code=f"payment_limit_{full.whose}_{full.which}", field="pay", status=429)
        self.full = full
        self.until = full.until


class LineBeingRenewed(Conflict):
    """Other orders of the line are being paid, or paid and not active yet. Nothing was charged. `orders` are they."""

    def __init__(self, orders: Sequence[ProductOrder]) -> None:
        codes = ", ".join(one.code for one in orders)
        message = f"This line is being renewed already, by order {codes}. Paying this one, too, renews it twice."
        super().__init__(message, code="line_being_renewed", field="pay")
        self.orders = orders


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


def refund_disputed() -> Conflict:
    message = _("This payment is disputed, or its money went back by a dispute: nothing is given back beside that.")
    return Conflict(message, code="refund_disputed")


def method_disputed() -> Conflict:
    message = _("A payment at this provider is disputed. Until that is decided nothing is charged by itself.")
    return Conflict(message, code="method_disputed")


def refund_too_much(left: Money) -> Conflict:
    return Conflict(f"At most {left} of this order can be given back.", code="refund_too_much")


def refund_amount_wrong() -> InvalidInput:
    return InvalidInput("Give back an amount above zero, in the order's currency.", code="amount_invalid")


def refund_no_reason() -> InvalidInput:
    return InvalidInput(_("Say why the money is given back."), code="reason_missing", field="reason")


def method_unknown() -> NotFound:
    return NotFound(_("There is no such saved card."), code="method_unknown", field="method")


def method_unusable() -> Conflict:
    return Conflict(_("This saved card does not work any more. Save it again, or another one."), code="method_unusable")


def webhook_too_large() -> InvalidInput:
    return InvalidInput("This webhook is too large.", code="webhook_too_large", status=413)


def webhook_unknown() -> NotFound:
    return NotFound("There is no such webhook.", code="webhook_unknown")


def amount_differs(order_code: str, wanted: Money, got: Money | None) -> NeedsPerson:
    what = f"The provider says {got} was collected for order {order_code}, which asked for {wanted}."
    return NeedsPerson(f"{what} Compare with the provider's own page, then give back or credit the difference by hand.")
