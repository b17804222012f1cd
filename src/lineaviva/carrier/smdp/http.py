"""ES9+ and ES2+ over HTTP: the JSON binding (SGP.22 v2.5, 6.2 to 6.5), and nothing of what the functions do.

Each interface is a WSGI application of its own, without Django's request and middleware: a download is four calls, and
must cost little more than its signatures. Every answer names a function execution status, also the refusals of HTTP
itself; HTTP's status is 200 for all that a function says, 204 for a notification that was taken.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection

from lineaviva.carrier.smdp import es2plus, es9plus
from lineaviva.carrier.smdp.failures import SUCCESS, Failure, Reply, failed
from lineaviva.carrier.smdp.requests import Plain
from lineaviva.carrier.smdp.slow import Watch
from lineaviva.kernel import clock

log = structlog.get_logger()

ES9PLUS = "/gsma/rsp2/es9plus/"
ES2PLUS = "/gsma/rsp2/es2plus/"
# An authenticateClient with a long chain of certificates has some 10 kB; nothing on either interface is larger.
MOST_BYTES = 64 * 1024
# Highest version of the protocol that is spoken here; a caller of an earlier v2 is answered in its own.
VERSION = (2, 5, 0)
_VERSION = re.compile(r"gsma/rsp/v(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")
_STATUS = {
    200: "200 OK",
    204: "204 No Content",
    400: "400 Bad Request",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    408: "408 Request Timeout",
    411: "411 Length Required",
    413: "413 Content Too Large",
    415: "415 Unsupported Media Type",
    503: "503 Service Unavailable",
}

_JSON = "application/json"

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Refused(Exception):
    """A request that reaches no function: HTTP's status, and why in the protocol's own codes."""

    def __init__(self, status: int, failure: Failure, identifier: str = "") -> None:
        super().__init__(failure.name)
        self.status, self.failure, self.identifier = status, failure, identifier


_TOO_LARGE = Refused(413, Failure.FORMAT, f"at most {MOST_BYTES} bytes")


class Door:
    """One interface as WSGI application: reads the request, calls the function, writes its answer.

    `call` gets the function's name, the body and what WSGI knows of the caller; it may raise Refused.
    """

    def __init__(self, path: str, functions: Iterable[str], call: Callable[[str, dict[str, Any], Environ], Reply]):
        self._functions = {path + name: name for name in functions}
        self._call = call
        self._watch = Watch()

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        version = _OURS
        try:
            function = self._function(environ)
            body = self._body(environ)
            version = _version(environ.get("HTTP_X_ADMIN_PROTOCOL", ""))
            reply = self._called(function, _document(body), environ)
            status, document = reply.status, reply.body
        except Refused as refusal:
            status, document = refusal.status, failed(refusal.failure, refusal.identifier).body
        return _write(start_response, status, document, version)

    def _function(self, environ: Environ) -> str:
        function = self._functions.get(environ.get("PATH_INFO", ""))
        if function is None:
            raise Refused(404, Failure.FUNCTION_UNKNOWN)
        if environ["REQUEST_METHOD"] != "POST":
            raise Refused(405, Failure.FORMAT, "POST")
        return function

    def _body(self, environ: Environ) -> bytes:
        kind = environ.get("CONTENT_TYPE", "")
        if kind != _JSON and kind.partition(";")[0].strip().lower() != _JSON:
            raise Refused(415, Failure.FORMAT, "Content-Type: application/json")
        length = _length(environ)
        reading = self._watch.begin(environ.get("REMOTE_ADDR", ""))
        try:
            body: bytes = environ["wsgi.input"].read(MOST_BYTES + 1 if length is None else length)
        except (OSError, ValueError):
            raise Refused(408, Failure.FORMAT, "Content-Length") from None
        finally:
            self._watch.end(reading)
        if len(body) > MOST_BYTES:
            raise _TOO_LARGE
        if length is not None and len(body) != length:
            raise Refused(408, Failure.FORMAT, "Content-Length")
        return body

    def _called(self, function: str, document: dict[str, Any], environ: Environ) -> Reply:
        _connection_fresh()
        try:
            return self._call(function, document, environ)
        except Refused:
            raise
        except (DatabaseError, InterfaceError) as error:
            _connection_drop()
            # What the message says may hold a row's values.
            log.error("smdp_database", function=function, error=type(error).__name__)
            raise Refused(503, Failure.PROVIDER_BROKEN) from None
        except Exception as error:  # noqa: BLE001 - the last door: whatever came in, a phone gets an answer of the protocol
            log.error("smdp_unforeseen", function=function, error=type(error).__name__, where=_where(error))
            # A phone that is answered with 2xx forgets its notification.
            raise Refused(503 if function == "handleNotification" else 200, Failure.PROVIDER_BROKEN) from None


def _length(environ: Environ) -> int | None:
    """Bytes of the body; None where it comes in chunks."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not length and "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    if not (length.isascii() and length.isdecimal()):
        raise Refused(411, Failure.ELEMENT_MISSING, "Content-Length")
    if len(length) > 9 or int(length) > MOST_BYTES:
        raise _TOO_LARGE
    return int(length)


