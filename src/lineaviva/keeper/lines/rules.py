"""Pure decisions about lines: what a field takes, what counts as a telling, and which day extends."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from lineaviva import rulebook
from lineaviva.kernel.eid import parse_eid
from lineaviva.kernel.errors import InvalidInput, NotFound
from lineaviva.kernel.iccid import parse_iccid
from lineaviva.kernel.phone import parse_msisdn

SIM_TYPES = ("physical", "esim")
RIGHTS = ("read", "pay")
# Kinds the rulebook has an opinion about; all others are notes.
EXTENDING_KINDS = ("topup", "activation", "plan", "use", "sim_change")
EARLIEST = date(1995, 1, 1)  # no Italian prepaid line is older
LATEST = date(2100, 1, 1)
LABEL_MAX = 60
PLAN_MAX = 120

# These turn the reading direction of what follows, also outside the field: a label could rewrite a page or a table.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Details:
    """What a line is, checked: every field in the form in which it is stored."""

    msisdn: str
    operator: str
    sim_type: str = "physical"
    iccid: str = ""
    eid: str = ""
    label: str = ""
    plan: str = ""
    plan_expires_on: date | None = None
    auto_renew: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """The part of a LineEvent that decides dates."""

    kind: str
    on: date
    reference: str
    extends: bool | None


class Dates(Protocol):
    """The three last days; the rulebook's Deadlines are such a thing."""

    @property
    def full_service_until(self) -> date | None: ...
    @property
    def receive_only_until(self) -> date | None: ...
    @property
    def number_kept_until(self) -> date | None: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """What happens by itself: from the day after `on`, the line is `kind` (limited, off or lost)."""

    kind: str
    on: date


def text_checked(value: str, *, field: str, longest: int) -> str:
    """The text with single spaces. InvalidInput when it is too long or holds control characters."""
    text = " ".join(value.split())
    if any(unicodedata.category(letter) == "Cc" or letter in _DIRECTION for letter in text):
        raise InvalidInput(f"The {field} holds characters that cannot be shown.", code="text_invalid", field=field)
    if len(text) > longest:
        raise InvalidInput(
            f"The {field} has {len(text)} characters; at most {longest} fit.", code="text_too_long", field=field
        )
    return text


def operator_checked(slug: str) -> str:
    """The operator's slug. InvalidInput (operator_unknown) with the list of those that the rulebook has."""
    found = slug.strip().lower()
    try:
        return rulebook.operator(found).slug
    except NotFound:
        known = ", ".join(sorted(operator.slug for operator in rulebook.operators()))
        raise InvalidInput(
            f"{slug!r} is not an operator in the rulebook; it has {known}.", code="operator_unknown", field="operator"
        ) from None


def sim_type_checked(sim_type: str) -> str:
    found = sim_type.strip().lower()
    if found not in SIM_TYPES:
        raise InvalidInput(f"{sim_type!r} is neither physical nor esim.", code="sim_type_unknown", field="sim_type")
    return found


def day_checked(day: date, *, field: str, latest: date) -> date:
    """InvalidInput (date_in_future, date_too_early) outside EARLIEST..latest."""
    if day > latest:
        raise InvalidInput(f"{day.isoformat()} lies after {latest.isoformat()}.", code="date_in_future", field=field)
    if day < EARLIEST:
        raise InvalidInput(f"{day.isoformat()} lies before {EARLIEST.isoformat()}.", code="date_too_early", field=field)
    return day


def details_checked(
    *,
    msisdn: str,
    operator: str,
    sim_type: str = "physical",
    iccid: str = "",
    eid: str = "",
    label: str = "",
    plan: str = "",
    plan_expires_on: date | None = None,
    auto_renew: bool = False,
) -> Details:
    """Every field checked and in its stored form; InvalidInput names the first field that is not right."""
    kind = sim_type_checked(sim_type)
    chip = parse_eid(eid) if eid.strip() else ""
    if chip and kind != "esim":
        raise InvalidInput("Only an eSIM has an EID; this line is a physical SIM.", code="eid_on_sim", field="eid")
    return Details(
        msisdn=parse_msisdn(msisdn),
        operator=operator_checked(operator),
        sim_type=kind,
        iccid=parse_iccid(iccid) if iccid.strip() else "",
        eid=chip,
        label=text_checked(label, field="label", longest=LABEL_MAX),
        plan=text_checked(plan, field="plan", longest=PLAN_MAX),
        plan_expires_on=plan_expires_on and day_checked(plan_expires_on, field="plan_expires_on", latest=LATEST),
        auto_renew=auto_renew,
    )


def or_empty(read: Callable[[str], str], text: str) -> str:
    """What somebody else tells of a line in its stored form, or "" where `read` does not take it."""
    try:
        return read(text) if text.strip() else ""
    except InvalidInput:
        return ""


def is_told(reference: str) -> bool:
    """Whether an event is what somebody said, rather than what this program saw happen."""
    return reference.startswith(("holder:", "import:"))


def standing(events: Iterable[Happened]) -> list[Happened]:
    """The events that count, given all of a line in the order of recording.

    Of tellings only the last of each kind counts: it is news or a correction, and a correction may well name an
    earlier day. What the program saw itself (order:…) always counts.
    """
    seen: list[Happened] = []
    told: dict[str, Happened] = {}
    for event in events:
        if is_told(event.reference):
            told[event.kind] = event
        else:
            seen.append(event)
    return [*seen, *told.values()]


def extended_on(events: Iterable[Happened], extends: Callable[[str], bool | None]) -> date | None:
    """The day of the last event that extends the line, or None when none is known.

    The event's own word goes first; where it has none the rulebook's `extends` decides. Not known counts as not
    extending: then the dates are too early rather than too late.
    """
    days = [
        event.on
        for event in standing(events)
        if event.kind in EXTENDING_KINDS and (event.extends if event.extends is not None else extends(event.kind))
    ]
    return max(days, default=None)


def last_topup(events: Iterable[Happened]) -> date | None:
    """The day of the last top-up that counts."""
    return max((event.on for event in standing(events) if event.kind == "topup"), default=None)


def told_topup(events: Iterable[Happened]) -> date | None:
    """The day of the top-up as the holder or a file said it last, whatever was seen since."""
    told = [event.on for event in events if event.kind == "topup" and is_told(event.reference)]
    return told[-1] if told else None


def if_nobody_acts(dates: Dates, *, as_of: date) -> list[Turn]:
    """What still happens by itself after `as_of`, in order of time."""
    turns = (
        ("limited", dates.full_service_until),
        ("off", dates.receive_only_until),
        ("lost", dates.number_kept_until),
    )
    ahead = [Turn(kind, on) for kind, on in turns if on is not None and on >= as_of]
    return sorted(ahead, key=lambda turn: turn.on)
