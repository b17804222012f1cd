"""The rulebook's reasons, said in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.web import locales
from lineaviva.rulebook.deadlines import Dispute
from lineaviva.rulebook.facts import Source
from lineaviva.rulebook.reasons import Reason

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SENTENCES: Mapping[str, _StrPromise] = {
    "no_event": _("We do not know when this line was topped up last, so there is nothing to count from."),
    "counted_from": _("Counted in calendar months from %(last_event)s, the last event that extends the line."),
    "full_service": _("%(operator)s gives full service for %(months)s months: until %(on)s."),
    "full_service_days": _("%(operator)s gives full service for %(months)s months and %(days)s days: until %(on)s."),
    "receive_only": _("After that it only receives, until %(months)s months from that event: %(on)s."),
    "receive_only_days": _(
        "After that it only receives, until %(months)s months and %(days)s days from that event: %(on)s."
    ),
    "no_such_phase": _("%(operator)s has no receive-only phase: the line is off when full service ends."),
    "number_kept": _("The number is kept until %(months)s months from that event: %(on)s."),
    "number_kept_days": _("The number is kept until %(months)s months and %(days)s days from that event: %(on)s."),
    "no_limit_stated": _("%(operator)s is said to give the number back later too; until when is not stated."),
    "full_service_unknown": _("How long a line of %(operator)s has full service is not known."),
    "receive_only_unknown": _("How long a line of %(operator)s still receives after full service is not known."),
    "number_kept_unknown": _("Until when %(operator)s keeps the number is not known."),
    "waits_for_full_service": _("Not counted, since the end of full service is not known."),
    "what_follows_unknown": _("Full service ended on %(on)s; what %(operator)s does next is not known."),
    "sources_disagree": _("Sources disagree on this date. The earliest one warns; others say %(on)s."),
    "law_suspension": _(
        "By the national numbering plan a line may not be limited before %(months)s months have passed: %(on)s."
    ),
    "law_number": _(
        "By the national numbering plan a number may be taken back only after %(months)s months"
        " without any dealings: %(on)s."
    ),
    "recovery_until": _("Once it is off, one way to have it back ends on %(on)s: %(way)s."),
    "maybe_recoverable": _("Other sources keep the number until %(on)s: it is worth asking %(operator)s."),
}
_KINDS = {
    "official": gettext_noop("official"),
    "press": gettext_noop("press"),
    "blog": gettext_noop("blog"),
    "forum": gettext_noop("forum"),
}


def say(reason: Reason) -> str:
    """The reason as a sentence; its English one where this program has no words for it yet."""
    template = SENTENCES.get(reason.code)
    if template is None:
        return reason.text
    return str(template) % {name: _param(value) for name, value in reason.params.items()}


def _param(value: str | int | date) -> str:
    if isinstance(value, date):
        return locales.day(value)
    if isinstance(value, int):
        return locales.grouped(value)
    return ", ".join(_day_or_text(part) for part in value.split(", "))


def _day_or_text(part: str, written: Callable[[date], str] = locales.day) -> str:
    try:
        return written(date.fromisoformat(part))
    except ValueError:
        return part


def say_other(dispute: Dispute) -> str:
    """Another source's answer: a day, or that there is no such phase or no limit."""
    if dispute.on:
        return locales.day(dispute.on)
    return gettext("no such phase") if dispute.says == "no such phase" else gettext("no limit stated")


def say_date(source: Source) -> str:
    """The date of a source as far as it is known: a day, a month, a year, about when, or that it bears none."""
    if source.date == "undated":
        return gettext("undated")
    if source.date.startswith("~"):
        return gettext("about %(year)s") % {"year": source.date[1:]}
    return _day_or_text(source.date, locales.short_day)


def say_kind(source: Source) -> str:
    return gettext(_KINDS[source.kind])
