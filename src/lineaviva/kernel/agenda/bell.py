"""How a worker that has nothing to do hears of work: from its own threads, and of commits by other processes.

PostgreSQL tells (LISTEN/NOTIFY); SQLite is asked often whether its file changed, which costs microseconds. Both may
fail to: a connection pooler in between swallows what is told, unless the settings know a way round it. So a worker
never waits for long: see worker.py.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.db import Error, connection, connections, transaction
from django.db.utils import DEFAULT_DB_ALIAS

log = structlog.get_logger("lineaviva.agenda")

CHANNEL = "lineaviva_agenda"
SQLITE_POLL = 0.05
_RECONNECT = (1.0, 2.0, 5.0, 10.0, 30.0)


def announce(using: str | None = None) -> None:
    """Tell waiting workers, once the transaction at hand commits, that there may be work; once for each transaction.

    `AgendaRow.save` and `wake` do it; call it yourself after bulk_create or update of `look_at`.
    """
    database = connections[using or DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        return
    notify = _NOTIFIERS.setdefault(database.alias, _notifier(database.alias))
    if not any(entry[1] is notify for entry in database.run_on_commit):
        transaction.on_commit(notify, using=database.alias, robust=True)


def _notifier(alias: str) -> Callable[[], None]:
    def notify() -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")

    return notify


_NOTIFIERS: dict[str, Callable[[], None]] = {}


class Listener(Protocol):
    """Hears of other processes' commits."""

    def socket(self) -> Any:
        """What becomes readable when there is something to hear, or None."""

    def longest_wait(self) -> float | None:
        """Seconds after which `heard` must be asked whether or not the socket is readable; None: no need."""

    def heard(self) -> bool:
        """Whether there was a commit since last asked."""

    def close(self) -> None: ...


def _params() -> dict[str, Any]:
    """How to reach the database itself, round the pooler."""
    direct = getattr(settings, "DATABASE_DIRECT", None)
    database: Any = connections[DEFAULT_DB_ALIAS]
    if direct:
        database = type(database)({**database.settings_dict, **direct}, database.alias)
    params: dict[str, Any] = database.get_connection_params()
    return params


class PostgresListener:
    """LISTEN on a connection of its own, made again when it breaks. While there is none the sweep has to do."""

    def __init__(self) -> None:
        # Here and not above: a process on SQLite need not load the driver, which takes a fifth of its start.
        import psycopg

        self._connect_anew = psycopg.connect
        self._troubles = (psycopg.Error, OSError)
        self._connection: psycopg.Connection[Any] | None = None
        self._tries = 0
        self._next_try = 0.0

    def socket(self) -> Any:
        return self._connection

    def longest_wait(self) -> float | None:
        return None if self._connection else max(self._next_try - time.monotonic(), 0.0)

    def heard(self) -> bool:
        try:
            if self._connection is None:
                return self._connect()
            return any([True for _ in self._connection.notifies(timeout=0)])
        except self._troubles as error:
            self._broke(error)
            return False

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*self._troubles):
                self._connection.close()
        self._connection = None

    def _connect(self) -> bool:
        if time.monotonic() < self._next_try:
            return False
        fresh = self._connect_anew(**{**_params(), "autocommit": True})
        fresh.execute(f"LISTEN {CHANNEL}")
        self._connection, self._tries = fresh, 0
        # Whatever was said while nobody listened must be looked for.
        return True

    def _broke(self, error: Exception) -> None:
        self.close()
        wait = _RECONNECT[min(self._tries, len(_RECONNECT) - 1)]
        self._tries += 1
        self._next_try = time.monotonic() + wait
        log.warning("agenda_listener_broke", error=type(error).__name__, retry_in=wait)


class SqliteListener:
    """Asks SQLite for the number that changes with every commit of another connection."""

    def __init__(self) -> None:
        self._version = -1

    def socket(self) -> Any:
        return None

    def longest_wait(self) -> float | None:
        return SQLITE_POLL

    def heard(self) -> bool:
        try:
            with connection.cursor() as cursor:
                version: int = cursor.execute("PRAGMA data_version").fetchone()[0]
        except Error:
            return True
        before, self._version = self._version, version
        return version != before

    def close(self) -> None:
        pass


class Bell:
    """Wakes one waiting worker. `ring` may be called from any thread and from a signal handler: it takes no lock."""

    def __init__(self) -> None:
        self._ears, self._cord = socket.socketpair()
        self._ears.setblocking(False)
        self._cord.setblocking(False)
        self._listener: Listener = PostgresListener() if connection.vendor == "postgresql" else SqliteListener()

    def ring(self) -> None:
        # A full buffer means that it is ringing already; a closed one that nobody waits any more.
        with suppress(BlockingIOError, OSError):
            self._cord.send(b".")

    def wait(self, seconds: float) -> bool:
        """Wait until somebody rings or another process commits (then True), at most `seconds`."""
        until = time.monotonic() + seconds
        while not self._listener.heard():
            left = until - time.monotonic()
            longest = self._listener.longest_wait()
            if left <= 0:
                return False
            if self._select(left if longest is None else min(left, longest)):
                return True
        return True

    def pause(self, seconds: float) -> None:
        """Wait `seconds` without asking the database; shorter only if somebody rings."""
        self._select(seconds, listening=False)

    def close(self) -> None:
        self._listener.close()
        self._ears.close()
        self._cord.close()

    def _select(self, seconds: float, *, listening: bool = True) -> bool:
        """Wait for a sound; whether it was `ring`."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ears, selectors.EVENT_READ)
            other = self._listener.socket() if listening else None
            if other is not None:
                selector.register(other, selectors.EVENT_READ)
            rung = any(key.fileobj is self._ears for key, _ in selector.select(seconds))
        if rung:
            with suppress(BlockingIOError):
                while self._ears.recv(4096):
                    pass
        return rung
