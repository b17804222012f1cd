"""The three dates of a line, pure: nothing is read and no clock is asked.

Each date is the LAST DAY of a phase and is counted from the event that last extended the line, by calendar months
(civil code art. 2963), never from another computed date:

    full_service_until     calls, SMS and data work
    receive_only_until     it still receives
    number_kept_until      the line is off; the number can be had back

Where sources disagree the earliest date counts and the others stand in `disputed`. A candidate that the rulebook does
not believe, with its reason, stands in `set_aside`.

The state on a day follows from those dates, in this order:

    full_service      up to and including full_service_until
    receive_only      after that, up to and including receive_only_until
    off_recoverable   after that, up to and including number_kept_until (or without end where no limit is stated);
                      it begins right after full service where the operator has no receive-only phase
    lost              after number_kept_until
    unknown           no event on record; or the phase that this day lies in is not known

The law (a number may be taken back only after 24 months) is never an operator's own date: it stands in `disputed` and
`why` only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Literal

from lineaviva.rulebook.facts import Confidence, Facts, Period, Source
from lineaviva.rulebook.model import Operator
from lineaviva.rulebook.reasons import Reason

State = Literal["full_service", "receive_only", "off_recoverable", "lost", "unknown"]
Kind = Literal["limited", "off", "lost"]
FIELDS = ("full_service_until", "receive_only_until", "number_kept_until")
PHASES = dict(zip(FIELDS, ("full_service", "receive_only", "number_kept"), strict=True))
# What ends with each of the three dates.
KINDS: dict[str, Kind] = {
    "full_service_until": "limited",
    "receive_only_until": "off",
    "number_kept_until": "lost",
}


@dataclass(frozen=True)
class Dispute:
    """Another answer to one of the three dates. `on` is None where that source knows no such phase or no limit."""

    field: str
    on: date | None
    says: str
    set_aside: str
    law: bool
    confidence: Confidence
    sources: tuple[Source, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "date": self.on,
            "says": self.says,
            "set_aside": self.set_aside,
            "law": self.law,
            "confidence": self.confidence,
            "sources": [source_dict(source) for source in self.sources],
        }


@dataclass(frozen=True)
class Deadlines:
    """The dates of one line as of one day. The dates are cheap; `why`, `sources` and `disputed` are made when asked."""

    operator: Operator
    last_event: date | None
    as_of: date
    full_service_until: date | None
    receive_only_until: date | None
    number_kept_until: date | None
    reasons: dict[str, Reason]
    state: State
    days_left: int | None
    chosen: dict[str, Period] = field(repr=False)

    @cached_property
    def ladder(self) -> tuple[tuple[Kind, date], ...]:
        """What ends when, in order. Where several phases end on one day only the gravest is named; where there is no
        receive-only phase the line goes off with full service.
        """
        steps: dict[date, Kind] = {}
        for name in FIELDS:
            if on := getattr(self, name):
                steps[on] = KINDS[name]
        first = self.full_service_until
        if first and steps[first] == "limited" and self._no_receive_only:
            steps[first] = "off"
        return tuple((kind, on) for on, kind in sorted(steps.items()))

    @property
    def next_on(self) -> date | None:
        """The next of the three last days that is not past."""
        return next((on for _, on in self.ladder if on >= self.as_of), None)

    @property
    def next_kind(self) -> Kind | None:
        """What ends on `next_on`: limited (outgoing), off (incoming) or lost (the number)."""
        return next((kind for kind, on in self.ladder if on >= self.as_of), None)

    @cached_property
    def why(self) -> list[Reason]:
        """Sentences that lead from the event to the state, in order."""
        from lineaviva.rulebook.explaining import explain

        return explain(self)

    @cached_property
    def sources(self) -> list[Source]:
        """Where the rules that made these dates were read, each once; all that agree."""
        from lineaviva.rulebook.explaining import agreeing

        return list({source.id: source for period in agreeing(self) for source in period.sources}.values())

    @cached_property
    def disputed(self) -> list[Dispute]:
        """Every other answer that a source, or the law, gives. None of its dates is earlier than the one that warns."""
        from lineaviva.rulebook.explaining import disputes

        return disputes(self)

    @cached_property
    def set_aside(self) -> list[Dispute]:
        """Answers that the rulebook keeps and does not believe, each with its reason."""
        from lineaviva.rulebook.explaining import set_aside

        return set_aside(self)

    @property
    def _no_receive_only(self) -> bool:
        period = self.chosen.get("receive_only_until")
        return bool(period and period.no_such_phase)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: dates stay dates."""
        return {
            "operator": self.operator.slug,
            "last_event": self.last_event,
            "as_of": self.as_of,
            **{name: getattr(self, name) for name in FIELDS},
            "reasons": {name: str(reason) for name, reason in self.reasons.items()},
            "state": self.state,
            "days_left": self.days_left,
            "next_on": self.next_on,
            "next_kind": self.next_kind,
            "why": [str(reason) for reason in self.why],
            "sources": [source_dict(source) for source in self.sources],
            "disputed": [dispute.as_dict() for dispute in self.disputed],
            "set_aside": [dispute.as_dict() for dispute in self.set_aside],
        }


