"""A network may swallow packets and never say so: whoever waits for an answer then waits for ever."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db import connections

from lineaviva.carrier.nightly.night import Night


class _Watch(threading.Thread):
    """Breaks this thread's connection, as the network should have, when there was no beat for `limit` seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__(daemon=True, name="watch")
        self._limit, self._done, self._last = limit, threading.Event(), time.monotonic()
        # Each thread has its own; this one is of the thread that is watched.
        self._wrapper: Any = connections["default"]

    def beat(self) -> None:
        self._last = time.monotonic()

    def end(self) -> None:
        self._done.set()

    def run(self) -> None:
        while not self._done.wait(self._limit / 10):
            if time.monotonic() - self._last > self._limit:
                self._break()
                self.beat()

    def _break(self) -> None:
        try:
            with socket.socket(fileno=os.dup(self._wrapper.connection.pgconn.socket)) as line:
                line.shutdown(socket.SHUT_RDWR)
        except (AttributeError, OSError):
            return  # it is closed already, or has no socket: SQLite


@contextmanager
def watching(limit: float) -> Iterator[Callable[[], None]]:
    """What is given must be called more often than every `limit` seconds, else this thread's connection is broken."""
    watch = _Watch(limit)
    watch.start()
    try:
        yield watch.beat
    finally:
        watch.end()


@contextmanager
def watched(night: Night, limit: float) -> Iterator[Night]:
    """The same night; each time it is asked whether to stop, that is, before each batch, the watch begins anew."""
    asked = night.stopped
    with watching(limit) as beat:

        def stopped() -> bool:
            beat()
            return asked()

        yield replace(night, stopped=stopped)
