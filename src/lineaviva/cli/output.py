"""What commands print: tables for people, one JSON document with --json, errors on stderr as one sentence."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

console = Console()
errors = Console(stderr=True)


def setup_django() -> None:
    """Load Django for commands that need rows; cheap commands never call this."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lineaviva.config.settings")
    import django

    django.setup()
    from django.conf import settings

    from lineaviva.config.logging import configure

    configure(level=settings.LOG_LEVEL)


def print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, default=_plain, ensure_ascii=False, indent=2) + "\n")


def print_json_line(document: Any) -> None:
    """One document on one line, at once: for a command that goes on running and is read by a program."""
    sys.stdout.write(json.dumps(document, default=_plain, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "Nothing here yet."
) -> None:
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table if table.row_count else empty)


def show_error(code: str, message: str, *, field: str | None = None, hint: str = "") -> None:
    if "--json" in sys.argv:
        print_json({"error": {"code": code, "message": message, "field": field}})
        return
    # Whole lines: a command that is named in them must be fit to be copied, also out of a log.
    errors.print(f"[bold red]Error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    if hint:
        errors.print(hint, highlight=False, markup=False, soft_wrap=True)
