"""Pure: the bytes of a CSV file as rows of named cells, with the line on which each begins."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lineaviva.kernel.errors import InvalidInput

COLUMNS = (
    "msisdn",
    "operator",
    "sim_type",
    "iccid",
    "eid",
    "label",
    "holder_email",
    "last_topup",
    "plan",
    "plan_expires_on",
    "auto_renew",
)
REQUIRED = ("msisdn", "operator")
_DELIMITERS = (",", ";", "\t")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one cell cannot be taken: the line of the file, the column, a stable code and one sentence."""

    line: int
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that could be read: which columns it has, its rows, and rows with too many cells."""

    columns: tuple[str, ...]
    rows: list[Row]
    errors: list[RowError]


def read(data: bytes) -> Sheet:
    """The rows of a CSV file with comma, semicolon or tab. InvalidInput (field file) when it is no such file."""
    text = _decoded(data)
    delimiter, body, skipped = _delimiter(text)
    records = _records(body, delimiter, skipped)
    header = next(records, None)
    if header is None:
        raise InvalidInput("The file is empty.", code="file_empty", field="file")
    columns = _columns(header[1])
    rows: list[Row] = []
    errors: list[RowError] = []
    for line, cells in records:
        if any(cell.strip() for cell in cells[len(columns) :]):
            message = f"This line has {len(cells)} cells, the header has {len(columns)}."
            errors.append(RowError(line, "", "cells_surplus", message))
        else:
            # A cell that a short line leaves out says nothing, as if its column were not there.
            rows.append(Row(line, dict.fromkeys(REQUIRED, "") | dict(zip(columns, cells, strict=False))))
    return Sheet(columns, rows, errors)


def _decoded(data: bytes) -> str:
    if data.startswith(_UTF16) or b"\0" in data:
        raise InvalidInput("The file is not UTF-8 text; save it as CSV UTF-8.", code="file_not_utf8", field="file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"Line {line} is not UTF-8; save the file as CSV UTF-8.", code="file_not_utf8", field="file"
        ) from None


def _delimiter(text: str) -> tuple[str, str, int]:
    """The delimiter, the text from the header on, and how many lines stand in front of it (Excel's sep= line)."""
    skipped = 0
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) <= 5:
        text, skipped = rest, 1
        return first.strip("\r\n")[4:5] or "\t", text, skipped
    header = text.lstrip("\r\n").partition("\n")[0]
    known = {mark: sum(_name(cell) in COLUMNS for cell in header.split(mark)) for mark in _DELIMITERS}
    return max(_DELIMITERS, key=lambda mark: known[mark]), text, skipped


def _records(text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on, without blank lines. InvalidInput (file_broken) on a lone quote."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = skipped + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise InvalidInput(f"The quotes on line {begins} do not match.", code="file_broken", field="file") from None
        if any(cell.strip() for cell in cells):
            yield begins, cells
        begins = skipped + reader.line_num + 1


def _name(cell: str) -> str:
    return "_".join(cell.strip().strip('"').casefold().replace("-", " ").replace("_", " ").split())


def _columns(header: Sequence[str]) -> tuple[str, ...]:
    names = [_name(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    unknown = [cell.strip() for cell, name in zip(header, names, strict=False) if name not in COLUMNS]
    if unknown:
        raise InvalidInput(
            f"The header has columns that are not known: {', '.join(unknown)}. Known are {', '.join(COLUMNS)}.",
            code="columns_unknown",
            field="file",
        )
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InvalidInput(f"The header lacks {', '.join(missing)}.", code="columns_missing", field="file")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"The header has {', '.join(twice)} twice.", code="columns_twice", field="file")
    return tuple(names)
