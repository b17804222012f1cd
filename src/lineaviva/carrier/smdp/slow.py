"""Phones that begin a request and do not end it: their connections are shut, so that the threads that wait come free.

The web server gives each request a thread, and the thread waits for the body as long as the body takes. It has no
time limit for that, and does not say which connection a request came by. So whoever reads a body is entered here, and
a watcher shuts the connection that a late one must be coming by.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Linux tells how long ago a connection brought something (tcp_info.tcpi_last_data_recv, in milliseconds).
_LAST_RECEIVED = 52
_DESCRIPTORS = Path("/dev/fd")


# When it began (monotonic seconds), from where, by which connection.
_Reading = tuple[float, str, socket.socket | None]


class Watch:
    """Requests that are being read. One thread looks after them, from the first on.

    One that is not there after `stalled` seconds has its connection shut, where that is known. Else every connection of
    its sender is shut that was silent for the last `silent` seconds; after twice that time, all of them.
    """

    def __init__(self, *, stalled: float = 10.0, silent: float = 2.0) -> None:
        self._stalled, self._silent = stalled, silent
        self._reading: dict[object, _Reading] = {}
        self._started = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def reading(self, sender: str, connection: socket.socket | None = None) -> Iterator[None]:
        """Around a read from this IP address, or by this very connection."""
        key = self.begin(sender, connection)
        try:
            yield
        finally:
            self.end(key)

    def begin(self, sender: str, connection: socket.socket | None = None) -> object:
        """As `reading`, where a few microseconds count; what comes back goes to `end`, whatever happens."""
        if self._thread is None:
            self._start()
        key = object()
        self._reading[key] = (time.monotonic(), sender, connection)
        return key

    def end(self, key: object) -> None:
        del self._reading[key]

    def _start(self) -> None:
        with self._started:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_for_ever, name="slow clients", daemon=True)
                self._thread.start()

    def _look_for_ever(self) -> None:
        while True:
            time.sleep(self._stalled / 5)
            self.look(time.monotonic())

    def look(self, now: float) -> int:
        """Shut what is late at `now` (monotonic seconds); returns how many connections that were."""
        late = [one for one in list(self._reading.values()) if now - one[0] >= self._stalled]
        known = [connection for _, _, connection in late if connection is not None]
        ages: dict[str, float] = {}
        for began, sender, connection in late:
            if connection is None:
                ages[sender] = max(ages.get(sender, 0.0), now - began)
        doubles = [double for one in known if (double := _double(one.fileno()))]
        shut = sum(map(_shut, doubles))
        return shut + sum(self._shut_of(sender, all_of_it=age >= 2 * self._stalled) for sender, age in ages.items())

    def _shut_of(self, sender: str, *, all_of_it: bool) -> int:
        shut = 0
        for connection in _connections(sender):
            if all_of_it or _silence(connection) >= self._silent:
                shut += _shut(connection)
            else:
                connection.close()
        return shut


def _shut(double: socket.socket) -> int:
    """End the connection of which this is a double: whoever waits on it comes free. 1, or 0 if it was gone."""
    with double:
        try:
            double.shutdown(socket.SHUT_RDWR)
        except OSError:
            return 0
    return 1


def _double(descriptor: int) -> socket.socket | None:
    """A second handle on a connection; closing it leaves the first as it is. None where there is no such socket."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _connections(sender: str) -> Iterator[socket.socket]:
    """Doubles of this process's connections with that address; whoever takes one closes it."""
    for name in os.listdir(_DESCRIPTORS):
        double = _double(int(name))
        if double is None:
            continue
        if _peer(double) == sender:
            yield double
        else:
            double.close()


def _peer(connection: socket.socket) -> str:
    try:
        peer = connection.getpeername()
    except OSError:
        return ""
    return str(peer[0]) if isinstance(peer, tuple) else ""


def _silence(connection: socket.socket) -> float:
    """Seconds since it last brought something; without end where the system does not say."""
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_RECEIVED + 4)
        return float(struct.unpack_from("I", told, _LAST_RECEIVED)[0]) / 1000
    except (AttributeError, OSError, struct.error):
        return float("inf")
