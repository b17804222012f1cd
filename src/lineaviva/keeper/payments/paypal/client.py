"""HTTPS to PayPal with its OAuth token, bounded in time, with our own kinds of errors."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import httpx
from django.conf import settings

from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary
from lineaviva.kernel.oauth import TOKENS, Client

# Up to four calls, which must be over within half of the agenda's lease.
TIMEOUT = httpx.Timeout(6, connect=2)
_KEY_LENGTH = 108


def call(method: str, path: str, *, json: Any = None, content: bytes = b"", key: str = "") -> dict[str, Any]:
    """PayPal's answer as an object, {} where it has none. What `key` names is done once.

    Raises Temporary (also where the answer was lost: each call can be repeated), Permanent with PayPal's issue as its
    code, and NeedsPerson where the client is not taken.
    """
    headers = {"Content-Type": "application/json", "Prefer": "return=representation"}
    if key:
        headers["PayPal-Request-Id"] = key[:_KEY_LENGTH]

    def send(token: str) -> httpx.Response:
        return _sent(method, path, {**headers, "Authorization": f"Bearer {token}"}, json, content)

    return _read(TOKENS.authorized(_account(), send, lambda answer: answer.status_code == 401))


def _account() -> Client:
    return Client(f"{settings.PAYPAL_API_BASE}/v1", settings.PAYPAL_CLIENT_ID, settings.PAYPAL_SECRET)


def _sent(method: str, path: str, headers: dict[str, str], json: Any, content: bytes) -> httpx.Response:
    body: dict[str, Any] = {"content": content} if content else {"json": json} if json is not None else {}
    try:
        return _http().request(method, settings.PAYPAL_API_BASE + path, headers=headers, **body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Temporary(f"PayPal does not answer: {type(error).__name__}") from error


@cache
def _http() -> httpx.Client:
    # A connection that the other side has closed meanwhile would make a call fail that could have been made.
    return httpx.Client(timeout=TIMEOUT, limits=httpx.Limits(max_connections=20, keepalive_expiry=2))


def _read(answer: httpx.Response) -> dict[str, Any]:
    document, status = _object(answer), answer.status_code
    if status in {401, 403}:
        what = f"PayPal does not let us do this ({_issue(document) or status})."
        raise NeedsPerson(f"{what} Check LINEAVIVA_PAYPAL_CLIENT_ID, LINEAVIVA_PAYPAL_SECRET and what the app may do.")
    if status == 429:
        raise Temporary("PayPal asks us to slow down", _wait(answer))
    # 409: our own first request is still being worked at.
    if status in {408, 409} or status >= 500 or 300 <= status < 400:
        raise Temporary(f"PayPal does not answer as it should: {status}")
    if status >= 400:
        issue = _issue(document)
        raise Permanent(f"PayPal refuses: {issue or status}", code=issue or "provider_refused")
    if document is None and status != 204:
        raise Temporary("PayPal does not answer as it should: no JSON")
    return document or {}


def _object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _issue(document: dict[str, Any] | None) -> str:
    """What is wrong, in PayPal's word: INSTRUMENT_DECLINED."""
    details = (document or {}).get("details")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    return str(first.get("issue") or (document or {}).get("name") or "")[:60]


def _wait(answer: httpx.Response) -> timedelta | None:
    seconds = answer.headers.get("Retry-After", "")
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() and len(seconds) < 6 else None
