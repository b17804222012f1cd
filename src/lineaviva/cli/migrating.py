"""Migrations while everybody goes on working.

Whoever changes a table waits for all who use it, and all who come later wait behind him: one long transaction of
somebody's is enough for a migration to stop the whole operator. So on PostgreSQL a migration waits for each lock a few
seconds only, undoes what it did, lets the others through, and tries again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from lineaviva.kernel.errors import Conflict

LOCK_SECONDS, TRIES = 5.0, 8
_LONGEST_PAUSE = 15.0
_LOCK_NOT_AVAILABLE = "55P03"
# Any number will do that nobody else takes.
_ONE_AT_A_TIME = 5_418_227_301
Told = Callable[[str], None]


@dataclass(frozen=True)
class Patience:
    """How long a migration waits for each lock, how often it tries, and who is told when it could not."""

    lock_seconds: float = LOCK_SECONDS
    tries: int = TRIES
    told: Told = lambda sentence: None


def database_migrate(patience: Patience) -> list[str]:
    """Apply what is missing; returns the names of what was applied. Raises Conflict (tables_busy).

    What could be applied before a migration that had to be given up stays.
    """
    with directly(), alone(patience.told):
        executor = _Executor(patience)
        targets = executor.loader.graph.leaf_nodes()
        if plan := executor.migration_plan(targets):
            executor.migrate(targets, plan)
            # Nothing is left to migrate, but apps are still to be told that it was done.
            call_command("migrate", verbosity=0, interactive=False)
        return executor.applied


@contextmanager
def directly() -> Iterator[None]:
    """The database without the pooler in between, where the settings know a way."""
    if not settings.DATABASE_DIRECT:
        yield
        return
    connection.close()
    names = ("HOST", "PORT", "USER", "PASSWORD", "NAME", "OPTIONS")
    before = {name: connection.settings_dict[name] for name in names}
    connection.settings_dict.update({name: settings.DATABASE_DIRECT.get(name, "") for name in names})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


@contextmanager
def alone(told: Told) -> Iterator[None]:
    """While no other `lineaviva migrate` works on this PostgreSQL: two at once would both find the same to do.

    The lock is a transaction's, on a connection of its own: so it holds behind a pooler too.
    """
    if connection.vendor != "postgresql":
        yield
        return
    import psycopg

    with psycopg.connect(**connection.get_connection_params()) as holder:
        holder.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        waits = 0
        # Asked again and again: a statement that waited would be one that CREATE INDEX CONCURRENTLY waits for.
        while holder.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_AT_A_TIME]).fetchone() != (True,):
            if not waits:
                told("Another lineaviva migrate is at work; waiting for it.")
            waits += 1
            time.sleep(0.2)
        yield


class _Executor(MigrationExecutor):
    """Django's, with patience. One migration and the record of it are one transaction."""

    def __init__(self, patience: Patience) -> None:
        super().__init__(connection)
        self._patience = patience
        self.applied: list[str] = []

    def apply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> ProjectState:
        # One that is not atomic is there for CREATE INDEX CONCURRENTLY, which holds up nobody however long it waits.
        if connection.vendor != "postgresql" or not migration.atomic:
            state = super().apply_migration(state, migration, fake, fake_initial)
            self.applied.append(str(migration))
            return state
        pauses = [min(2.0**turn, _LONGEST_PAUSE) for turn in range(self._patience.tries - 1)]
        for pause in pauses:
            if isinstance(done := self._try(state, migration), ProjectState):
                return done
            self._patience.told(f"{migration} waits for {done.holders}. Again in {pause:g} s.")
            time.sleep(pause)
            state = self._applied_state()
        if isinstance(done := self._try(state, migration), ProjectState):
            return done
        raise Conflict(
            f"{migration} was given up, and nothing of it is left: it waits for {done.holders}. "
            "End that, or wait, and run lineaviva migrate again.",
            code="tables_busy",
        )

    def _applied_state(self) -> ProjectState:
        """Of what is applied; an attempt moves on the state that it is given."""
        self.loader.build_graph()
        known = [key for key in self.loader.applied_migrations if key in self.loader.graph.nodes]
        return self.loader.project_state(known)

    def _try(self, state: ProjectState, migration: Migration) -> ProjectState | _Busy:
        failed: list[str] = []
        try:
            with connection.execute_wrapper(_noting(failed)), transaction.atomic():
                return self._apply(state, migration)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
                raise
        return _Busy(_holders(failed[0]))

    def _apply(self, state: ProjectState, migration: Migration) -> ProjectState:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{int(self._patience.lock_seconds * 1000)}ms'")
        state = super().apply_migration(state, migration)
        self.applied.append(str(migration))
        return state


@dataclass(frozen=True)
class _Busy:
    """A lock did not come in time; who has it."""

    holders: str


def _noting(failed: list[str]) -> Callable[..., Any]:
    """Keeps the statements that fail."""

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            failed.append(str(sql))
            raise

    return note


_HOLDERS = """
    WITH named AS (SELECT oid, relname FROM pg_class WHERE relname = ANY(%s) AND relkind IN ('r', 'p', 'i', 'I', 'S')),
         meant AS (SELECT oid, relname FROM named
                   UNION SELECT inhrelid, relname FROM pg_inherits JOIN named ON inhparent = named.oid)
    SELECT a.pid, a.application_name, a.state,
           EXTRACT(epoch FROM clock_timestamp() - COALESCE(a.xact_start, a.query_start))::int, MIN(meant.relname)
      FROM pg_locks l JOIN meant ON meant.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.granted AND a.pid <> pg_backend_pid() AND a.datname = current_database()
     GROUP BY 1, 2, 3, 4 ORDER BY 4 DESC NULLS LAST LIMIT 5
"""


def _holders(statement: str) -> str:
    """Who holds a table that the statement names, since when. No statement of theirs: it may hold numbers."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [re.findall(r"\w+", statement)])
        found = cursor.fetchall()
    told = [
        f"{table}, held by session {pid} ({name or 'unnamed'}, {state or 'in the background'}, for {age or 0} s)"
        for pid, name, state, age, table in found
    ]
    return "; ".join(told) or "a lock that somebody held who has left since"
