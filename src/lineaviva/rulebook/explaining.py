"""The sentences and the other answers that belong to a line's dates."""

from __future__ import annotations

from datetime import date

from lineaviva.rulebook.deadlines import FIELDS, PHASES, Deadlines, Dispute
from lineaviva.rulebook.facts import Facts, Period
from lineaviva.rulebook.reasons import Param, Reason

# The law's own candidates: which rule speaks of which date.
LAW = {"full_service_until": "suspension", "number_kept_until": "number-ceased"}
LAW_OF_REASON = {"law_suspension": "suspension", "law_number": "number-ceased"}


def explain(found: Deadlines) -> list[Reason]:
    """From the event to the state: what was counted, what is not known, what else to know. In order."""
    event = found.last_event
    if event is None:
        return [Reason("no_event", operator=found.operator.name)]
    if found.full_service_until is None:
        return [
            found.reasons["full_service_until"],
            _law("law_suspension", found, event),
            _law("law_number", found, event),
        ]
    said = [Reason("counted_from", last_event=event)]
    for name in FIELDS:
        said += _about(found, name, event)
    if found.state in ("unknown", "lost", "off_recoverable"):
        said += _now_that_it_is_off(found, event)
    return said


def _about(found: Deadlines, name: str, event: date) -> list[Reason]:
    on: date | None = getattr(found, name)
    if on is None:
        said = [found.reasons[name]]
        return [*said, _law("law_number", found, event)] if name == "number_kept_until" else said
    said = [_counted(found, name, on)]
    others = [one.on for one in found.disputed if one.field == name and one.on and not one.law]
    return [*said, Reason("sources_disagree", on=max(others))] if others else said


def _counted(found: Deadlines, name: str, on: date) -> Reason:
    period = found.chosen[name]
    params: dict[str, Param] = {"months": period.months or 0, "on": on, "operator": found.operator.name}
    if period.days:
        return Reason(f"{PHASES[name]}_days", days=period.days, **params)
    return Reason(PHASES[name], **params)


def _law(code: str, found: Deadlines, event: date) -> Reason:
    rule = found.operator.law.period(LAW_OF_REASON[code])
    return Reason(code, months=rule.months or 0, on=rule.last_day(event) or event)


def _now_that_it_is_off(found: Deadlines, event: date) -> list[Reason]:
    said = []
    full = found.full_service_until
    if found.state == "unknown" and full and "receive_only_until" not in found.chosen:
        said.append(Reason("what_follows_unknown", operator=found.operator.name, on=full))
    for way in found.operator.validity.recovery:
        on = way.last_day(event)
        if on and on >= found.as_of and on != found.number_kept_until:
            said.append(Reason("recovery_until", on=on, way=way.way))
    later = [one.on for one in found.disputed if one.field == "number_kept_until" and one.on]
    if found.state == "lost" and later and max(later) >= found.as_of:
        said.append(Reason("maybe_recoverable", on=max(later), operator=found.operator.name))
    return said


def disputes(found: Deadlines) -> list[Dispute]:
    """Every candidate that can be right, and the law, where it gives another answer than the one that warns."""
    if found.last_event is None:
        return []
    others = []
    for name in FIELDS:
        others += _others(found, name, found.last_event, set_aside=False)
        if name in LAW:
            others += _law_dispute(found, name, found.last_event)
    return others


def set_aside(found: Deadlines) -> list[Dispute]:
    """The candidates that the rulebook keeps and does not believe, each with its reason."""
    if found.last_event is None:
        return []
    return [one for name in FIELDS for one in _others(found, name, found.last_event, set_aside=True)]


def _others(found: Deadlines, name: str, event: date, *, set_aside: bool) -> list[Dispute]:
    candidates: Facts[Period] = getattr(found.operator.validity, PHASES[name])
    chosen = found.chosen.get(name)
    return [
        _dispute(name, one, event)
        for one in candidates
        if bool(one.set_aside) == set_aside and not same_answer(one, chosen, event)
    ]


def agreeing(found: Deadlines) -> list[Period]:
    """The candidates behind the dates as they stand."""
    if found.last_event is None:
        return []
    return [
        one
        for name, chosen in found.chosen.items()
        for one in getattr(found.operator.validity, PHASES[name])
        if same_answer(one, chosen, found.last_event)
    ]


def same_answer(one: Period, chosen: Period | None, event: date) -> bool:
    """Whether a candidate says of this event what the one that warns says."""
    return (
        chosen is not None
        and one.last_day(event) == chosen.last_day(event)
        and one.no_such_phase == chosen.no_such_phase
        and one.no_limit_stated == chosen.no_limit_stated
    )


def _law_dispute(found: Deadlines, name: str, event: date) -> list[Dispute]:
    """The law is another answer where it gives more time than what warns, or where the operator's own is not known."""
    rule = found.operator.law.period(LAW[name])
    on, own = rule.last_day(event), getattr(found, name)
    if on is None or (own and own >= on):
        return []
    return [_dispute(name, rule, event, law=True)]


def _dispute(name: str, period: Period, event: date, *, law: bool = False) -> Dispute:
    return Dispute(
        field=name,
        on=period.last_day(event),
        says=_says(period),
        set_aside=period.set_aside,
        law=law,
        confidence=period.confidence,
        sources=period.sources,
    )


def _says(period: Period) -> str:
    if period.no_such_phase:
        return "no such phase"
    if period.no_limit_stated:
        return "no limit stated"
    return f"{period.months} months" + (f" and {period.days} days" if period.days else "")
