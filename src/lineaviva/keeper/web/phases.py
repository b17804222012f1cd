"""The three dates of a line as phases of a time line, each with what ends, why, and what other sources say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from lineaviva.keeper.web.cards import then_words
from lineaviva.keeper.web.rules import Tone
from lineaviva.rulebook.deadlines import FIELDS, KINDS, Deadlines, Dispute
from lineaviva.rulebook.reasons import Reason

_TONES: dict[str, Tone] = {
    "full_service_until": "live",
    "receive_only_until": "warn",
    "number_kept_until": "off",
}
_ICONS = {"full_service_until": "live", "receive_only_until": "receive", "number_kept_until": "off"}


@dataclass(frozen=True)
class Phase:
    """`on` is the phase's last day; None with `why_not` where it is not known or there is no such phase."""

    title: str
    tone: Tone
    icon: str
    on: date | None
    over: bool
    then: str
    why_not: Reason | None
    others: list[Dispute]


def phases_of(dates: Deadlines) -> list[Phase]:
    titles = {
        "full_service_until": _("Full service"),
        "receive_only_until": _("Receives only"),
        "number_kept_until": _("Off; the number can be had back"),
    }
    ends = {on: kind for kind, on in dates.ladder}
    return [_phase(dates, name, titles[name], ends) for name in FIELDS]


def _phase(dates: Deadlines, name: str, title: str, ends: Mapping[date, str]) -> Phase:
    on: date | None = getattr(dates, name)
    return Phase(
        title=title,
        tone=_TONES[name],
        icon=_ICONS[name],
        on=on,
        over=on is not None and on < dates.as_of,
        then=then_words(ends.get(on, KINDS[name])) if on else "",
        why_not=dates.reasons.get(name),
        others=[dispute for dispute in dates.disputed if dispute.field == name],
    )
