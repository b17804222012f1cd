"""A whole sheet of lines at the command line: import and export."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lineaviva.cli import line_texts, output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lineaviva.keeper.accounts.models import User
    from lineaviva.keeper.lines.sheet.planning import ImportPlan
    from lineaviva.keeper.lines.sheet.planning import Progress as Report

Holder = Annotated[str, typer.Option("--holder", help="E-mail of the holder; needed where there are several.")]
Full = Annotated[bool, typer.Option("--full", help="Show full numbers; else the last four digits.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
# A longer table than this is read in a file rather than on a screen.
MOST_ROWS = 50


def import_(
    file: Annotated[Path, typer.Argument(help="CSV file; - reads standard input.")],
    holder: Annotated[str, typer.Option(help="Holder of the rows without holder_email.")] = "",
    language: Annotated[str, typer.Option(help="Language of accounts that are made.")] = "zh-hans",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Yes = False,
    full: Full = False,
    json: Json = False,
) -> None:
    """Bring lines in from CSV, all or nothing: shows what will change, asks, then does it. Again changes nothing.

    Columns: msisdn, operator, sim_type, iccid, eid, label, holder_email, last_topup, plan, plan_expires_on, auto_renew.
    At a terminal it asks before writing; in a script it does not. Exit code 2 if any row is wrong.

    Example: `lineaviva lines import shop.csv --dry-run`
    """
    output.setup_django()
    data = _read(file)
    if dry_run or (sys.stdin.isatty() and not yes and not json):
        plan = _imported(data, holder, language, dry_run=True)
        if not dry_run and not plan.errors:
            _print_plan(plan, full)
            typer.confirm("Write this?", abort=True, err=True)
            plan = _imported(data, holder, language, dry_run=False)
    else:
        plan = _imported(data, holder, language, dry_run=False)
    if json:
        output.print_json(line_texts.plan_document(plan, full=full))
    else:
        _print_plan(plan, full)
    if plan.errors:
        raise typer.Exit(2)


def _imported(data: bytes, holder: str, language: str, *, dry_run: bool) -> ImportPlan:
    from lineaviva.keeper.lines.sheet.actions import lines_import

    with _bar("Reading") as on_read, _bar("Writing") as on_write:
        return lines_import(
            data=data,
            holder_email=holder,
            by=None,
            now=clock.now(),
            dry_run=dry_run,
            language=language,
            on_read=on_read,
            on_write=on_write,
        )


@contextmanager
def _bar(what: str) -> Iterator[Report]:
    """A progress bar on stderr that appears with its first report."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=output.errors, transient=True)
    tasks: list[Any] = []

    def report(done: int, total: int) -> None:
        if not tasks:
            progress.start()
            tasks.append(progress.add_task(what, total=total))
        progress.update(tasks[0], completed=done)

    try:
        yield report
    finally:
        if tasks:
            progress.stop()


def _print_plan(plan: ImportPlan, full: bool) -> None:
    if plan.errors:
        rows = [[error.line, error.field, escape(error.message)] for error in plan.errors[:MOST_ROWS]]
        output.print_table("Nothing was written", ["Line", "Field", "What is wrong"], rows)
        _print_more(len(plan.errors), "mistakes")
        return
    changing = [row for row in plan.rows if row.act != "unchanged"]
    shown = line_texts.plan_rows(changing[:MOST_ROWS], full=full)
    title = "Written" if plan.applied else "What will change"
    output.print_table(title, ["Line", "Act", "Number", "Holder", "What"], shown, empty="Nothing changes.")
    _print_more(len(changing), "changes")
    output.console.print(
        f"{plan.count('add')} to add, {plan.count('change')} to change, {plan.count('unchanged')} as they are; "
        f"{len(plan.new_holders)} new accounts.",
        highlight=False,
    )


def _print_more(count: int, what: str) -> None:
    if count > MOST_ROWS:
        output.console.print(f"... and {count - MOST_ROWS} more {what}; --json has them all.", highlight=False)


def export(
    file: Annotated[Path | None, typer.Argument(help="File to write; standard output when left out.")] = None,
    holder: Holder = "",
    excel: Annotated[bool, typer.Option("--excel", help="Semicolons and byte order mark, as Excel opens it.")] = False,
    json: Json = False,
) -> None:
    """Write all lines as the CSV that `lines import` takes back unchanged. It has full numbers: keep it safe.

    Example: `lineaviva lines export lines.csv`
    """
    output.setup_django()
    from lineaviva.keeper.lines.sheet.export import lines_export

    lines = lines_of(holder)
    pieces = lines_export(lines, excel=excel)
    if file is None:
        if json:
            output.print_json({"file": None, "csv": "".join(pieces)})
            return
        for piece in pieces:
            sys.stdout.write(piece)
        return
    _write(file, pieces)
    if json:
        output.print_json({"file": str(file), "lines": lines.count()})
    else:
        output.console.print(f"{lines.count()} lines written to {escape(str(file))}.", highlight=False)


def _write(file: Path, pieces: Iterator[str]) -> None:
    """Whole or not at all, and readable by its owner only."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline=""
        ) as out:
            out.writelines(pieces)
        draft.replace(file)
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be written: {error.strerror}.", code="file_unwritable", field="file"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", code="file_unreadable", field="file") from None


def lines_of(holder: str) -> Any:
    from lineaviva.keeper.lines.models import Line

    lines = Line.objects.filter(removed_at=None).select_related("holder")
    owner = holder_of(holder)
    return lines.filter(holder=owner) if owner else lines


def holder_of(email: str) -> User | None:
    from lineaviva.keeper.accounts.queries import user_by_email

    return user_by_email(email) if email else None
