"""Tables whose rows the database itself refuses to change or delete: what a ledger says stays said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unchanging:
    """For a migration: `RunPython(kept.put, kept.take_away)`. `refusal` is what the database says, without quotes.

    A later migration that changes these tables on SQLite makes them anew and loses the triggers: it must put them back.
    """

    tables: tuple[str, ...]
    function: str  # its name on PostgreSQL
    refusal: str

    def put(self, _apps: Any, schema_editor: Any) -> None:
        for statement in self.triggers(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def take_away(self, _apps: Any, schema_editor: Any) -> None:
        for statement in self.no_triggers(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def triggers(self, vendor: str) -> Iterator[str]:
        """The statements that make them, for `postgresql` or `sqlite`."""
        return self._on_postgres() if vendor == "postgresql" else self._on_sqlite()

    def no_triggers(self, vendor: str) -> Iterator[str]:
        """The statements that drop them."""
        return self._off_postgres() if vendor == "postgresql" else self._off_sqlite()

    def _on_postgres(self) -> Iterator[str]:
        yield (
            f"CREATE OR REPLACE FUNCTION {self.function}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{self.refusal}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        for table in self.tables:
            yield (
                f"CREATE TRIGGER {table}_never_changed BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {self.function}()"
            )

    def _off_postgres(self) -> Iterator[str]:
        for table in self.tables:
            yield f"DROP TRIGGER IF EXISTS {table}_never_changed ON {table}"
        yield f"DROP FUNCTION IF EXISTS {self.function}()"

    def _on_sqlite(self) -> Iterator[str]:
        for table in self.tables:
            for act in ("update", "delete"):
                yield (
                    f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{self.refusal}'); END"
                )

    def _off_sqlite(self) -> Iterator[str]:
        for table in self.tables:
            for act in ("update", "delete"):
                yield f"DROP TRIGGER IF EXISTS {table}_no_{act}"
