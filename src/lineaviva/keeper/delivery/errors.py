"""Why an act on an eSIM profile is refused; one code for each fact."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound


def unknown() -> NotFound:
    return NotFound(_("There is no such eSIM profile, or not for you."), code="delivery_unknown", field="code")


def not_yours() -> NotAllowed:
    return NotAllowed(_("Only the line's holder, or staff, may do this with its eSIM."), code="delivery_not_yours")


def on_its_way() -> Conflict:
    return Conflict(_("A profile for this line is on its way. Install that one."), code="delivery_on_its_way")


def replaced() -> Conflict:
    return Conflict(_("Another profile has taken the place of this one."), code="delivery_replaced")


def withdrawn() -> Conflict:
    return Conflict(_("This profile was withdrawn."), code="delivery_withdrawn")


def not_ready() -> Conflict:
    return Conflict(_("There is nothing to install yet, or not any more."), code="delivery_not_ready")


def no_esim() -> Conflict:
    return Conflict(_("This line is not an eSIM any more."), code="line_no_esim")


def reason_unknown(reason: str) -> InvalidInput:
    return InvalidInput(f"{reason!r} is neither replacement nor transfer.", code="reason_unknown", field="reason")


def replaced_too_often() -> Conflict:
    return Conflict(
        _("This line got three new profiles in the last thirty days. Its operator's support can help."),
        code="delivery_replaced_too_often",
        status=429,
    )


def resent_too_often(minutes: int) -> Conflict:
    return Conflict(
        f"It was sent several times already; it can be sent again in {minutes} minutes.",
        code="too_many",
        status=429,
    )


def link_invalid() -> InvalidInput:
    return InvalidInput("This link is not one of ours, or it was cut short.", code="link_invalid")


def link_expired() -> InvalidInput:
    return InvalidInput("This link was valid for 14 days and has ended.", code="link_expired")
