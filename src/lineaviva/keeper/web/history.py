"""A line's history as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from lineaviva.keeper.lines.models import Line, LineEvent
from lineaviva.keeper.lines.queries import history
from lineaviva.keeper.web import locales

MOST = 50


@dataclass(frozen=True)
class Entry:
    word: str
    on: date
    amount_minor: int | None
    source: str
    order_code: str


def entries_of(line: Line, *, holds: bool) -> list[Entry]:
    """What happened to the line, newest first. Who told it, and with whom it is shared, only the holder learns."""
    return [_entry(event, holds) for event in history(line)[:MOST]]


def _entry(event: LineEvent, holds: bool) -> Entry:
    source, _separator, rest = event.reference.partition(":")
    return Entry(
        word=event.get_kind_display(),
        on=event.on,
        amount_minor=event.amount_minor,
        source=_source(source, event, rest) if holds else "",
        order_code=rest if holds and source == "order" else "",
    )


def _source(source: str, event: LineEvent, rest: str) -> str:
    if source == "order":
        return _("order %(code)s") % {"code": locales.spaced(rest)}
    if source == "delivery":
        return _("with the eSIM we sent")
    if source == "import":
        return _("from a file")
    who = event.recorded_by.email if event.recorded_by and event.recorded_by_id != event.line.holder_id else ""
    if source == "holder":
        return _("as %(who)s told us") % {"who": who} if who else _("as you told us")
    return str(event.detail.get("with", "")) or who
