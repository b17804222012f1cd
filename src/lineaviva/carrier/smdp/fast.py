"""Statements of the download, straight to the driver: Django's cursors cost more than most of what they carry.

Inside Django's transactions as outside; errors are Django's; `%s` stands for a value on either database.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cache, lru_cache
from types import TracebackType
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DEFAULT_DB_ALIAS


class Undo(Exception):
    """Leaves a transaction and takes back what was written in it."""


class _Thread(threading.local):
    """Django looks a thread's connection up again at each access.

    `begun`: of a transaction of `_Plain`, whether the server has heard of it; None outside.
    """

    def __init__(self) -> None:
        self.database: BaseDatabaseWrapper = connections[DEFAULT_DB_ALIAS]
        self.is_file = self.database.vendor == "sqlite"
        self.begun: bool | None = None


_thread = _Thread()
Statement = tuple[str, tuple[Any, ...]]


def run(sql: str, values: tuple[Any, ...] = (), *, last: bool = False) -> Any:
    """The driver's cursor, the statement carried out: `fetchone`, `rowcount`.

    `last`: nothing more is written in this transaction, whatever comes of this statement. It is over then, at the
    price of no further round trip.
    """
    database = _thread.database
    if _thread.is_file:
        if database.connection is None:
            database.ensure_connection()
        try:
            return database.connection.execute(_marked(sql), values)
        except Exception:
            # To be Django's error, without the price of a block around each statement.
            with database.wrap_database_errors:
                raise
    if database.connection is not None:
        database.close_if_health_check_failed()
    if database.connection is None:
        database.ensure_connection()
    with database.wrap_database_errors:
        return _told(database, sql, values, last)


def _told(database: BaseDatabaseWrapper, sql: str, values: tuple[Any, ...], last: bool) -> Any:
    """By a server, with what begins or ends the transaction in the same round trip."""
    inside, first = _thread.begun is not None, _thread.begun is False
    _thread.begun = True if inside else None
    ends = inside and last
    cursor = database.connection.execute(f"{'BEGIN;' if first else ''}{sql}{';COMMIT' if ends else ''}", values)
    if first:
        cursor.nextset()
    if ends:
        _thread.begun = None
    return cursor


def changed(*statements: Statement) -> list[int]:
    """How many rows each of them changed, in one round trip to a server."""
    if _thread.is_file:
        return [run(sql, values).rowcount for sql, values in statements]
    cursor = run(";".join(sql for sql, _ in statements), tuple(value for _, values in statements for value in values))
    counts = [cursor.rowcount]
    while cursor.nextset():
        counts.append(cursor.rowcount)
    return counts


def whole() -> AbstractContextManager[None]:
    """A transaction: all that is written in it or, where an exception leaves it, nothing.

    One of Django's where others' rows may be written in it, as those for an operator who is told of downloads; else
    the driver's, which costs a third.
    """
    database = _thread.database
    if database.connection is None:
        database.ensure_connection()
    if database.in_atomic_block or not database.autocommit or settings.SMDP_OPERATOR_URLS:
        return transaction.atomic()
    return _Plain()


class _Plain:
    """The driver's. On a server it begins with the first statement, and is over with the last where that is known."""

    def __enter__(self) -> None:
        if _thread.is_file:
            run("BEGIN IMMEDIATE")
        else:
            _thread.begun = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            if kind is None and (_thread.is_file or _thread.begun):
                run("COMMIT")
        except BaseException:
            kind = BaseException
            raise
        finally:
            _thread.begun = None
            if kind is not None:
                self._back()

    def _back(self) -> None:
        database = _thread.database
        with database.wrap_database_errors:
            if database.connection is not None:
                database.connection.rollback()


def locks() -> bool:
    """Whether rows can be locked one by one; where not, a transaction that writes has the whole database."""
    return not _thread.is_file


def at(moment: datetime) -> Any:
    """An instant as the database keeps it."""
    return _text(moment) if _thread.is_file else moment


@lru_cache(maxsize=64)
def _text(moment: datetime) -> str:
    return str(moment.astimezone(UTC))[:-6]


@cache
def _marked(sql: str) -> str:
    return sql.replace("%s", "?")
