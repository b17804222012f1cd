"""Why a quote is refused; one code for each fact. The sentences are marked, so that a page can show them translated."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, InvalidInput


def wrong_operator() -> InvalidInput:
    message = _("This offering belongs to another operator than the line.")
    return InvalidInput(message, code="offering_wrong_operator", field="offering")


def withdrawn() -> Conflict:
    return Conflict(_("The operator does not sell this offering any more."), code="offering_withdrawn")


def not_sellable() -> Conflict:
    message = _("This offering cannot be bought here; the operator sells it through its own channels.")
    return Conflict(message, code="offering_not_sellable")


def price_unknown() -> Conflict:
    return Conflict(_("The price of this offering is not known."), code="offering_price_unknown")


def line_removed() -> Conflict:
    return Conflict(_("This line was removed from the list."), code="line_removed")


def line_lost() -> Conflict:
    message = _("By the operator's rules this number is lost: a top-up could reach a stranger who has it now.")
    return Conflict(message, code="line_lost")


def quote_expired() -> Conflict:
    return Conflict(_("The price was held for 30 minutes and that time is over."), code="quote_expired")


def promotion_used() -> Conflict:
    message = _("This promotion counts once for a line and was used already.")
    return Conflict(message, code="promotion_used")
