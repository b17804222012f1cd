"""What a message about an automatic renewal says, in its payer's language: label and last four digits, never more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.keeper.payments.errors import REASONS as BANK_REASONS
from lineaviva.keeper.payments.errors import reason_text as bank_reason
from lineaviva.keeper.reminders.links import renewal_link
from lineaviva.keeper.reminders.ports import Message
from lineaviva.keeper.reminders.texts import day_text, letter, line_name
from lineaviva.keeper.renewals.errors import MONEY_MOVED, OFF, REASONS
from lineaviva.keeper.renewals.links import stop_link
from lineaviva.keeper.renewals.models import AutoMessage
from lineaviva.keeper.renewals.queries import charge_on
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.money import Money

Kind = AutoMessage.Kind
# Reasons whose sentence says itself what became of the money; in all others nothing was charged.
_SAID = MONEY_MOVED | (set(BANK_REASONS) - set(REASONS) - {"disputed"})


def reason_text(code: str, provider: str = "") -> str:
    """The sentence for `AutoRun.reason` in the reader's language; "" for none. `provider`: who keeps the card."""
    if code in BANK_REASONS and code not in REASONS:
        return bank_reason(code, provider)
    return str(REASONS.get(code, REASONS["refused"])) if code else ""


def message_of(row: AutoMessage, now: datetime) -> Message:
    """The message of this row; sent again after a crash it carries the same Message-ID."""
    auto = row.run.auto
    language = auto.payer.language
    with translation.override(language):
        facts = _facts(row, language, now)
        subject, paragraphs = _said(row, facts)
        invitation, button, link = _way_on(row, now)
        why = _("You get this message because you switched on automatic renewal for this line at Lineaviva.")
        words = letter(subject, paragraphs, invitation=invitation, link=link, button=button, why=why, language=language)
    return Message(
        to=auto.payer.email,
        subject=words.subject,
        text=words.text,
        html=words.html,
        language=language,
        message_id=f"auto.{row.run_id}.{row.kind}.{row.number}.{row.channel}",
    )


def _facts(row: AutoMessage, language: str, now: datetime) -> dict[str, Any]:
    """All that a sentence may name, as it was when the message was due."""
    auto, facts = row.run.auto, row.facts
    line = Line.objects.get(pk=auto.line_id)
    minor, day = facts.get("amount_minor"), date.fromisoformat(facts["charge_on"])
    if row.kind == Kind.NOTICE:  # told late it is charged late
        day = charge_on(row.run, now) or day
    return {
        "line": line_name(line, line_deadlines(line, rome_date(now)), language),
        "amount": "" if minor is None else Money(minor, facts["currency"]).format(language),
        "ceiling": Money(auto.ceiling_minor, auto.currency).format(language),
        "day": day_text(day, language),
        "date": day_text(date.fromisoformat(facts["deadline_on"]), language),
        "card": facts.get("card") or auto.method.shown,
        "reason": reason_text(facts["reason"], auto.method.provider),
        "nothing": "" if facts["reason"] in _SAID else _("Nothing was charged."),
        "stays": _stays(on=facts.get("on", True)),
    }


def _said(row: AutoMessage, facts: dict[str, Any]) -> tuple[str, list[str]]:
    """Subject and sentences."""
    says: dict[AutoMessage.Kind, Callable[[], tuple[str, list[str]]]] = {
        Kind.NOTICE: _notice,
        Kind.RENEWED: partial(_renewed, by_card=row.facts.get("by_card", True)),
        Kind.AGAIN: _again,
        Kind.ASKS: _asks,
        Kind.FAILED: _failed,
        Kind.SKIPPED: partial(_skipped, too_dear=row.facts["reason"] == "over_ceiling"),
        Kind.LATE: partial(_late, paid=row.facts["reason"] == "unfinished"),
        Kind.OFF: partial(_off, why=row.facts["reason"], goes_on=row.facts.get("goes_on", False)),
    }
    subject, sentences = says[Kind(row.kind)]()
    return subject % facts, [text for sentence in sentences if (text := sentence % facts)]


def _stays(*, on: bool) -> str:
    if on:
        return _("Automatic renewal stays on for the next time.")
    return _("Automatic renewal is switched off for this line.")


