"""Lines as the CSV file that an import would take back unchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import QuerySet

from lineaviva.keeper.lines import queries, rules
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.sheet import cells
from lineaviva.keeper.lines.sheet.reading import COLUMNS

_PART = 2000


def lines_export(lines: QuerySet[Line], *, excel: bool = False) -> Iterator[str]:
    """The file piece by piece, in the order in which the lines were added; full numbers, for their owner only.

    Comma and line feed; with `excel` a byte order mark, semicolons and CRLF, as an Italian or Chinese Excel opens it.
    """
    if excel:
        yield "\ufeff"
    yield _text([list(COLUMNS)], excel)
    rows = lines.select_related("holder").order_by("pk")
    start = 0
    while part := list(rows.filter(pk__gt=start)[:_PART]):
        happened = queries.happened_by_line([line.pk for line in part])
        yield _text([record(_said(line, happened.get(line.pk, []))) for line in part], excel)
        start = part[-1].pk


def _said(line: Line, happened: list[rules.Happened]) -> dict[str, Any]:
    said = {name: getattr(line, name) for name in rules.Details.__dataclass_fields__}
    return {**said, "holder_email": line.holder.email, "last_topup": rules.last_topup(happened)}


def record(said: dict[str, Any]) -> list[str]:
    """One line of the file: what was typed in by people is guarded against being run as a formula."""
    return [_cell(name, said.get(name)) for name in COLUMNS]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()
    # A number with its plus is no formula, and must come back as it was.
    return value if name == "msisdn" else cells.guarded(str(value))


def _text(records: list[list[str]], excel: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if excel else ",", lineterminator="\r\n" if excel else "\n")
    writer.writerows(records)
    return out.getvalue()
