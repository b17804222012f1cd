"""Why the till refuses; one code for each fact."""

from __future__ import annotations

from typing import Literal

from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from lineaviva.kernel.money import Money


class CountDiffers(Conflict):
    """What was counted is not what the books say; nothing was written.

    `which`: a reason is missing, or money moved since the counting began. `expected` is what the books say now.
    """

    def __init__(self, which: Literal["no_reason", "moved"], *, expected: Money, counted: Money) -> None:
        said = f"Counted {counted}, and the books say {expected}."
        what = {"no_reason": "Count again, or say why.", "moved": "Money came or went meanwhile: count again."}[which]
        super().__init__(f"{said} {what}", code=f"till_{which}", field="reason")
        self.which, self.expected, self.counted = which, expected, counted

    @property
    def difference(self) -> Money:
        return self.counted - self.expected


def amount_negative(field: str) -> InvalidInput:
    return InvalidInput(_("Write an amount of zero or more, in EUR."), code="amount_negative", field=field)


def amount_too_large(field: str) -> InvalidInput:
    return InvalidInput(_("No till holds that much. Look at what you typed."), code="amount_too_large", field=field)


def brought_too_much() -> InvalidInput:
    message = _("What was brought from the bank is in the till: it cannot be more than was counted.")
    return InvalidInput(message, code="brought_too_much", field="brought")


def banked_too_much() -> InvalidInput:
    message = _("More than was counted cannot be taken to the bank.")
    return InvalidInput(message, code="banked_too_much", field="banked")


def till_closed() -> Conflict:
    return Conflict(_("The till is closed. Open its day first."), code="till_closed")


def till_open_already() -> Conflict:
    return Conflict(_("The till is open already. Close its day first."), code="till_open")


def day_unknown() -> NotFound:
    return NotFound(_("There is no such day of the till."), code="till_day_unknown")


# --- cash that is called off -----------------------------------------------------------------------------------------


def not_cash() -> Conflict:
    return Conflict(_("This order was not paid in cash."), code="cancel_not_cash")


def delivered() -> Conflict:
    message = _(
        "This was delivered and cannot be called off here. Operations may give money back: lineaviva orders refund"
    )
    return Conflict(message, code="cancel_delivered")


def on_its_way_back() -> Conflict:
    return Conflict(_("This order failed already: its money goes back by itself."), code="cancel_failed_already")


def cancellation_unknown() -> NotFound:
    return NotFound(_("Nobody asked to call this off."), code="cancellation_unknown")


def cancellation_asked() -> Conflict:
    message = _("Somebody else asked for this already. You may agree to it.")
    return Conflict(message, code="cancellation_asked")


def cancellation_over() -> Conflict:
    return Conflict(_("This was decided already."), code="cancellation_over")


def second_person() -> NotAllowed:
    message = _("Somebody else has to agree: not the person who asked.")
    return NotAllowed(message, code="second_person")


def no_reason() -> InvalidInput:
    return InvalidInput(_("Say why."), code="reason_missing", field="reason")
