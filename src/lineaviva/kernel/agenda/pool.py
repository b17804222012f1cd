"""Steps that talk to the outside, in threads; so many for each handler, so that a slow one holds up no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from queue import SimpleQueue

from django.db import connections

from lineaviva.kernel.agenda.claim import Claimed
from lineaviva.kernel.agenda.registry import Handler
from lineaviva.kernel.agenda.step import take_step
from lineaviva.kernel.agenda.write import Result

Done = tuple[Handler, Result]


class Pool:
    """`threads` for each handler, started when first needed. `ring` is called when a step has ended."""

    def __init__(self, threads: int, ring: Callable[[], None]) -> None:
        self._threads = threads
        self._ring = ring
        self._executors: dict[Handler, ThreadPoolExecutor] = {}
        self._running: Counter[Handler] = Counter()
        self._finished: SimpleQueue[Done] = SimpleQueue()

    def takes(self, handler: Handler) -> bool:
        return handler.outside and self._threads > 0

    def room(self, handler: Handler) -> int:
        """How many steps of `handler` could begin now: no more rows are claimed, or their leases would run down."""
        return self._threads - self._running[handler]

    def begin(self, handler: Handler, row: Claimed, now: datetime) -> None:
        if handler not in self._executors:
            self._executors[handler] = ThreadPoolExecutor(self._threads, f"agenda-{handler.step.__name__}")
        self._running[handler] += 1
        self._executors[handler].submit(self._run, handler, row, now)

    def finished(self, *, wait: bool = False) -> list[Done]:
        """What has ended since last asked; with `wait`, once all that was begun has ended."""
        done = []
        while not self._finished.empty() or (wait and self._running.total()):
            done.append(self._finished.get())
            self._running[done[-1][0]] -= 1
        return done

    def close(self) -> None:
        for executor in self._executors.values():
            executor.shutdown()

    def _run(self, handler: Handler, row: Claimed, now: datetime) -> None:
        result = take_step(handler, row, now)
        try:
            connections.close_all()
        finally:
            self._finished.put((handler, result))
            self._ring()
