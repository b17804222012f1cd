"""Why a receipt is refused."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, NotFound


def unknown() -> NotFound:
    return NotFound(_("There is no such receipt, or not for you."), code="receipt_unknown")


def not_active() -> Conflict:
    return Conflict(_("A receipt is issued once the line is active."), code="order_not_active")


def resent_too_often(minutes: int) -> Conflict:
    return Conflict(
        f"It was sent several times already; it can be sent again in {minutes} minutes.",
        code="too_many",
        status=429,
    )
