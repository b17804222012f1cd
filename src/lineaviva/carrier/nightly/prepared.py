"""A batch's statement on PostgreSQL: most of what it says is the same for each, so the server is told it once.

To read and to plan it takes a twentieth of a batch's time. What is prepared belongs to one process of the server:
behind a pooler, where the next transaction may come to another one, nothing is prepared.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import Error, connection

RANGE = "{range}"
# A batch is a small part of its table, however little the planner can tell so from its range.
PLANNING = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off; "
    "SET LOCAL plan_cache_mode = force_generic_plan; "
)
_NO_SUCH_STATEMENT = "26000"


def forgotten(error: Error) -> bool:
    """Whether the server does not know what was prepared: there is something in between that nobody saw."""
    return getattr(error.__cause__, "sqlstate", None) == _NO_SUCH_STATEMENT


@dataclass
class Statement:
    """One statement for all batches of a job.

    `text` gives it, exact or not, with `{range}` where the range belongs; `values` are its parameters.
    """

    text: Callable[[bool], str]
    values: Mapping[str, Any]
    may_last: bool = True
    _pieces: dict[bool, list[str]] = field(default_factory=dict)
    _prepared: dict[tuple[bool, str], str] = field(default_factory=dict)
    _connection: Any = None

    def rows(self, exact: bool, range: str, ends: Mapping[str, Any], types: Mapping[str, str]) -> list[tuple[Any, ...]]:
        """What it finds in the range. `ends` are its parameters; with their `types` it is prepared, if it may be."""
        if types and self._lasts():
            said = self._by_name(exact, range, {name: ends[name] for name in types if f"%({name})s" in range}, types)
        else:
            said = self._whole(exact, _composed(range, {**self.values, **ends}))
        with connection.cursor() as cursor:
            cursor.execute(PLANNING + said)
            while cursor.nextset():
                pass
            return list(cursor.fetchall())

    def forget(self) -> None:
        """Give the server its memory back."""
        if self._prepared and self._connection is connection.connection:
            with connection.cursor() as cursor:
                # Of a batch that was undone it may know the statement or not.
                named = "SELECT 'DEALLOCATE ' || name FROM pg_prepared_statements WHERE name = ANY(%s)"
                cursor.execute(named, [list(self._prepared.values())])
                for (text,) in cursor.fetchall():
                    cursor.execute(text)
        self._prepared = {}

    def lost(self) -> None:
        """What was prepared is not there: say all of it each time."""
        self.may_last, self._prepared = False, {}

    def _whole(self, exact: bool, range: str) -> str:
        if exact not in self._pieces:
            self._pieces[exact] = [_composed(piece, self.values) for piece in self.text(exact).split(RANGE)]
        return range.join(self._pieces[exact])

    def _by_name(self, exact: bool, range: str, ends: Mapping[str, Any], types: Mapping[str, str]) -> str:
        marks = _composed(", ".join(f"%({end})s" for end in ends), ends)
        name = self._prepared.get((exact, range))
        if name is not None:
            return f"EXECUTE {name} ({marks})"
        # Of no other process and thread, whichever of the server's it may meet.
        name = self._prepared[exact, range] = f"night_{secrets.token_hex(12)}"
        numbered = range
        for place, end in enumerate(ends, 1):
            numbered = numbered.replace(f"%({end})s", f"${place}")
        whole = self._whole(exact, _composed(numbered, self.values))
        return f"PREPARE {name} ({', '.join(types[end] for end in ends)}) AS {whole}; EXECUTE {name} ({marks})"

    def _lasts(self) -> bool:
        """Whether this connection is to one process of the server: a pooler gives a number of its own."""
        raw = connection.connection
        if self._connection is not raw:
            self._connection, self._prepared = raw, {}
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self.may_last = self.may_last and cursor.fetchone()[0] == _own_number(raw)
        return self.may_last


def _own_number(raw: Any) -> int:
    """The server process's number, as whoever answered when the connection was made gave it."""
    return int(raw.info.backend_pid)


def _composed(text: str, values: Mapping[str, Any]) -> str:
    """The text with its values written out."""
    operations: Any = connection.ops
    return str(operations.compose_sql(text, values))
