"""Steps that talk to the outside, in threads; so many for each handler, so that a slow one holds up no other.

A thread keeps its database connection from step to step: to make one anew takes as long as some steps do. It ends when
there is nothing to do, so that a worker that rests holds no connection but its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread

from django.db import close_old_connections, connections

from lineaviva.kernel.agenda.claim import Claimed
from lineaviva.kernel.agenda.registry import Handler
from lineaviva.kernel.agenda.step import take_step
from lineaviva.kernel.agenda.write import Result

Done = tuple[Handler, Result]
Work = Callable[[], None]

# How long a thread stays, and keeps its connection, without work.
_KEEP_SECONDS = 2.0


class Crew:
    """Threads that do what is put before them: started when all are busy, up to `most`, ended when there is nothing."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._threads: set[Thread] = set()
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        # So that no thread ends just when work is put before it.
        self._coming_and_going = Lock()

    def begin(self, work: Work, *, busy: int) -> None:
        """`busy`: how many works are not done yet, with this one."""
        with self._coming_and_going:
            self._work.put(work)
            if len(self._threads) < min(busy, self._most):
                # A daemon: one that rests must not hold up the end of its process.
                thread = Thread(target=self._labour, name=self._name, daemon=True)
                self._threads.add(thread)
                thread.start()

    def close(self) -> None:
        """Return when all is done that was begun."""
        with self._coming_and_going:
            threads = list(self._threads)
            for _ in threads:
                self._work.put(None)
        for thread in threads:
            thread.join()

    def _labour(self) -> None:
        try:
            while (work := self._next()) is not None:
                work()
                # Keeps the connection, unless it broke or is too old.
                close_old_connections()
        finally:
            with self._coming_and_going:
                self._threads.discard(current_thread())
            connections.close_all()

    def _next(self) -> Work | None:
        with suppress(Empty):
            return self._work.get(timeout=_KEEP_SECONDS)
        with self._coming_and_going:
            with suppress(Empty):
                return self._work.get_nowait()
            self._threads.discard(current_thread())
        return None


class Pool:
    """`threads` for each handler, started when first needed. `ring` is called when a step has ended."""

    def __init__(self, threads: int, ring: Callable[[], None]) -> None:
        self._threads = threads
        self._ring = ring
        self._crews: dict[Handler, Crew] = {}
        self._running: Counter[Handler] = Counter()
        self._finished: SimpleQueue[Done] = SimpleQueue()

    def takes(self, handler: Handler) -> bool:
        return handler.outside and self._threads > 0

    def room(self, handler: Handler) -> int:
        """How many steps of `handler` could begin now: no more rows are claimed, or their leases would run down."""
        return self._threads - self._running[handler]

    def begin(self, handler: Handler, row: Claimed, now: datetime) -> None:
        if handler not in self._crews:
            self._crews[handler] = Crew(self._threads, f"agenda-{handler.step.__name__}")
        self._running[handler] += 1
        self._crews[handler].begin(partial(self._run, handler, row, now), busy=self._running[handler])

    def finished(self, *, wait: bool = False) -> list[Done]:
        """What has ended since last asked; with `wait`, once all that was begun has ended."""
        done = []
        while not self._finished.empty() or (wait and self._running.total()):
            done.append(self._finished.get())
            self._running[done[-1][0]] -= 1
        return done

    def close(self) -> None:
        for crew in self._crews.values():
            crew.close()

    def _run(self, handler: Handler, row: Claimed, now: datetime) -> None:
        self._finished.put((handler, take_step(handler, row, now)))
        self._ring()