@lru_cache(maxsize=64)
def _version(header: str) -> str:
    """The version to answer in: the caller's, or ours where that is lower (6.2: any v2 understands any other)."""
    found = _VERSION.fullmatch(header.strip())
    if found is None:
        raise Refused(200, Failure.ELEMENT_MISSING, "X-Admin-Protocol")
    major, minor, patch = (int(part or 0) for part in found.groups())
    if major != VERSION[0]:
        raise Refused(200, Failure.PROTOCOL_VERSION, "X-Admin-Protocol")
    return _named(min((major, minor, patch), VERSION))


def _named(version: tuple[int, int, int]) -> str:
    return "gsma/rsp/v{}.{}.{}".format(*version)


_OURS = _named(VERSION)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = _read(body)
    except (ValueError, RecursionError):
        raise Refused(400, Failure.FORMAT, "JSON") from None
    if not isinstance(document, dict):
        raise Refused(400, Failure.FORMAT, "JSON object")
    return document


_decoded = json.JSONDecoder().raw_decode


def _read(body: bytes) -> Any:
    """JSON as programs write it; what is in another encoding or has space around it, the library looks at closer."""
    try:
        text = body.decode()
        document, end = _decoded(text)
    except ValueError:
        return json.loads(body)
    return document if end == len(text) else json.loads(body)


def _write(start_response: StartResponse, status: int, document: Mapping[str, Any] | None, version: str) -> list[bytes]:
    # Also of an answer without a body: pySim's client looks at it whatever the status.
    headers = [("X-Admin-Protocol", version), ("Content-Type", _JSON)]
    if status == 405:
        headers.append(("Allow", "POST"))
    if status == 503:
        headers.append(("Retry-After", "5"))
    if document is None:
        start_response(_STATUS[status], headers)
        return [b""]
    payload = _json(document)
    headers.append(("Content-Length", str(len(payload))))
    start_response(_STATUS[status], headers)
    return [payload]


_encoded = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_DONE = f'{{"header":{_encoded(SUCCESS)}'


def _json(document: Mapping[str, Any]) -> bytes:
    if document.get("header") is not SUCCESS:
        return _encoded(document).encode()
    parts = [_DONE]
    for name, value in document.items():
        if value is not SUCCESS:
            parts.append(f'"{name}":"{value}"' if type(value) is Plain else f'"{name}":{_encoded(value)}')
    return f"{','.join(parts)}}}".encode()


def _where(error: Exception) -> str:
    """File and line of what was not foreseen. Never its message: that may hold a code or a key."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return f"{last.tb_frame.f_code.co_filename.rpartition('/')[2]}:{last.tb_lineno}" if last else ""


# --- the database, without Django's request signals -----------------------------------------------------------------

_IDLE_SECONDS = 5.0
_used = threading.local()


def _connection_fresh() -> None:
    """After a rest, have the next statement find out whether the connection still lives; not on each call."""
    now = time.monotonic()
    if now - getattr(_used, "at", now) > _IDLE_SECONDS:
        connection.close_if_unusable_or_obsolete()
    _used.at = now


def _connection_drop() -> None:
    if not connection.in_atomic_block:
        connection.close()


# --- the two interfaces ---------------------------------------------------------------------------------------------

ES9PLUS_FUNCTIONS = (
    "initiateAuthentication",
    "authenticateClient",
    "getBoundProfilePackage",
    "handleNotification",
    "cancelSession",
)
ES2PLUS_FUNCTIONS = ("downloadOrder", "confirmOrder", "cancelOrder", "releaseProfile")


def _now() -> datetime:
    return clock.now()


def _es9plus(function: str, document: dict[str, Any], environ: Environ) -> Reply:
    return es9plus.handle(function, document, _now())


def _es2plus(function: str, document: dict[str, Any], environ: Environ) -> Reply:
    operator = environ.get("lineaviva.operator", "")
    if not operator:
        return failed(Failure.REQUESTER_UNKNOWN)
    return es2plus.handle(function, es2plus.Requester(operator), document, _now())


application = Door(ES9PLUS, ES9PLUS_FUNCTIONS, _es9plus)
es2_application = Door(ES2PLUS, ES2PLUS_FUNCTIONS, _es2plus)
