"""What a reminder says, in its holder's language: label and last four digits, never the full number, never credit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from babel.dates import format_date
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.reminders.rules import Stage
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.mask import masked
from lineaviva.rulebook.deadlines import Deadlines

LOCALES = {"zh-hans": "zh_Hans_CN", "zh-hant": "zh_Hant_TW", "it": "it_IT", "en": "en_GB"}
_ENDS = {"limited": "full_service_until", "off": "receive_only_until", "lost": "number_kept_until"}


@dataclass(frozen=True, slots=True)
class Words:
    """A reminder in one language. `paragraphs` are plain sentences; the link follows them."""

    subject: str
    paragraphs: list[str]
    text: str
    html: str


def day_text(day: date, language: str) -> str:
    """The day with its year, as the language writes it out."""
    return format_date(day, "long", locale=LOCALES[language])


def _day(day: date, language: str) -> str:
    """The day as it stands in a sentence: Italian asks for an article, and for an ordinal on the first."""
    text = day_text(day, language)
    if language != "it":
        return text
    if day.day == 1:
        return f"il 1º{text[1:]}"
    return f"l’{text}" if day.day in (8, 11) else f"il {text}"


def _instant(at: datetime, language: str) -> str:
    local = at.astimezone(ROME)
    return _("%(date)s, %(time)s") % {"date": _day(local.date(), language), "time": f"{local:%H:%M}"}


def words(
    *, line: Line, dates: Deadlines, stage: Stage, today: date, link: str, until: datetime, language: str
) -> Words:
    """The message of one stage as of `today`; `link` is the full address that opens the renewal until `until`."""
    with translation.override(language):
        name = line_name(line, dates, language)
        left = (stage.on - today).days
        subject = _subject(name, dates, stage, left, language)
        paragraphs = [
            *_standing(name, dates, stage, left, language),
            *_what_then(dates, stage, left, language),
            _smallest_act(dates, language),
        ]
        invitation = _invitation(dates) % {"until": _instant(until, language)}
        button = _("See what to do") if _is_off(dates) else _("Renew now")
        return _whole(subject, paragraphs, invitation, link, button, language)


def renewing_words(*, line: Line, dates: Deadlines, stage: Stage, today: date, link: str, language: str) -> Words:
    """The message for a line that is renewed by itself before the stage's date: it asks for nothing.

    `link` is the full address of the page that says what will happen.
    """
    with translation.override(language):
        name = line_name(line, dates, language)
        subject = _("%(line)s: renews by itself by %(date)s") % {"line": name, "date": _day(stage.on, language)}
        paragraphs = [
            *_standing(name, dates, stage, (stage.on - today).days, language),
            _("It is renewed by itself before that day: you need not do anything."),
            _("Whoever pays for it hears two days before what it costs, and can stop it."),
        ]
        invitation, button = _("See here what will happen, or change it:"), _("See what will happen")
        return _whole(subject, paragraphs, invitation, link, button, language)


def _whole(subject: str, paragraphs: list[str], invitation: str, link: str, button: str, language: str) -> Words:
    why = _("You get this message because this line is on your list at Lineaviva.")
    return letter(subject, paragraphs, invitation=invitation, link=link, button=button, why=why, language=language)


def letter(
    subject: str, paragraphs: list[str], *, invitation: str, link: str, button: str, why: str, language: str
) -> Words:
    """A message about a line: its paragraphs, one link with what it is for, and why it was sent."""
    text = "\n\n".join([*paragraphs, f"{invitation}\n{link}", why]) + "\n"
    page = {
        "language": language,
        "subject": subject,
        "paragraphs": paragraphs,
        "invitation": invitation,
        "link": link,
        "button": button,
        "why": why,
    }
    return Words(subject, paragraphs, text, render_to_string("reminders/email.html", page))


def line_name(line: Line, dates: Deadlines, language: str) -> str:
    """Label, operator and last four digits: "Mamma · TIM …4567"; without a label "TIM …4567"."""
    short = f"{dates.operator.display_name(language)} {masked(line.msisdn)}"
    return f"{line.label} · {short}" if line.label else short


def _is_off(dates: Deadlines) -> bool:
    """Whether a top-up is too late: then only the operator itself can bring the line back."""
    return dates.state == "off_recoverable"


def _invitation(dates: Deadlines) -> str:
    if _is_off(dates):
        return _("See here what can be done, without a password, until %(until)s (Rome time):")
    return _("Renew this line here, without a password, until %(until)s (Rome time):")


def _subject(name: str, dates: Deadlines, stage: Stage, left: int, language: str) -> str:
    facts = {"line": name, "date": _day(stage.on, language)}
    if left >= 0 and _is_off(dates):
        return _("%(line)s: switched off, number kept until %(date)s") % facts
    if left > 0:
        return _("%(line)s: renew by %(date)s") % facts
    if left == 0:
        return _("%(line)s: today, %(date)s, is the last day") % facts
    return _("%(line)s: the last day was %(date)s, renew now") % facts


def _standing(name: str, dates: Deadlines, stage: Stage, left: int, language: str) -> list[str]:
    """How the line stands today, and how many days are left."""
    facts = {"line": name, "date": _day(stage.on, language)}
    if left < 0:
        return [
            _("The last day that is known of %(line)s was %(date)s.") % facts,
            _("How long the line can still be saved is not known, so renew it today."),
        ]
    ends = {
        "full_service": _("%(line)s works fully until %(date)s."),
        "receive_only": _("%(line)s can now only receive, until %(date)s."),
        "off_recoverable": _("%(line)s is switched off; its number is kept until %(date)s."),
    }
    standing = ends.get(dates.state, _("%(line)s no longer works fully; the next date is %(date)s."))
    between = "" if language.startswith("zh") else " "
    return [between.join([standing % facts, _days_left(left)])]


def _days_left(left: int) -> str:
    if left == 0:
        return _("That is today.")
    return ngettext("That is %(days)d day from now.", "That is %(days)d days from now.", left) % {"days": left}


def _what_then(dates: Deadlines, stage: Stage, left: int, language: str) -> list[str]:
    """What happens by itself after the date, and whether other sources say otherwise."""
    if left < 0:
        return []
    said = [_after(dates, stage, language)]
    disputed = any(
        other.field == _ENDS[stage.deadline] and other.on and not other.set_aside and not other.law
        for other in dates.disputed
    )
    if disputed:
        said.append(_("Sources disagree about this date; this is the earliest."))
    return said


def _after(dates: Deadlines, stage: Stage, language: str) -> str:
    following = next(((kind, on) for kind, on in dates.ladder if on > stage.on), None)
    facts = {
        "until": _day(following[1], language) if following else "",
        "operator": dates.operator.display_name(language),
    }
    if stage.deadline == "lost":
        return _("After that day the number is lost for good.")
    if stage.deadline == "limited":
        return _after_full_service(dates, following) % facts
    if following:
        return _("After that day it is switched off; its number can be had back until %(until)s.") % facts
    return _("After that day it is switched off; how long its number can be had back is not known.")


def _after_full_service(dates: Deadlines, following: tuple[str, date] | None) -> str:
    if following is None:
        return _("What %(operator)s does after that day is not known.")
    if dates.receive_only_until == following[1]:
        return _("After that day it can only receive calls and messages, until %(until)s.")
    return _("After that day it no longer works fully; its number is kept until %(until)s.")


def _smallest_act(dates: Deadlines, language: str) -> str:
    amount = dates.operator.smallest_extending_topup
    facts = {"operator": dates.operator.display_name(language)}
    if _is_off(dates):
        return (
            _(
                "A top-up does not bring it back; only %(operator)s can. "
                "Go to its shop with the SIM and an identity document, or call."
            )
            % facts
        )
    if amount is None:
        return _("Which top-up is enough to keep it is not known for %(operator)s.") % facts
    return _("The smallest act that keeps it is a top-up of %(amount)s.") % {"amount": amount.format(language)}