def _notice() -> tuple[str, list[str]]:
    return _("%(line)s: %(amount)s on %(day)s"), [
        _("On %(day)s we renew %(line)s and charge %(amount)s to %(card)s."),
        _("Its date is %(date)s. More than %(amount)s is not charged."),
        _("You need not do anything. If you do not want it, stop it with one tap:"),
    ]


def _renewed(*, by_card: bool) -> tuple[str, list[str]]:
    if by_card:
        said = _("%(line)s is renewed. %(amount)s was charged to %(card)s; the receipt comes by itself.")
    else:  # the bank asked for the holder, who paid in another way
        said = _("%(line)s is renewed and %(amount)s is paid; the receipt comes by itself.")
    return _("%(line)s is renewed"), [said]


def _again() -> tuple[str, list[str]]:
    return _("%(line)s: the payment was refused, we try again on %(day)s"), [
        _("%(line)s could not be renewed by itself yet."),
        "%(reason)s",
        _("We try again on %(day)s. Its date is %(date)s; you can also renew it yourself now."),
    ]


def _asks() -> tuple[str, list[str]]:
    return _("%(line)s: you are asked to confirm %(amount)s"), [
        _("%(card)s can be charged for %(line)s only if you confirm it yourself. Nothing was charged."),
        _("Confirm it within two days; the date of the line is %(date)s."),
    ]


def _failed() -> tuple[str, list[str]]:
    return _("%(line)s was not renewed by itself: renew it by %(date)s"), [
        _("%(line)s could not be renewed by itself."),
        "%(reason)s",
        "%(nothing)s",
        _("Its date is %(date)s. Renew it yourself now."),
        "%(stays)s",
    ]


def _skipped(*, too_dear: bool) -> tuple[str, list[str]]:
    return _("%(line)s is not renewed by itself this time: renew it by %(date)s"), [
        _("Nothing is charged for %(line)s this time."),
        _("It would cost %(amount)s; you allow at most %(ceiling)s.") if too_dear else "%(reason)s",
        _("Its date is %(date)s. Renew it yourself, or change what you allow."),
        "%(stays)s",
    ]


def _late(*, paid: bool) -> tuple[str, list[str]]:
    """Said once, hours after the charge; what came of it is another message."""
    if paid:
        subject = _("%(line)s: %(amount)s is paid, the operator has not answered yet")
        said = _("%(amount)s was paid for %(line)s, and the operator has not confirmed yet that it did it.")
        rest = _("We go on asking and do not charge again. If it refuses, all of the money goes back by itself.")
    else:
        subject = _("%(line)s: we do not know yet whether %(amount)s was charged")
        said = _("%(amount)s was asked of %(card)s for %(line)s, and nobody has told us yet whether it was taken.")
        rest = _("We go on asking, and you are charged only once. Do not pay in another way before we know.")
    return subject, [said, rest, _("Its date is %(date)s. We write again as soon as we know.")]


def _off(*, why: str, goes_on: bool) -> tuple[str, list[str]]:
    nothing = _("Nothing more is charged by itself.")
    going = _("This time's charge has begun and goes on. After that nothing more is charged by itself.")
    said = _("Automatic renewal was switched off for %(line)s.")
    return _("%(line)s: automatic renewal is switched off"), [
        said,
        str(OFF.get(why, "")),
        going if goes_on else nothing,
    ]


def _way_on(row: AutoMessage, now: datetime) -> tuple[str, str, str]:
    """What the one button is for: invitation, its words, its address."""
    auto = row.run.auto
    if row.kind == Kind.NOTICE:
        path, words = stop_link(auto=auto, now=row.created_at), (_("Stop it here, without a password:"), _("Stop it"))
    elif row.kind == Kind.ASKS:
        path = f"/orders/{row.facts['order']}/"
        words = (_("Confirm and pay here:"), _("Confirm and pay"))
    elif row.kind == Kind.LATE:
        path, words = f"/orders/{row.facts['order']}/", (_("See how it stands:"), _("See order"))
    elif row.kind == Kind.OFF:
        path, words = "/", (_("Your lines:"), _("See your lines"))
    elif row.kind == Kind.RENEWED:
        path, words = f"/lines/{auto.line_id}/", (_("See the line:"), _("See the line"))
    else:
        path = renewal_link(line=Line.objects.get(pk=auto.line_id), user=auto.payer, now=now)
        words = (_("Renew it here, without a password, within 48 hours:"), _("Renew now"))
    return *words, settings.PUBLIC_URL + path
