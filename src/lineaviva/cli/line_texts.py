"""Lines as the command line shows them: numbers masked unless asked for in full."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from lineaviva.kernel.mask import masked

if TYPE_CHECKING:
    from lineaviva.keeper.lines.models import Line
    from lineaviva.keeper.lines.sheet.planning import ImportPlan, Planned
    from lineaviva.rulebook.deadlines import Deadlines

STATES = {
    "full_service": "active",
    "receive_only": "receive only",
    "off_recoverable": "off, recoverable",
    "lost": "number lost",
    "unknown": "not known",
}
TURNS = {"limited": "it can only receive", "off": "it is switched off", "lost": "the number is lost"}
COLUMNS = ["Line", "Number", "Operator", "SIM", "State", "Next date", "Days", "Holder"]


def number(text: str, full: bool) -> str:
    return text if full or not text else masked(text)


def line_row(line: Line, dates: Deadlines, *, full: bool) -> dict[str, Any]:
    """One line for --json."""
    return {
        "id": line.pk,
        "label": line.label,
        "msisdn": number(line.msisdn, full),
        "operator": line.operator,
        "sim_type": line.sim_type,
        "holder": line.holder.email,
        "state": dates.state,
        "next_on": dates.next_on,
        "next_kind": dates.next_kind,
        "days_left": (dates.next_on - dates.as_of).days if dates.next_on else None,
        "full_service_until": dates.full_service_until,
        "receive_only_until": dates.receive_only_until,
        "number_kept_until": dates.number_kept_until,
    }


def line_cells(row: dict[str, Any]) -> list[Any]:
    """The same for a table."""
    return [
        escape(row["label"]),
        row["msisdn"],
        row["operator"],
        "eSIM" if row["sim_type"] == "esim" else "SIM",
        STATES[row["state"]],
        row["next_on"] or "not known",
        row["days_left"],
        escape(row["holder"]),
    ]


def date_rows(dates: Deadlines) -> list[list[Any]]:
    """The three dates with the reason for each."""
    names = {
        "full_service_until": "Works fully until",
        "receive_only_until": "Receives until",
        "number_kept_until": "Number kept until",
    }
    return [
        [title, getattr(dates, name) or "not known", escape(str(dates.reasons.get(name, "")))]
        for name, title in names.items()
    ]


def fate(dates: Deadlines) -> list[str]:
    """What happens if nobody acts, one sentence each."""
    from lineaviva.keeper.lines.rules import if_nobody_acts

    turns = if_nobody_acts(dates, as_of=dates.as_of)
    return [f"After {turn.on.isoformat()} {TURNS[turn.kind]}." for turn in turns] or ["What happens next is not known."]


# --- import ---------------------------------------------------------------------------------------------------------


def plan_document(plan: ImportPlan, *, full: bool) -> dict[str, Any]:
    """An import's plan for --json; unchanged lines are only counted."""
    return {
        "applied": plan.applied,
        "add": plan.count("add"),
        "change": plan.count("change"),
        "unchanged": plan.count("unchanged"),
        "new_holders": plan.new_holders,
        "rows": [
            {
                "line": row.line,
                "act": row.act,
                "msisdn": number(row.msisdn, full),
                "holder": row.email,
                "changes": {
                    change.field: [_plain(change.field, change.old, full), _plain(change.field, change.new, full)]
                    for change in row.changes
                },
            }
            for row in plan.rows
            if row.act != "unchanged"
        ],
        "errors": [
            {"line": error.line, "field": error.field, "code": error.code, "message": error.message}
            for error in plan.errors
        ],
    }


def _plain(field: str, value: Any, full: bool) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return number(value, full) if field in {"iccid", "eid"} and value else value


def plan_rows(rows: Iterable[Planned], *, full: bool) -> list[list[Any]]:
    """What an import will change, for a table."""
    return [
        [row.line, row.act, number(row.msisdn, full), escape(row.email), escape(_changes(row, full))] for row in rows
    ]


def _changes(row: Planned, full: bool) -> str:
    shown = [
        (change.field, _word(change.field, change.old, full), _word(change.field, change.new, full))
        for change in row.changes
    ]
    if row.act == "add":
        return ", ".join(f"{field} {new}" for field, _, new in shown)
    return ", ".join(f"{field}: {old} → {new}" for field, old, new in shown)


def _word(field: str, value: Any, full: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(_plain(field, value, full)) if value not in ("", None) else "(empty)"
