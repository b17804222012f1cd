"""The worker: claims due rows, steps them, writes what they said, and waits for more without costing anything."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import structlog
from django.db import Error, connection

from lineaviva.kernel import clock
from lineaviva.kernel.agenda.backoff import describe
from lineaviva.kernel.agenda.bell import Bell
from lineaviva.kernel.agenda.bulk import give_back
from lineaviva.kernel.agenda.claim import Claimed, claim, next_looks
from lineaviva.kernel.agenda.pool import Done, Pool
from lineaviva.kernel.agenda.registry import Handler, registered
from lineaviva.kernel.agenda.sql import Mark
from lineaviva.kernel.agenda.step import take_step
from lineaviva.kernel.agenda.write import write

log = structlog.get_logger("lineaviva.agenda")

# The safety net: how long a worker waits at most before it looks by itself, should nobody ring; and how long, while it
# is busy, before it looks for rows that came to be due behind its mark.
SWEEP = {"postgresql": 2.0, "sqlite": 1.0}
# A batch is cut after this long, so that one kind of row never holds up the others for more.
LONGEST_BATCH = 1.0
# How often a stop event that somebody else sets is looked at.
_STOP_POLL = 0.2
_NEVER = datetime.max.replace(tzinfo=UTC)
_RECOVERY = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Worker:
    """Looks at due rows of all registered steps, or of `handlers` only. Any number of workers, on any host, may run.

    `threads`: steps with outside=True that run at once, for each handler; 0 runs them one after the other in the
    calling thread. Rows that wait cost nothing here.
    """

    def __init__(self, handlers: Sequence[Handler] | None = None, *, threads: int = 8, name: str = "") -> None:
        self._handlers = handlers
        self._name = name or f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(3)}"
        self._claims = count(1)
        self._turns: deque[Handler] = deque()
        self._batches: dict[Handler, int] = {}
        self._marks: dict[Handler, Mark] = {}
        self._sweep_at = 0.0
        self._pool = Pool(threads, self._ring)
        self._unwritten: list[Done] = []
        self._bell: Bell | None = None
        self._stop: threading.Event | None = None
        self._stopping = False

    def run_once(self, now: datetime) -> int:
        """One batch of each step that has due rows, to its end. Returns how many rows were stepped."""
        due, _ = self._due(now)
        stepped = sum(self._begin(handler, now) for handler in due)
        self._write_finished(now, wait=True)
        return stepped

    def run_forever(self, stop: threading.Event | None = None) -> None:
        """Work until `stop` is set or `stop()` is called, then finish what is in hand.

        Without `stop`, in the main thread, SIGTERM and SIGINT stop it; a second one ends the process at once. Survives
        the database going away.
        """
        self._stop = stop
        self._bell = bell = Bell()
        troubles = 0
        log.info("agenda_worker_started", worker=self._name)
        with _stop_signals(self) if stop is None else _nothing():
            while not self._is_stopped():
                try:
                    self._turn(bell)
                    troubles = 0
                except Error as error:
                    self._recover(bell, error, troubles)
                    troubles += 1
            self._finish(bell)
        log.info("agenda_worker_stopped", worker=self._name)

    def stop(self) -> None:
        """Ask the worker to stop; from any thread or signal handler."""
        self._stopping = True
        self._ring()

    # --- one turn ---------------------------------------------------------------------------------------------------

    def _turn(self, bell: Bell) -> None:
        now = clock.now()
        busy = self._write_finished(now)
        due, next_look = self._due(now)
        for handler in due:
            if not self._is_stopped():
                busy += self._begin(handler, now)
        if not busy:
            patience = SWEEP[connection.vendor]
            self._wait(bell, patience if next_look is None else min((next_look - now).total_seconds(), patience))

    def _due(self, now: datetime) -> tuple[list[Handler], datetime | None]:
        """The steps that have due rows, in turn, and the next look, if it is to come before the sweep."""
        if time.monotonic() > self._sweep_at:
            self._marks.clear()
            self._sweep_at = time.monotonic() + SWEEP[connection.vendor]
        handlers = [handler for handler in self._in_turn() if self._room(handler) > 0]
        # Where the last batch was full there will be more.
        unknown = [handler for handler in handlers if handler not in self._marks]
        looks = next_looks(unknown, now, until=now + timedelta(seconds=SWEEP[connection.vendor]))
        due = [handler for handler in handlers if handler in self._marks or looks.get(handler, _NEVER) <= now]
        return due, min((at for at in looks.values() if at > now), default=None)

    def _in_turn(self) -> list[Handler]:
        handlers = registered() if self._handlers is None else self._handlers
        if set(handlers) != set(self._turns):
            self._turns = deque(handlers)
        self._turns.rotate(-1)
        return list(self._turns)

    def _room(self, handler: Handler) -> int:
        batch = self._batches.get(handler, handler.batch)
        return min(batch, self._pool.room(handler)) if self._pool.takes(handler) else batch

    def _begin(self, handler: Handler, now: datetime) -> int:
        """Claim a batch; hand it to threads, or step it here. Returns how many rows were begun."""
        until = time.monotonic() + min(handler.lease.total_seconds() / 2, LONGEST_BATCH)
        rows = self._claim(handler, now)
        if not self._pool.takes(handler):
            return self._run(handler, rows, now, until)
        for row in rows:
            self._pool.begin(handler, row, now)
        return len(rows)

    def _claim(self, handler: Handler, now: datetime) -> list[Claimed]:
        token, limit = f"{self._name}:{next(self._claims)}", self._room(handler)
        mark = self._marks.pop(handler, None)
        rows = claim(handler, now=now, limit=limit, token=token, after=mark)
        if not rows and mark is not None:
            # Nothing more after the mark: back to the oldest row.
            rows = claim(handler, now=now, limit=limit, token=token)
        if len(rows) == limit:
            self._marks[handler] = rows[-1].look_at, rows[-1].row.pk
        return rows

    def _run(self, handler: Handler, rows: Sequence[Claimed], now: datetime, until: float) -> int:
        """Step rows one after the other; those that cannot be begun by `until` are given back."""
        parts = _parts(rows)
        begun = 0
        for part in parts:
            for row in part:
                if self._is_stopped() or (begun and time.monotonic() > until):
                    break
                self._unwritten.append((handler, take_step(handler, row, now)))
                begun += 1
            self._write_finished(now)
        if give_back(handler, [row for part in parts for row in part][begun:]):
            self._marks.pop(handler, None)
        self._learn(handler, claimed=len(rows), begun=begun)
        return begun

    def _learn(self, handler: Handler, *, claimed: int, begun: int) -> None:
        """How many rows fit into one batch's time: fewer after a cut, and then slowly more again."""
        if begun < claimed:
            self._batches[handler] = max(begun, 1)
        elif claimed == self._batches.get(handler):
            self._batches[handler] = min(2 * claimed, handler.batch)

    # --- results ----------------------------------------------------------------------------------------------------

    def _write_finished(self, now: datetime, *, wait: bool = False) -> int:
        """Write what threads have finished, and what could not be written before. Returns how many rows."""
        self._unwritten += self._pool.finished(wait=wait)
        count = len(self._unwritten)
        while self._unwritten:
            handler = self._unwritten[0][0]
            write(handler, [result for other, result in self._unwritten if other is handler], now)
            # Only now: should the database be away, the outside has done its part already, and is not asked again.
            self._unwritten = [done for done in self._unwritten if done[0] is not handler]
        return count

    # --- waiting, trouble, the end ----------------------------------------------------------------------------------

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()

    def _is_stopped(self) -> bool:
        return self._stopping or (self._stop is not None and self._stop.is_set())

    def _wait(self, bell: Bell, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_stopped() and (left := until - time.monotonic()) > 0:
            if bell.wait(left if self._stop is None else min(left, _STOP_POLL)):
                return

    def _recover(self, bell: Bell, error: Error, troubles: int) -> None:
        """Drop the connection and wait a little longer each time; the next turn opens a new one."""
        pause = _RECOVERY[min(troubles, len(_RECOVERY) - 1)]
        log.error("agenda_database_trouble", worker=self._name, error=describe(error), retry_in=pause)
        connection.close()
        bell.pause(pause)

    def _finish(self, bell: Bell) -> None:
        """Let steps in threads end and write what they said; what cannot be written, another worker takes over."""
        for troubles in range(len(_RECOVERY)):
            try:
                self._write_finished(clock.now(), wait=True)
                break
            except Error as error:
                self._recover(bell, error, troubles)
        self._pool.close()
        bell.close()
        connection.close()


def run_due(now: datetime, *, limit: int = 100_000) -> int:
    """Step everything that is due at `now`, in this thread, until nothing is. For tests and one-shot commands.

    Returns how many rows were stepped. Raises RuntimeError after `limit`: some step asks to be looked at again at once,
    for ever.
    """
    worker = Worker(threads=0)
    total = 0
    while stepped := worker.run_once(now):
        total += stepped
        if total > limit:
            raise RuntimeError(f"the agenda did not come to rest in {limit} steps at {now.isoformat()}")
    return total


def _parts(rows: Sequence[Claimed]) -> list[list[Claimed]]:
    """Rows that never failed together; each that did on its own, written before the next is begun.

    A step that kills its process fails every row of its batch (see claim). Going through them one by one, from the one
    end and the next time from the other, clears all but the one that kills.
    """
    plain = [row for row in rows if not row.row.failures]
    failed = [[row] for row in rows if row.row.failures]
    if failed and failed[0][0].row.failures % 2:
        failed.reverse()
    return ([plain] if plain else []) + failed


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _stop_signals(worker: Worker) -> Iterator[None]:
    """SIGTERM and SIGINT stop the worker; once they did, they do again what they did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(_number: int, _frame: Any) -> None:
        restore()
        worker.stop()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
