"""Pure: what a sheet says about lines, and what it would change about those that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from lineaviva.keeper.lines import rules
from lineaviva.keeper.lines.sheet import cells
from lineaviva.keeper.lines.sheet.reading import Row, RowError, Sheet
from lineaviva.kernel.eid import parse_eid
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.iccid import parse_iccid
from lineaviva.kernel.phone import parse_msisdn

# Of these an empty cell says nothing; of all others it says: empty.
SAYS_NOTHING = frozenset({"sim_type", "last_topup", "auto_renew", "holder_email"})
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One row of a sheet, checked. `fields` has only what the row says."""

    line: int
    email: str
    msisdn: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to happen to one line: add, change or unchanged."""

    line: int
    email: str
    msisdn: str
    act: str
    changes: tuple[Change, ...] = ()


@dataclass(slots=True)
class ImportPlan:
    """The dry run's answer. With any error nothing is written; `applied` says whether it was."""

    rows: list[Planned] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    new_holders: list[str] = field(default_factory=list)
    applied: bool = False

    def count(self, act: str) -> int:
        return sum(row.act == act for row in self.rows)


@dataclass(frozen=True, slots=True)
class Existing:
    """A line that is there: its details by field name, and the days of its top-ups."""

    fields: Mapping[str, Any]
    told_topup: date | None
    last_topup: date | None


def wanted(
    sheet: Sheet,
    *,
    default_email: str,
    email_checked: Callable[[str], str],
    today: date,
    progress: Progress | None = None,
) -> tuple[list[Wanted], list[RowError]]:
    """Every row checked cell by cell; all mistakes are found, not only the first."""
    parsers = _parsers(email_checked, today)
    found: list[Wanted] = []
    errors = list(sheet.errors)
    seen: dict[tuple[str, str], int] = {}
    for done, row in enumerate(sheet.rows, start=1):
        fields, wrong = _fields(row, parsers)
        email = fields.pop("holder_email", None) or default_email
        if not email and not any(error.field == "holder_email" for error in wrong):
            wrong.append(RowError(row.line, "holder_email", "holder_missing", "This line names no holder."))
        if not wrong:
            wrong.extend(_twice(seen, row.line, email, fields["msisdn"]))
        if wrong:
            errors.extend(wrong)
        else:
            found.append(Wanted(row.line, email, fields.pop("msisdn"), fields))
        if progress and done % 500 == 0:
            progress(done, len(sheet.rows))
    return found, sorted(errors, key=lambda error: error.line)


def _fields(row: Row, parsers: Mapping[str, Callable[[str], Any]]) -> tuple[dict[str, Any], list[RowError]]:
    fields: dict[str, Any] = {}
    wrong: list[RowError] = []
    for name, cell in row.cells.items():
        try:
            value = parsers[name](cell)
        except InvalidInput as error:
            wrong.append(RowError(row.line, name, error.code, error.message))
            continue
        if value or name not in SAYS_NOTHING or value is False:
            fields[name] = value
    return fields, wrong


def _twice(seen: dict[tuple[str, str], int], line: int, email: str, msisdn: str) -> list[RowError]:
    first = seen.setdefault((email, msisdn), line)
    if first == line:
        return []
    return [RowError(line, "msisdn", "line_twice", f"This number of the same holder is on line {first} already.")]


def _parsers(email_checked: Callable[[str], str], today: date) -> dict[str, Callable[[str], Any]]:
    @lru_cache(maxsize=4096)
    def last_topup(cell: str) -> date | None:
        found = cells.day(cell, field="last_topup")
        return found and rules.day_checked(found, field="last_topup", latest=today)

    @lru_cache(maxsize=4096)
    def plan_expires_on(cell: str) -> date | None:
        found = cells.day(cell, field="plan_expires_on")
        return found and rules.day_checked(found, field="plan_expires_on", latest=rules.LATEST)

    @lru_cache(maxsize=65536)
    def holder_email(cell: str) -> str:
        text = cells.bare(cell)
        return email_checked(text) if text else ""

    return {
        "msisdn": lambda cell: parse_msisdn(cells.msisdn(cell)),
        "operator": lru_cache(maxsize=256)(lambda cell: rules.operator_checked(cells.bare(cell))),
        "sim_type": lru_cache(maxsize=64)(cells.sim_type),
        "iccid": lambda cell: _numbered(cell, "iccid", parse_iccid),
        "eid": lambda cell: _numbered(cell, "eid", parse_eid),
        "label": lambda cell: rules.text_checked(cells.bare(cell), field="label", longest=rules.LABEL_MAX),
        "plan": lru_cache(maxsize=1024)(
            lambda cell: rules.text_checked(cells.bare(cell), field="plan", longest=rules.PLAN_MAX)
        ),
        "holder_email": holder_email,
        "last_topup": last_topup,
        "plan_expires_on": plan_expires_on,
        "auto_renew": lru_cache(maxsize=64)(cells.yes),
    }


def _numbered(cell: str, name: str, parse: Callable[[str], str]) -> str:
    text = cells.number(cell, field=name)
    return parse(text) if text else ""


def planned(
    rows: Iterable[Wanted], existing: Mapping[tuple[str, str], Existing]
) -> tuple[list[Planned], list[RowError]]:
    """What each row would do, by comparing it with the line of the same holder and number."""
    plan: list[Planned] = []
    errors: list[RowError] = []
    for row in rows:
        found = existing.get((row.email, row.msisdn))
        sim_type = row.fields.get("sim_type") or (found.fields["sim_type"] if found else "physical")
        eid = row.fields.get("eid", found.fields["eid"] if found else "")
        if eid and sim_type != "esim":
            errors.append(
                RowError(row.line, "eid", "eid_on_sim", "Only an eSIM has an EID; this line is a physical SIM.")
            )
            continue
        changes = _changes(row, found)
        act = "add" if found is None else "change" if changes else "unchanged"
        plan.append(Planned(row.line, row.email, row.msisdn, act, changes))
    return plan, errors


def _changes(row: Wanted, found: Existing | None) -> tuple[Change, ...]:
    if found is None:
        return tuple(Change(name, None, value) for name, value in row.fields.items() if value not in ("", None))
    changes = [
        Change(name, found.fields[name], value)
        for name, value in row.fields.items()
        if name != "last_topup" and value != found.fields[name]
    ]
    topup = row.fields.get("last_topup")
    # A sheet from before a renewal still names the day it was told of: that is no news.
    if topup and topup not in (found.told_topup, found.last_topup):
        changes.append(Change("last_topup", found.last_topup, topup))
    return tuple(changes)