def deadlines(*, operator: Operator, last_event: date | None, as_of: date) -> Deadlines:
    """The dates of a line of `operator` whose last extending event was on `last_event`, seen on `as_of`.

    `last_event` None: nothing is on record, and nothing is counted. Days are those of Europe/Rome.
    """
    chosen: dict[str, Period] = {}
    dates: dict[str, date | None] = dict.fromkeys(FIELDS)
    reasons: dict[str, Reason] = {}
    for name in FIELDS:
        period = _choose(getattr(operator.validity, PHASES[name]), last_event)
        blocked = _blocked(operator, name, last_event, chosen)
        if blocked is None and period is not None:
            chosen[name] = period
            dates[name] = period.last_day(last_event) if last_event else None
        if dates[name] is None:
            reasons[name] = blocked or _why_null(operator, name, period)
    state, until = _state(dates, chosen, as_of)
    return Deadlines(
        operator=operator,
        last_event=last_event,
        as_of=as_of,
        full_service_until=dates["full_service_until"],
        receive_only_until=dates["receive_only_until"],
        number_kept_until=dates["number_kept_until"],
        reasons=reasons,
        state=state,
        days_left=(until - as_of).days if until else None,
        chosen=chosen,
    )


def warning_period(candidates: Facts[Period], event: date) -> Period | None:
    """The candidate that warns: of those not set aside, one without such a phase, else the earliest, else one without
    a stated limit. None where nothing is known.
    """
    open_ones = [one for one in candidates if not one.set_aside]
    for one in open_ones:
        if one.no_such_phase:
            return one
    dated = [(on, one) for one in open_ones if (on := one.last_day(event))]
    if dated:
        return min(dated, key=lambda pair: pair[0])[1]
    return next(iter(open_ones), None)


def _choose(candidates: Facts[Period], event: date | None) -> Period | None:
    return warning_period(candidates, event) if event else None


def _blocked(operator: Operator, name: str, last_event: date | None, chosen: dict[str, Period]) -> Reason | None:
    """A later phase is not counted where the line has no event, or its first phase has no known end."""
    if last_event is None:
        return Reason("no_event", operator=operator.name)
    if name != "full_service_until" and "full_service_until" not in chosen:
        return Reason("waits_for_full_service")
    return None


def _why_null(operator: Operator, name: str, period: Period | None) -> Reason:
    if period is None:
        return Reason(f"{PHASES[name]}_unknown", operator=operator.name)
    return Reason("no_such_phase" if period.no_such_phase else "no_limit_stated", operator=operator.name)


def _state(dates: dict[str, date | None], chosen: dict[str, Period], as_of: date) -> tuple[State, date | None]:
    """The state on `as_of` and the last day of that state, where it has a known one."""
    full, receive, kept = (dates[name] for name in FIELDS)
    if full is None:
        return "unknown", None
    if as_of <= full:
        return "full_service", full
    if receive and as_of <= receive:
        return "receive_only", receive
    if kept and as_of > kept:
        return "lost", None
    if "receive_only_until" not in chosen or "number_kept_until" not in chosen:
        return "unknown", None
    return "off_recoverable", kept


def source_dict(source: Source) -> dict[str, str]:
    return {
        "id": source.id,
        "url": source.url,
        "date": source.date,
        "kind": source.kind,
        "confidence": source.confidence,
    }
