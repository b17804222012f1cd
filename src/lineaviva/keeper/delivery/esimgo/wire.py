"""HTTPS to eSIM Go."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import httpx
from django.conf import settings

from lineaviva.kernel.errors import NeedsPerson, Temporary

# An order takes up to three calls, which must be over long before another worker may take the row.
TIMEOUT = httpx.Timeout(12, connect=3)
# Errors that leave no doubt: no byte of the request went out.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NUMBER = re.compile(r"\d{6,}")


class Lost(Exception):
    """It went out, and nobody knows what became of it."""


class Answer(NamedTuple):
    """`date` is when it was given, by their clock as HTTP writes it; `said` their sentence, where they refuse."""

    status: int
    json: Any
    date: str

    @property
    def said(self) -> str:
        document = self.json if isinstance(self.json, dict) else {}
        text = document.get("statusMessage") or document.get("message") or document.get("error") or ""
        return _NUMBER.sub("…", str(text))[:120].rstrip(".")


def call(method: str, path: str, **more: Any) -> Answer:
    """An answer of theirs, also one that refuses. Raises Lost, Temporary (not carried out) and NeedsPerson."""
    try:
        answer = _client().request(method, settings.ESIMGO_URL + path, headers=_headers(), **more)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise NeedsPerson("The address in LINEAVIVA_ESIMGO_URL is none.") from error
    except _NOT_SENT as error:
        raise Temporary(f"eSIM Go cannot be reached: {type(error).__name__}") from error
    except httpx.HTTPError as error:
        raise Lost(f"the answer was lost: {type(error).__name__}") from error
    if answer.status_code in (401, 403):
        raise NeedsPerson("eSIM Go does not take our key: check LINEAVIVA_ESIMGO_KEY.")
    if answer.status_code == 429:
        raise Temporary("eSIM Go has too many requests", _wait(answer))
    if answer.status_code >= 500 or answer.status_code == 408:
        raise Lost(f"it answered {answer.status_code}")
    if 300 <= answer.status_code < 400:
        raise NeedsPerson(f"eSIM Go answers {answer.status_code}: check LINEAVIVA_ESIMGO_URL.")
    return Answer(answer.status_code, _json(answer), answer.headers.get("Date", ""))


def _headers() -> dict[str, str]:
    return {"X-API-Key": settings.ESIMGO_KEY, "Accept": "application/json"}


@cache
def _client() -> httpx.Client:
    # One connection that the other side closes at the moment of sending would make an order unknown.
    limits = httpx.Limits(max_connections=20, keepalive_expiry=2)
    return httpx.Client(timeout=TIMEOUT, limits=limits)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _wait(answer: httpx.Response) -> timedelta | None:
    seconds = answer.headers.get("Retry-After", "")
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() and len(seconds) < 6 else None
