"""Either interface over TLS by OpenSSL, some threads wide: ES9+ where TLS ends in the process, and always ES2+.

The web server that serves ES9+ without TLS cannot do either: it refuses a certificate with critical policies, as SGP.22
asks for (4.5.2.1.0.7), and does not tell an application whose certificate a connection has.
"""

from __future__ import annotations

import argparse
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import socket
from typing import Protocol

import structlog
from cheroot import wsgi
from cheroot.server import HTTPConnection
from cheroot.ssl.builtin import BuiltinSSLAdapter
from django.conf import settings

from lineaviva.carrier.smdp.clients import Doorkeeper
from lineaviva.carrier.smdp.http import Door, application, es2_application
from lineaviva.carrier.smdp.slow import Watch
from lineaviva.kernel.errors import LineavivaError

log = structlog.get_logger()
# Each waits for one connection's next request, or works on it.
THREADS = {"es9plus": 24, "es2plus": 8}
# For a handshake, and for a request; a connection that is at rest costs no thread.
SECONDS = 10
_MOST_HEADER_BYTES = 16 * 1024
_MOST_AT_REST = 500


class Keys(Protocol):
    """Our side of TLS, and who is on the other."""

    context: ssl.SSLContext

    def refresh(self) -> None: ...
    def operator(self, der: bytes | None) -> str: ...


class Anybody:
    """For ES9+: phones have no certificate, and prove who they are in the protocol (SGP.22 5.6)."""

    def __init__(self, identity: Path) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(identity)
        # A phone makes a new connection for each call and takes up no session: a ticket would be made for nothing.
        self.context.num_tickets = 0

    def refresh(self) -> None:
        pass

    def operator(self, der: bytes | None) -> str:
        return ""


class _Tls(BuiltinSSLAdapter):
    """TLS whose handshake is made by the connection's thread: a silent caller must not hold up who comes next."""

    def __init__(self, keys: Keys) -> None:
        # The parent's own set-up reads certificates from files, and makes a handshake with itself.
        self.keys = keys

    def wrap(self, sock: socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        self._refresh()
        return self.keys.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), {}

    def operator(self, certificate: bytes | None) -> str:
        """Whose certificate that is, as of now."""
        self._refresh()
        return self.keys.operator(certificate)

    def _refresh(self) -> None:
        try:
            self.keys.refresh()
        except (LineavivaError, OSError, ValueError) as error:
            # Half written, or broken: those that were let in stay, and the next connection looks again.
            log.error("smdp_clients_unreadable", error=type(error).__name__)


_communicate: Callable[[HTTPConnection], bool] = HTTPConnection.communicate


class _Connection(HTTPConnection):
    heard = False
    shaken = False
    certificate: bytes | None = None

    def communicate(self) -> bool:
        """Serve one request; before the first, shake hands. False closes the connection."""
        with self.server.watch.reading("", self.socket):
            if not self.shaken and not self._shake():
                return False
            # Asked again for each request: who was shut out meanwhile orders nothing more over an open connection.
            self.ssl_env = {"lineaviva.operator": self.server.ssl_adapter.operator(self.certificate)}
            return _communicate(self)

    def _shake(self) -> bool:
        try:
            self.socket.do_handshake()
        except OSError as error:
            log.info("smdp_tls_refused", reason=getattr(error, "reason", None) or type(error).__name__)
            return False
        self.shaken, self.certificate = True, self.socket.getpeercert(binary_form=True)
        return True


class Listener(wsgi.Server):
    """The server of one interface; others may share its port with it (`shared`)."""

    ConnectionClass = _Connection
    keep_alive_conn_limit = _MOST_AT_REST

    def __init__(self, place: tuple[str, int], door: Door, keys: Keys, *, threads: int, shared: bool = False) -> None:
        super().__init__(
            place,
            door,
            numthreads=threads,
            # Else each answer names the web server with its very version.
            server_name="Lineaviva",
            timeout=SECONDS,
            shutdown_timeout=3,
            reuse_port=shared,
        )
        # A crowd that calls at once is let in at once: whoever finds the queue full tries again after a second or more.
        self.request_queue_size = 128
        self.ssl_adapter = _Tls(keys)
        self.max_request_header_size = _MOST_HEADER_BYTES
        self.watch = Watch(stalled=2 * SECONDS)

    def process_conn(self, conn: _Connection) -> None:
        """Give it a thread, a new one not before it says something: who only connects holds up nobody."""
        if conn.heard:
            super().process_conn(conn)
        else:
            conn.heard = True
            self.put_conn(conn)

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """One line, and never a traceback: it could hold what was sent."""
        log.info("smdp_connection", said=msg.partition("\n")[0][:200])


def main() -> None:
    """Listen until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("interface", choices=sorted(THREADS))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--identity", type=Path, required=True, help="PEM file with our certificate and its key.")
    asked = parser.parse_args()
    place, threads = (asked.host, asked.port), THREADS[asked.interface]
    if asked.interface == "es2plus":
        keys = Doorkeeper(asked.identity, Path(settings.SMDP_CLIENTS))
        listener = Listener(place, es2_application, keys, threads=threads)
    else:
        listener = Listener(place, application, Anybody(asked.identity), threads=threads, shared=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            listener.start()
    finally:
        listener.stop()
