"""`remind`: send what is due; `due`: which lines need somebody soon."""

from __future__ import annotations

import re
import sys
from datetime import datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import line_texts, output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.clock import ROME, rome_date
from lineaviva.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lineaviva.keeper.reminders.models import Reminder

app = typer.Typer(name="reminders")

_WITHIN = re.compile(r"(\d{1,4})\s*([dw]?)")
_ENDS = {"limited": "works fully", "off": "receives", "lost": "number kept"}
THREADS = 8


@app.command()
def due(
    within: Annotated[str, typer.Option(help="How far ahead: 60d, 8w or a number of days.")] = "60d",
    holder: Annotated[str, typer.Option(help="E-mail of one holder only.")] = "",
    full: Annotated[bool, typer.Option("--full", help="Show full numbers; else the last four digits.")] = False,
    json: Json = False,
) -> None:
    """Lines whose next date comes soon, soonest first.

    Example: `lineaviva due --within 60d --json`
    """
    days = _days(within)
    output.setup_django()
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.lines.queries import line_deadlines, lines_due

    today = rome_date(clock.now())
    lines = lines_due(within_days=days, as_of=today, user=user_by_email(holder) if holder else None)
    rows = [line_texts.line_row(line, line_deadlines(line, today), full=full) for line in lines]
    if json:
        output.print_json({"as_of": today, "within_days": days, "lines": rows})
        return
    empty = f"No line has a date within {days} days."
    output.print_table("", line_texts.COLUMNS, map(line_texts.line_cells, rows), empty=empty)


def _days(within: str) -> int:
    found = _WITHIN.fullmatch(within.strip().lower())
    if not found:
        raise InvalidInput(f"{within!r} is no length of time: write 60d or 8w.", code="within_invalid", field="within")
    return int(found[1]) * (7 if found[2] == "w" else 1)


@app.command()
def remind(
    as_of: Annotated[str, typer.Option(help="As if it were noon of this day: 2026-11-24 or 24/11/2026.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Send the reminders that are due; each goes out once, also beside a worker. Exit code 1 if any could not be sent.

    With a day to come it really sends what that day would bring, and the stages before it are used up.

    Example: `lineaviva remind --as-of 2026-11-24 --dry-run`
    """
    output.setup_django()
    from lineaviva.keeper.reminders.actions import send_due

    now = _instant(as_of)
    if as_of and not dry_run and not yes and not json and sys.stdin.isatty():
        typer.confirm(f"Send what is due on {rome_date(now)}?", abort=True, err=True)
    report = send_due(now=now, dry_run=dry_run, threads=THREADS)
    if json:
        output.print_json(
            {
                "as_of": now,
                "dry_run": report.dry_run,
                "sent": [_row(row) for row in report.sent],
                "waiting": [_row(row) for row in report.waiting],
            }
        )
    else:
        _print("Would be sent" if dry_run else "Sent", report.sent)
        if report.waiting:
            _print("Not sent yet", report.waiting)
    if report.waiting:
        raise typer.Exit(1)


def _instant(as_of: str) -> datetime:
    from lineaviva.keeper.lines.sheet.cells import day

    found = day(as_of, field="as_of")
    return datetime.combine(found, time(12), ROME) if found else clock.now()


def _row(row: Reminder) -> dict[str, Any]:
    return {
        "line": row.line_id,
        "label": row.line.label,
        "number": line_texts.number(row.line.msisdn, full=False),
        "holder": row.line.holder.email,
        "deadline": row.deadline,
        "deadline_on": row.deadline_on,
        "stage": row.stage,
        "channel": row.channel,
        "error": row.last_error,
    }


def _print(title: str, rows: list[Reminder]) -> None:
    cells = [
        [
            escape(row.line.label),
            line_texts.number(row.line.msisdn, full=False),
            _ENDS[row.deadline],
            row.deadline_on,
            row.stage,
            row.channel,
            escape(row.line.holder.email),
            escape(row.last_error),
        ]
        for row in rows
    ]
    columns = ["Line", "Number", "What ends", "Last day", "Stage", "Channel", "Holder", "Trouble"]
    output.print_table(title, columns, cells, empty="Nothing is due.")
