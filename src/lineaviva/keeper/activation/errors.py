"""Why an act on an activation is refused; one code for each fact."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import Conflict


def decided() -> Conflict:
    return Conflict(
        _("The operator's answer to this order is known already, and it is another one."),
        code="activation_decided",
    )


def not_stuck() -> Conflict:
    return Conflict(_("This order does not wait for a person to decide about it."), code="activation_not_stuck")


def begun() -> Conflict:
    message = _("The operator may know of this order already. If it refuses, the money goes back by itself.")
    return Conflict(message, code="activation_begun")
