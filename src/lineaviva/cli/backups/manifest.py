"""The first thing in a backup: which version made it, which tables it has, and how each must look."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from lineaviva.kernel.errors import InvalidInput

FORMAT = "lineaviva-backup"
VERSION = 1
NAME = "manifest.json"
KEY_FILE = "secret.key"
LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True)
class Table:
    """One table of the backup; `sha256` is of its uncompressed lines."""

    label: str  # app.model
    columns: list[str]
    rows: int
    sha256: str

    @property
    def entry(self) -> str:
        return f"tables/{self.label}.jsonl"


@dataclass(frozen=True)
class Manifest:
    made_at: str
    lineaviva: str
    program: str
    migrations: list[str]
    tables: list[Table]
    secret_key: bool

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def entries(self) -> set[str]:
        """Every name that the archive must have, and no other."""
        return {NAME, *(table.entry for table in self.tables), *([KEY_FILE] if self.secret_key else [])}

    def dump(self) -> str:
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1)


def broken(what: str) -> InvalidInput:
    """The refusal of an archive; nothing was changed."""
    return InvalidInput(f"This backup cannot be restored: {what}. Nothing was changed.", code="backup_broken")


def parse(text: bytes) -> Manifest:
    """Raises InvalidInput (backup_broken) for a manifest of another program or version, or one that is not whole."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise broken("its manifest is no JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise broken("it was not made by lineaviva backup")
    if document.get("version") != VERSION:
        raise broken(f"its format is version {document.get('version')!r}, this program reads version {VERSION}")
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError):
        raise broken("its manifest is not whole") from None


def _manifest(document: dict[str, Any]) -> Manifest:
    tables = [
        Table(
            label=_text(table["label"]),
            columns=[_text(column) for column in table["columns"]],
            rows=_count(table["rows"]),
            sha256=_text(table["sha256"]),
        )
        for table in document["tables"]
    ]
    if len({table.label for table in tables}) != len(tables):
        raise ValueError("a table stands there twice")
    return Manifest(
        made_at=_text(document["made_at"]),
        lineaviva=_text(document["lineaviva"]),
        program=_text(document["program"]),
        migrations=[_text(name) for name in document["migrations"]],
        tables=tables,
        secret_key=bool(document["secret_key"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(value)
    return value
