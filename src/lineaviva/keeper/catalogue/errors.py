"""Why a quote is refused; one code for each fact. The sentences are marked, so that a page can show them translated."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound


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


def code_unknown() -> NotFound:
    return NotFound(_("There is no such promotion code."), code="promotion_unknown", field="code")


def code_not_now() -> Conflict:
    message = _("This promotion code is not good at this time.")
    return Conflict(message, code="promotion_not_now", field="code")


def code_not_for_this() -> Conflict:
    message = _("This promotion code is not for what you have chosen.")
    return Conflict(message, code="promotion_not_for_this", field="code")


def code_used_up() -> Conflict:
    message = _("This promotion code has been used as often as it may be.")
    return Conflict(message, code="promotion_used_up", field="code")


def code_used_by_you() -> Conflict:
    message = _("You have used this promotion code already.")
    return Conflict(message, code="promotion_used_by_you", field="code")
