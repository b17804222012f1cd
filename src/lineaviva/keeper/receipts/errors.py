"""Why a receipt is refused."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, NotFound


def unknown() -> NotFound:
    return NotFound(_("There is no such receipt, or not for you."), code="receipt_unknown")


def too_many_at_once() -> Conflict:
    message = _("These are too many receipts for one file. Choose a line or a year, and take them one after the other.")
    return Conflict(message, code="receipts_too_many", status=413)


def not_active() -> Conflict:
    return Conflict(_("A receipt is issued once the line is active."), code="order_not_active")


def no_credit() -> Conflict:
    return Conflict("Only of what was delivered, and given back, is there a credit note.", code="no_credit_note")


def resent_too_often(minutes: int) -> Conflict:
    return Conflict(
        f"It was sent several times already; it can be sent again in {minutes} minutes.",
        code="too_many",
        status=429,
    )
