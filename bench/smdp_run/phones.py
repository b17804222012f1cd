"""Phones that download: the sandbox's own, with its chip in memory, over one connection or a new one for each call.

They sign and check everything that a phone does; what that costs is theirs, and is not counted.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineaviva.kernel import clock
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.sandbox.phone import identity, lpa, wire
from lineaviva.sandbox.phone.euicc import Euicc
from lineaviva.sandbox.phone.store import State

CROWD = 40
_HEADERS = {"User-Agent": "gsma-rsp-lpad", "X-Admin-Protocol": wire.PROTOCOL, "Content-Type": "application/json"}


@dataclass(frozen=True)
class Target:
    """Where the calls go. `trusted`: over TLS, each call over a connection of its own."""

    address: str
    port: int
    trusted: ssl.SSLContext | None = None


class Line:
    """A connection of ES9+; over TLS, a new one for each call."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._kept: http.client.HTTPConnection | None = None

    def send(self, calls: list[Call]) -> None:
        """One after the other, without a pause."""
        for call in calls:
            connection = self._connection()
            connection.request("POST", wire.PATH + call.function, call.body, _HEADERS)
            reply = connection.getresponse()
            call.reply = reply.status, reply.read()
            if connection is not self._kept:
                connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._target.trusted is not None:
            return http.client.HTTPSConnection("127.0.0.1", self._target.port, context=self._target.trusted, timeout=30)
        if self._kept is None:
            self._kept = http.client.HTTPConnection("127.0.0.1", self._target.port, timeout=30)
        return self._kept


@dataclass
class Call:
    """What a phone waits for."""

    function: str
    body: bytes
    reply: tuple[int, bytes] = (0, b"")
    answered: threading.Event = field(default_factory=threading.Event)


class Crowd:
    """Phones that work at the same time: when all of them wait, their calls go out together.

    A phone works three times as long as the server. If each call were sent as it comes, the server would mostly sleep,
    and its waking up would be measured.
    """

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines
        self._waiting: list[Call] = []
        self._changed = threading.Condition()

    def ask(self, function: str, body: bytes) -> tuple[int, bytes]:
        """By a phone's thread: the answer, once it is there."""
        call = Call(function, body)
        with self._changed:
            self._waiting.append(call)
            self._changed.notify()
        call.answered.wait()
        return call.reply

    def serve(self, phones: list[Future[None]]) -> None:
        """Send what they ask for until all are done."""
        with ThreadPoolExecutor(len(self._lines)) as pool:
            while active := [phone for phone in phones if not phone.done()]:
                with self._changed:
                    if len(self._waiting) < len(active):
                        self._changed.wait(0.005)
                        continue
                    calls, self._waiting = self._waiting, []
                shares = [calls[nth :: len(self._lines)] for nth in range(len(self._lines))]
                list(pool.map(Line.send, self._lines, shares))
                for call in calls:
                    call.answered.set()


class Phones:
    """Chips of one maker, all of them with the same identity: the server does not care how many phones there are."""

    def __init__(self, certs: Path) -> None:
        self._identity = identity.read(certs)
        self.authorities = self._identity.authorities

    def download(self, target: Target, matching_ids: list[str], lines: int = 1) -> None:
        """Each profile from the first call to the report that it is installed, over so many connections at once."""
        open_lines = [Line(target) for _ in range(lines)]
        for first in range(0, len(matching_ids), CROWD):
            some, crowd = matching_ids[first : first + CROWD], Crowd(open_lines)
            with ThreadPoolExecutor(len(some)) as pool:
                phones = [pool.submit(self._one, crowd, target.address, matching_id) for matching_id in some]
                crowd.serve(phones)
            for phone in phones:
                phone.result()

    def _one(self, crowd: Crowd, address: str, matching_id: str) -> None:
        chip, server = Euicc(self._identity, State()), Asked(crowd, address)
        Phone(chip, server).download(lpa.Wish(ActivationCode(address, matching_id)), clock.now())
        (waiting,) = chip.state.notifications
        server.notify(waiting.bytes)


class Asked(wire.Server):
    """The server as a phone of the crowd sees it."""

    def __init__(self, crowd: Crowd, address: str) -> None:
        self.address, self._crowd = address, crowd

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _post(self, function: str, body: dict[str, Any]) -> tuple[int, bytes]:
        return self._crowd.ask(function, json.dumps(body).encode())


class Phone(lpa.Lpa):
    """The LPA as it is, but for the connection it is given; it writes nothing to disk and says nothing."""

    def __init__(self, chip: Euicc, server: wire.Server) -> None:
        super().__init__(chip, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), lambda: None, lambda _: None)
        self._asked = server

    def _server(self, address: str) -> wire.Server:
        return self._asked
