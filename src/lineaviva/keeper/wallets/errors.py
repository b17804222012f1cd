"""Why a voucher, a wallet or a change of one is refused; one code for each fact."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotFound
from lineaviva.kernel.money import Money


class TooManyGuesses(LineavivaError):
    """Too many PINs were wrong, from this account or address; `wait`: until the next one is looked at."""

    code = "voucher_too_many"
    status = 429

    def __init__(self, wait: timedelta) -> None:
        super().__init__(
            _("Too many PINs were wrong. Wait a quarter of an hour, or ask who sold you the voucher."), field="pin"
        )
        self.wait = wait


def pin_invalid() -> InvalidInput:
    message = _("A voucher's PIN has 16 digits, and one of these is not right. Compare it with the voucher.")
    return InvalidInput(message, code="pin_invalid", field="pin")


def pin_unknown() -> NotFound:
    return NotFound(_("There is no voucher with this PIN."), code="voucher_unknown", field="pin")


def voucher_used() -> Conflict:
    return Conflict(_("This voucher was redeemed already, by another account."), code="voucher_used", field="pin")


def voucher_void() -> Conflict:
    return Conflict(_("This voucher was made void. Ask who sold it to you."), code="voucher_void", field="pin")


def voucher_expired() -> Conflict:
    return Conflict(_("This voucher's time is over. Ask who sold it to you."), code="voucher_expired", field="pin")


def too_little(has: Money) -> Conflict:
    return Conflict(f"There is not so much: the balance is {has}.", code="wallet_short", field="amount")


def balance_short() -> Conflict:
    return Conflict(_("Your balance is not enough for this. Nothing was taken."), code="wallet_short")


def not_yours() -> Conflict:
    message = _("Only who placed the order can pay it from their balance, signed in.")
    return Conflict(message, code="wallet_not_yours")


def account_not_for_you() -> Conflict:
    message = _("The owner's account does not pay for this person. Nothing was charged.")
    return Conflict(message, code="account_closed")


def amount_wrong(most: Money | None = None) -> InvalidInput:
    up_to = f", at most {most}" if most else ""
    return InvalidInput(f"Say an amount above zero in EUR{up_to}.", code="amount_invalid", field="amount")


def count_wrong(most: int) -> InvalidInput:
    return InvalidInput(f"Make 1 to {most} vouchers at a time.", code="count_invalid", field="count")


def expiry_wrong() -> InvalidInput:
    message = "The last good day lies in the future, and no more than ten years from now."
    return InvalidInput(message, code="expiry_invalid", field="until")


def name_wrong() -> InvalidInput:
    return InvalidInput("A batch has a name of 1 to 60 characters.", code="name_invalid", field="name")


def paid_wrong() -> InvalidInput:
    return InvalidInput("It was paid into the till, the bank, or is a gift.", code="paid_invalid", field="paid")


def reason_missing() -> InvalidInput:
    return InvalidInput("Say why.", code="reason_missing", field="reason")


def key_used() -> Conflict:
    return Conflict("This key stands for another movement already.", code="wallet_key_used", field="key")


def batch_exists(name: str) -> Conflict:
    message = f"There is a batch {name} already; its PINs were shown when it was made, and never again."
    return Conflict(message, code="voucher_batch_exists", field="name")


def batch_unknown() -> NotFound:
    return NotFound("There is no such batch of vouchers; see: lineaviva vouchers list", code="voucher_batch_unknown")


def none_active() -> Conflict:
    return Conflict("None of these vouchers waits to be redeemed.", code="voucher_none_active")
