"""What a message about an eSIM profile says, in its holder's language: label and last four digits, never more."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lineaviva import rulebook
from lineaviva.keeper.activation.models import ActivationState
from lineaviva.keeper.activation.queries import activation_of
from lineaviva.keeper.delivery.links import LIFE
from lineaviva.keeper.delivery.models import Delivery, DeliveryMail, DeliveryReason, MailKind
from lineaviva.keeper.reminders.texts import day_text
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.mask import masked


@dataclass(frozen=True, slots=True)
class Words:
    """One message, part by part, in the order in which it is read. `code` is label and value, to be typed in."""

    subject: str
    intro: list[str]
    invitation: str
    button: str
    until: str
    steps: list[str]
    by_hand: str
    code: list[tuple[str, str]] = field(repr=False)
    notes: list[str]
    why: str


def words(mail: DeliveryMail, code: ActivationCode | None, language: str) -> Words:
    """The words of this message; `language` must be switched on. Without a code there is nothing to type in."""
    facts = _facts(mail, language)
    return Words(
        subject=_subject(mail) % facts,
        intro=[sentence % facts for sentence in _intro(mail)],
        invitation=_("Open this on the phone that is to have the line:"),
        button=_("Install the eSIM"),
        until=_("The link needs no password, until %(until)s (Rome time).") % facts,
        steps=_steps() if code else [],
        by_hand=_("Or scan the attached QR code, or type this in where the phone adds an eSIM:") if code else "",
        code=_code(code) if code else [],
        notes=[note % facts for note in _notes(mail.delivery, code)] if code else [],
        why=_("You get this message because this line is on your list at Lineaviva."),
    )


def _facts(mail: DeliveryMail, language: str) -> dict[str, Any]:
    """All that a sentence may name."""
    delivery = mail.delivery
    operator = rulebook.operator(delivery.operator)
    rule = rulebook.redownload(operator)
    name = operator.display_name(language)
    short = f"{name} {masked(delivery.line.msisdn)}"
    return {
        "line": f"{delivery.line.label} · {short}" if delivery.line.label else short,
        "operator": name,
        "since": _day(delivery.released_at or delivery.created_at, language),
        "ends": _day(delivery.expires_at, language) if delivery.expires_at else "",
        "until": f"{_day(mail.created_at + LIFE, language)} {(mail.created_at + LIFE).astimezone(ROME):%H:%M}",
        "times": rule.times if rule else 1,
        "hours": settings.ESIM_WAIT_HOURS,
    }


def _day(at: datetime, language: str) -> str:
    return day_text(at.astimezone(ROME).date(), language)


def _subject(mail: DeliveryMail) -> str:
    if mail.kind == MailKind.REMINDER:
        return _("%(line)s: the eSIM is not installed yet")
    return _("%(line)s: your eSIM is ready to be installed")


def _intro(mail: DeliveryMail) -> list[str]:
    delivery = mail.delivery
    if mail.kind == MailKind.REMINDER:
        ends = [_("It can be installed until %(ends)s.")] if delivery.expires_at else []
        return [_("The eSIM of %(line)s has been ready since %(since)s, and no phone has it yet."), *ends]
    if delivery.reason == DeliveryReason.REPLACEMENT:
        return [_("A new eSIM for %(line)s is ready. It takes the place of the one before.")]
    if delivery.reason == DeliveryReason.TRANSFER:
        return [_("The eSIM of %(line)s for another phone is ready. The old one works until this is installed.")]
    return [_("The eSIM of %(line)s is ready."), *_what_waits(delivery)]


def _what_waits(delivery: Delivery) -> list[str]:
    """That a plan waits, as long as it does."""
    activation = activation_of(delivery.order) if delivery.order else None
    if activation is None or activation.state != ActivationState.HELD:
        return []
    return [
        ngettext(
            "The new plan begins when it is installed, %(hours)s hour after the payment at the latest.",
            "The new plan begins when it is installed, %(hours)s hours after the payment at the latest.",
            settings.ESIM_WAIT_HOURS,
        )
    ]


def _steps() -> list[str]:
    return [
        _("Connect the phone to Wi-Fi."),
        _("Open the link and follow it; the phone asks before it adds the eSIM."),
        _("Then switch the line on in the phone's settings: installing alone does not do it."),
        _("Do not delete an older eSIM of this line before the new one works."),
    ]


def _code(code: ActivationCode) -> list[tuple[str, str]]:
    """The two fields that phones ask for, then all in one, for those that want that."""
    return [
        (_("SM-DP+ address"), code.host),
        (_("Activation code"), code.matching_id),
        (_("Both in one"), str(code)),
    ]


def _notes(delivery: Delivery, code: ActivationCode | None) -> list[str]:
    asks = [_("The phone also asks for a confirmation code; %(operator)s gives it to you.")]
    return [
        *(asks if code and code.needs_confirmation else []),
        _how_often(delivery),
        _("Whoever has this message can install your number: do not pass it on."),
    ]


def _how_often(delivery: Delivery) -> str:
    """By the most careful source; where there is none, once."""
    rule = rulebook.redownload(rulebook.operator(delivery.operator))
    if rule is None or rule.one_time:
        return _("Take the code as good for one installation: an eSIM that is deleted may not come back.")
    if rule.unlimited:
        return _("As far as is known, %(operator)s sets no limit on how often a code is used.")
    return _("As far as is known, %(operator)s lets a code be used %(times)s times at most.")
