"""The limit: a lease table and a loop by hand, with nothing in it that these four steps do not need."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg

LEASE = timedelta(seconds=60)
Rows = list[tuple[int, int]]


class Plain(Protocol):
    def claim(self, batch: int) -> Rows: ...

    def write(self, done: list[tuple[int, int, str, bool]]) -> None: ...


def run(table: Plain, *, steps: int, batch: int) -> int:
    """Claim, step, write until `steps` are done or nothing is due."""
    stepped = 0
    while stepped < steps and (rows := table.claim(batch)):
        table.write([(key, step + 1, "done" if step == 3 else "open", step == 3) for key, step in rows])
        stepped += len(rows)
    return stepped


class OnPostgres:
    CLAIM = """UPDATE plain SET leased_until = %s, leased_by = 'w' WHERE id = ANY(ARRAY(
        SELECT id FROM plain WHERE look_at <= %s AND (leased_until IS NULL OR leased_until < %s) AND state = 'open'
        ORDER BY look_at LIMIT %s FOR UPDATE SKIP LOCKED)) RETURNING id, step"""
    WRITE = """UPDATE plain AS t SET step = v.step, state = v.state, leased_until = NULL, leased_by = '',
        look_at = CASE WHEN v.rest THEN NULL ELSE %s END
        FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::boolean[]) AS v(id, step, state, rest)
        WHERE t.id = v.id AND t.leased_by = 'w'"""

    def __init__(self, connection: psycopg.Connection[Any], rows: int) -> None:
        self.connection, self.now = connection, datetime.now(UTC)
        connection.execute("DROP TABLE IF EXISTS plain")
        connection.execute("""CREATE TABLE plain (id bigserial PRIMARY KEY, state text NOT NULL, step int NOT NULL,
            look_at timestamptz, leased_until timestamptz, leased_by text NOT NULL DEFAULT '')""")
        connection.execute("CREATE INDEX ON plain (look_at) WHERE look_at IS NOT NULL")
        connection.execute(
            "INSERT INTO plain (state, step, look_at) SELECT 'open', 0, %s FROM generate_series(1, %s)",
            [self.now, rows],
        )
        connection.execute("ANALYZE plain")

    def claim(self, batch: int) -> Rows:
        now = self.now
        return self.connection.execute(self.CLAIM, [now + LEASE, now, now, batch]).fetchall()

    def write(self, done: list[tuple[int, int, str, bool]]) -> None:
        self.connection.execute(self.WRITE, [self.now, *(list(column) for column in zip(*done, strict=True))])


class OnSqlite:
    CLAIM = """UPDATE plain SET leased_until = ?, leased_by = 'w' WHERE id IN (
        SELECT id FROM plain WHERE look_at <= ? AND (leased_until IS NULL OR leased_until < ?) AND state = 'open'
        ORDER BY look_at LIMIT ?) RETURNING id, step"""
    WRITE = """UPDATE plain SET step = ?2, state = ?3, leased_until = NULL, leased_by = '',
        look_at = CASE WHEN ?4 THEN NULL ELSE ?5 END WHERE id = ?1 AND leased_by = 'w'"""

    def __init__(self, connection: sqlite3.Connection, rows: int) -> None:
        self.connection, self.now = connection, datetime.now(UTC)
        connection.execute("DROP TABLE IF EXISTS plain")
        connection.execute("""CREATE TABLE plain (id integer PRIMARY KEY, state text NOT NULL, step int NOT NULL,
            look_at text, leased_until text, leased_by text NOT NULL DEFAULT '')""")
        connection.execute("CREATE INDEX plain_due ON plain (look_at) WHERE look_at IS NOT NULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO plain (state, step, look_at) VALUES ('open', 0, ?)", [(str(self.now),)] * rows
        )
        connection.execute("COMMIT")
        connection.execute("ANALYZE plain")

    def claim(self, batch: int) -> Rows:
        now, until = str(self.now), str(self.now + LEASE)
        return self.connection.execute(self.CLAIM, [until, now, now, batch]).fetchall()

    def write(self, done: list[tuple[int, int, str, bool]]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(self.WRITE, [(*values, str(self.now)) for values in done])
        self.connection.execute("COMMIT")
