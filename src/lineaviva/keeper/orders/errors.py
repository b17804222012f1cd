"""Why an order is refused; one code for each fact.

The sentences are marked, so that a page can show them translated.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from lineaviva.keeper.orders.rules import Reached
from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from lineaviva.kernel.money import Money

_NEVER = {
    "paid": _("This order is closed and cannot be paid any more."),
    "active": _("This order was not paid, or was given up; it cannot become active."),
    "failed": _("This order was not paid, or is active already; it cannot fail."),
    "refunded": _("Only an order that failed is given back."),
    "expired": _("This order does not wait for payment any more."),
    "cancelled": _("This order was paid and cannot be cancelled any more."),
}


def never(target: str) -> Conflict:
    """The order is in a state from which `target` is out of reach."""
    return Conflict(_NEVER[target], code=f"order_never_{target}")


def not_found() -> NotFound:
    return NotFound(_("There is no order with this code."), code="order_unknown", field="code")


def not_yours() -> NotAllowed:
    return NotAllowed(_("Only the person who placed this order, or staff, may cancel it."), code="order_not_yours")


def no_esim() -> Conflict:
    return Conflict(_("Only an eSIM line can get a new profile."), code="line_no_esim")


def language_unknown(language: str) -> InvalidInput:
    return InvalidInput(f"{language!r} is not one of our languages.", code="language_unknown", field="language")


_LIMITS = {
    "first": "As long as nothing has arrived at a number by way of us, at most {most} can be ordered for it.",
    "day": "At most {most} within 24 hours can be ordered for one number.",
    "week": "At most {most} within 7 days can be ordered for one number.",
}


class LimitReached(Conflict):
    """This order would be too much for its number; nothing was ordered. `reached` says which limit, and until when."""

    def __init__(self, reached: Reached) -> None:
        message = _LIMITS[reached.which].format(most=Money(reached.most))
        status = 409 if reached.until is None else 429
        super().__init__(message, code=f"order_limit_{reached.which}", field="quote", status=status)
        self.reached = reached
        self.until = reached.until
