"""Calls a listener. The callback is a stranger's: nothing about it is believed.

The name is resolved here, once, and what was looked at is what is connected to; a redirect is not followed, of the
answer only its status is read, and the whole call has one end, however slowly the other side drips.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import httpcore
import httpx
from django.conf import settings

from lineaviva.carrier.hub.rules import Place, is_public, place
from lineaviva.kernel.errors import InvalidInput

CONNECT, WHOLE = 4.0, 10.0  # seconds


class Answer(NamedTuple):
    """How a try ended. `told`: the listener took it. `gone`: it wants no more. `text` is for the record."""

    told: bool
    text: str
    gone: bool = False


def post(callback: str, body: bytes, headers: dict[str, str]) -> Answer:
    """POST `body`; never raises for what the other side does."""
    try:
        to = place(callback, sandbox=settings.SANDBOX)
        address = resolved(to)
        status = _post(to, address, body, headers)
    except InvalidInput as refusal:
        return Answer(False, refusal.message)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError, ValueError) as error:
        return Answer(False, type(error).__name__)
    return Answer(200 <= status < 300, f"answered {status}", gone=status == 410)


def resolved(to: Place) -> str:
    """The address to connect to. Raises InvalidInput where any address of the name is not public, OSError."""
    found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = [str(one[4][0]) for one in found]
    here = settings.SANDBOX and all(socket_is_here(address) for address in addresses)
    if not addresses or not (here or all(map(is_public, addresses))):
        raise InvalidInput("The callback's host has an address that is not public.", field="callback")
    return addresses[0]


def socket_is_here(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _post(to: Place, address: str, body: bytes, headers: dict[str, str]) -> int:
    deadline = time.monotonic() + WHOLE
    host = f"[{to.host}]" if ":" in to.host else to.host
    port = "" if to.port == {"https": 443, "http": 80}[to.scheme] else f":{to.port}"
    url = httpcore.URL(scheme=to.scheme.encode(), host=to.host.encode(), port=to.port, target=to.path.encode("ascii"))
    sent = {"Host": f"{host}{port}", "Connection": "close", **headers}
    limits = {"connect": CONNECT, "read": WHOLE, "write": WHOLE, "pool": WHOLE}
    with (
        httpcore.ConnectionPool(
            ssl_context=_tls(), max_connections=1, network_backend=_Pinned(address, deadline), http2=False
        ) as pool,
        pool.stream("POST", url, headers=list(sent.items()), content=body, extensions={"timeout": limits}) as answer,
    ):
        return int(answer.status)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


class _Pinned(httpcore.NetworkBackend):
    """Connects to one address, whatever the name says by now, and ends all at the deadline."""

    def __init__(self, address: str, deadline: float) -> None:
        self._address, self._deadline = address, deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout)
        return _Ending(self._plain.connect_tcp(self._address, port, left), self._deadline)


class _Ending(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout)
        return _Ending(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the call took too long")
    return left if timeout is None else min(left, timeout)
