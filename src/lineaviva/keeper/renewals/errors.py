"""Why an automatic renewal is refused, and why one was left out; one code for each fact."""

from __future__ import annotations

from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

from lineaviva.keeper.renewals import rules
from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound

# Why a run ended without a renewal, where payments have no word for it (payments.errors.REASONS).
REASONS = {
    "too_late": gettext_lazy("There was no time to tell you two days before."),
    "not_told": gettext_lazy("The message about it could not be sent in time."),
    "over_ceiling": gettext_lazy("It would cost more than you allowed."),
    "nothing_to_buy": gettext_lazy("There is nothing on sale here that keeps this line."),
    "card": gettext_lazy("The saved card does not work any more."),
    "limit": gettext_lazy("It would be more than may be ordered for one number."),
    "card_limit": gettext_lazy("It would be more than may be paid by one card, or for one person."),
    "method_disputed": gettext_lazy(
        "An earlier payment is disputed: until that is decided nothing is charged by itself."
    ),
    "refused": gettext_lazy("The renewal could not be ordered."),
    "paid_back": gettext_lazy("One card may pay only so much here: what it paid for this goes back by itself."),
    "unanswered": gettext_lazy(
        "The bank has not told us yet whether it took the money; we go on asking. You are charged only once."
    ),
    "unfinished": gettext_lazy(
        "It is paid. The operator has not confirmed it yet; we go on asking and do not charge again."
    ),
    "not_activated": gettext_lazy("The operator did not do it; the money goes back by itself."),
    "date_moved": gettext_lazy("The line was renewed otherwise, or its date has changed."),
    "stopped": gettext_lazy("It was stopped before anything was charged."),
    "cancelled": gettext_lazy("Its order was cancelled."),
}

# In these money has moved, or may have; their sentences say so.
MONEY_MOVED = frozenset({"paid_back", "unanswered", "unfinished", "not_activated"})

# Why it was switched off by itself.
OFF = {
    "line_removed": gettext_lazy("The line is on nobody's list any more."),
    "no_right": gettext_lazy("You may not pay for this line any more."),
}


def not_found() -> NotFound:
    return NotFound(_("There is no such automatic renewal, or not for you."), code="auto_unknown")


def on_already() -> Conflict:
    return Conflict(_("Automatic renewal is on for this line already."), code="auto_on")


def is_off() -> Conflict:
    return Conflict(_("This automatic renewal is switched off."), code="auto_off")


def not_yours() -> NotAllowed:
    message = _("Only the person whose card is charged may change this; the line's holder may stop it too.")
    return NotAllowed(message, code="auto_not_yours")


def no_plan() -> InvalidInput:
    return InvalidInput(_("The plan of this line is not known."), code="auto_no_plan", field="choice")


def choice_wrong() -> InvalidInput:
    return InvalidInput("Choose what is bought: keepalive or plan.", code="choice", field="choice")


def ceiling_wrong() -> InvalidInput:
    return InvalidInput(_("Say the most that may be charged: more than zero, in EUR."), code="ceiling", field="ceiling")


def lead_wrong() -> InvalidInput:
    message = f"Between {rules.SHORTEST_LEAD} and {rules.LONGEST_LEAD} days before the date."
    return InvalidInput(message, code="lead_days", field="lead_days")


def ceiling_low() -> InvalidInput:
    message = _("It costs more than that today, so nothing would be charged. Allow more.")
    return InvalidInput(message, code="ceiling_low", field="ceiling")
