"""Tokens by OAuth 2.0 client credentials, for adapters: fetched once, kept until shortly before they expire.

An adapter asks for a token before it calls, and again with `renew` where its call was answered with 401; a call that
was answered so was not carried out. Whatever goes wrong here, the call itself was never made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx

from lineaviva.kernel import clock
from lineaviva.kernel.errors import AdapterError, NeedsPerson, Temporary

TIMEOUT = httpx.Timeout(5, connect=3)
# A token is not used in its last minute: it would expire on its way.
MARGIN = timedelta(minutes=1)
_LARGEST = 64 * 1024
T = TypeVar("T")


@dataclass(frozen=True)
class Client:
    """What an operator gave us. `url` is the operator's base address, below which `/oauth2/token` is."""

    url: str
    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    until: datetime


class Tokens:
    """The tokens of one process, shared by its threads."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport
        self._known: dict[Client, _Token] = {}
        self._failed: dict[Client, tuple[float, AdapterError]] = {}
        self._locks: dict[Client, threading.Lock] = {}
        self._lock = threading.Lock()

    def authorized(self, client: Client, send: Callable[[str], T], is_refused: Callable[[T], bool]) -> T:
        """What `send(token)` gives; sent once more, with a new token, where the first one was refused.

        Raises what `token` raises, and then nothing was carried out.
        """
        token = self.token(client)
        answer = send(token)
        return send(self.token(client, renew=token)) if is_refused(answer) else answer

    def token(self, client: Client, *, renew: str = "") -> str:
        """A token for the client; `renew` is one that was refused, and is not given again.

        Raises Temporary where the operator cannot be asked now, NeedsPerson where it does not take the client.
        """
        asked = time.monotonic()
        with self._lock:
            lock = self._locks.setdefault(client, threading.Lock())
        with lock:
            # One thread fetches; those that waited for it share what it brought, be it a failure.
            failed_at, error = self._failed.get(client, (0.0, None))
            if error is not None and failed_at >= asked:
                raise error
            known, now = self._known.get(client), clock.now()
            if known is None or known.until <= now or known.text == renew:
                known = self._fetched(client, now)
            return known.text

    def _fetched(self, client: Client, now: datetime) -> _Token:
        self._known.pop(client, None)
        try:
            self._known[client] = found = self._asked(client, now)
        except AdapterError as error:
            self._failed[client] = time.monotonic(), error
            raise
        return found

    def _asked(self, client: Client, now: datetime) -> _Token:
        try:
            with httpx.Client(transport=self._transport, timeout=TIMEOUT) as http:
                answer = http.post(
                    f"{client.url.rstrip('/')}/oauth2/token",
                    data={"grant_type": "client_credentials"},
                    auth=httpx.BasicAuth(client.client_id, client.secret),
                    headers={"Accept": "application/json"},
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Temporary(f"no token could be fetched: {type(error).__name__}") from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Temporary(f"no token could be fetched: the answer was {answer.status_code}")
        return _read(client, answer, now)


def _read(client: Client, answer: httpx.Response, now: datetime) -> _Token:
    found = _json(answer)
    if answer.status_code != 200:
        why = str(found.get("error", ""))[:40] or f"the answer was {answer.status_code}"
        raise NeedsPerson(f"{client.url} gives us no token ({why}): check our client id and secret there.")
    text, life = found.get("access_token"), found.get("expires_in", 0)
    is_bearer = str(found.get("token_type", "")).lower() == "bearer"
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not is_bearer:
        raise NeedsPerson(f"{client.url}/oauth2/token answers something else than a bearer token: check the address.")
    seconds = life if isinstance(life, int) and 0 <= life <= 86_400 else 0
    return _Token(text, now + timedelta(seconds=seconds) - MARGIN)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json() if len(answer.content) <= _LARGEST else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


# What all adapters of this process share.
TOKENS = Tokens()
