"""What a schema cannot say about a rulebook file: dates, order of the phases, sources and their confidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from lineaviva.rulebook.facts import CONFIDENCES, confidence_allowed
from lineaviva.rulebook.positions import Path
from lineaviva.rulebook.renewal_findings import policy_findings

Table = Mapping[str, Any]
Finding = tuple[Path, str]
PHASES = ("full_service", "receive_only", "number_kept")
# Rules of law whose days a program counts: see model.Legal.
COUNTED_RULES = ("notice", "price-changes")


def findings(document: Table, *, stem: str, today: date | None) -> Iterator[Finding]:
    """Path and sentence of every mistake. The document keeps its schema; `stem` is its file's name without ending.

    With `today` None nothing that depends on the day is looked at.
    """
    yield from _dates(document, today)
    yield from _sources(document)
    if "slug" in document:
        yield from _operator(document, stem)
    else:
        yield from _legal(document)


def _legal(document: Table) -> Iterator[Finding]:
    yield from _unique(("rules",), document["rules"])
    places = {rule["id"]: index for index, rule in enumerate(document["rules"])}
    for rule_id in COUNTED_RULES:
        if rule_id not in places:
            yield ("rules",), f'lacks the rule "{rule_id}", whose days are counted'
        elif "days" not in document["rules"][places[rule_id]]:
            yield ("rules", places[rule_id]), 'lacks "days", which are counted'


def _operator(document: Table, stem: str) -> Iterator[Finding]:
    if document["slug"] != stem:
        yield ("slug",), f'is "{document["slug"]}", but the file is {stem}.toml'
    yield from _periods(document["validity"])
    yield from _ascending(document["validity"])
    yield from _extends(document["validity"]["extends"])
    yield from _smallest(document["validity"])
    yield from _denominations(document["topup"])
    yield from _unique(("plans", "offers"), document["plans"]["offers"])
    yield from _unique(("risks", "warnings"), document["risks"]["warnings"])
    yield from policy_findings(document)


def _entries(section: Table, key: str) -> list[dict[str, Any]]:
    value = section[key]
    return value if isinstance(value, list) else []


def _dates(document: Table, today: date | None) -> Iterator[Finding]:
    collected = as_date(document["collected_on"])
    if collected is None:
        yield ("collected_on",), "is not a day of the calendar"
        return
    if today and collected > today:
        yield ("collected_on",), f"is {collected}, which has not come yet"
    for source_id, source in document["sources"].items():
        page_day = first_day(source["date"])
        if page_day is None:
            yield ("sources", source_id, "date"), f'is "{source["date"]}", which is not a day of the calendar'
        elif page_day > collected:
            yield (
                ("sources", source_id, "date"),
                f'is "{source["date"]}", which is after the facts were collected ({collected})',
            )
    if "risks" in document:
        for index, risk in enumerate(_entries(document["risks"], "warnings")):
            if "on" in risk and as_date(risk["on"]) is None:
                yield ("risks", "warnings", index, "on"), "is not a day of the calendar"


def as_date(value: str) -> date | None:
    """The day; None if there is no such day."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def first_day(page_date: str) -> date | None:
    """The first day that a page's date can mean: 2024-04 is 1 April 2024. An undated page is as old as can be."""
    if page_date == "undated":
        return date.min
    parts = [int(part) for part in page_date.lstrip("~").split("/")[0].split("-")]
    year, month, day = (*parts, 1, 1)[:3]
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _sources(document: Table) -> Iterator[Finding]:
    known = document["sources"]
    used = set()
    for path, source_id in _mentions(document, ()):
        used.add(source_id)
        if source_id not in known:
            yield path, f'names the source "{source_id}", but there is no [sources.{source_id}]'
    collected = as_date(document["collected_on"])
    for source_id, source in known.items():
        if source_id not in used:
            yield ("sources", source_id), "is a source that no fact names"
        if collected is None:
            continue
        allowed = confidence_allowed(source["kind"], source["date"], collected)
        if CONFIDENCES.index(source["confidence"]) > CONFIDENCES.index(allowed):
            yield (
                ("sources", source_id, "confidence"),
                f'is "{source["confidence"]}", but a page of kind {source["kind"]} dated {source["date"]} '
                f'can be "{allowed}" at most',
            )


def _mentions(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every place that names a source."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "sources" and isinstance(inner, list):
                yield from (((*path, key, index), name) for index, name in enumerate(inner))
            else:
                yield from _mentions(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _mentions(inner, (*path, index))


def _periods(validity: Table) -> Iterator[Finding]:
    for phase in PHASES:
        rows = _entries(validity, phase)
        for index, row in enumerate(rows):
            path = ("validity", phase, index)
            answers = [key for key in ("months", "no_such_phase", "no_limit_stated") if key in row]
            if len(answers) != 1:
                yield path, "must have exactly one of months, no_such_phase and no_limit_stated"
            if "days" in row and "months" not in row:
                yield (*path, "days"), "stands without months, from which the days are counted"
            if "no_such_phase" in row and phase != "receive_only":
                yield (*path, "no_such_phase"), "can only be said of receive_only"
            if "no_limit_stated" in row and phase != "number_kept":
                yield (*path, "no_limit_stated"), "can only be said of number_kept"
        if rows and all("set_aside" in row for row in rows):
            yield ("validity", phase), 'has every candidate set aside, so none warns; write "unknown" if so'


def _ascending(validity: Table) -> Iterator[Finding]:
    """No phase may end before the one in front of it."""
    before: tuple[int, int] = (0, 0)
    name = ""
    for phase in PHASES:
        counted = [
            ((row["months"], row.get("days", 0)), index)
            for index, row in enumerate(_entries(validity, phase))
            if "months" in row and "set_aside" not in row
        ]
        if not counted:
            continue
        length, index = min(counted)
        if length[0] < before[0] or (length[0] == before[0] and length[1] < before[1]):
            yield (
                ("validity", phase, index, "months"),
                f"is {length[0]}, so that this phase ends before {name} does",
            )
        before, name = length, phase


def _extends(extends: Table) -> Iterator[Finding]:
    for kind, verdict in extends.items():
        if isinstance(verdict, Mapping) and verdict["answer"] != "unknown" and not verdict["sources"]:
            yield ("validity", "extends", kind), f'says "{verdict["answer"]}" without a source'


def _smallest(validity: Table) -> Iterator[Finding]:
    for index, row in enumerate(_entries(validity, "smallest_topup")):
        if not row["any_amount"] and "amount" not in row:
            yield ("validity", "smallest_topup", index), "must name an amount where not every amount extends"


def _denominations(topup: Table) -> Iterator[Finding]:
    for index, row in enumerate(_entries(topup, "denominations")):
        path: Path = ("topup", "denominations", index)
        steps = [key for key in ("from", "to", "step") if key in row]
        if ("amounts" in row) == bool(steps) or len(steps) not in (0, 3):
            yield path, "must have either amounts, or from, to and step"
        elif steps and float(row["from"]) >= float(row["to"]):
            yield (*path, "from"), "must be below to"
        if "credit" in row and len(row["credit"]) != len(row.get("amounts", [])):
            yield (*path, "credit"), "must have one entry for each of amounts"


def _unique(path: Path, rows: Any) -> Iterator[Finding]:
    seen = set()
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if row["id"] in seen:
            yield (*path, index, "id"), f'"{row["id"]}" is used twice'
        seen.add(row["id"])
