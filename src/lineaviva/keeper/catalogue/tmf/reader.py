"""GET of a carrier's TMF620 catalogue: all pages or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
from django.conf import settings

from lineaviva.keeper.catalogue.ports import Listing
from lineaviva.keeper.catalogue.tmf.documents import listing, only_refers
from lineaviva.kernel import clock, oauth
from lineaviva.kernel.errors import NeedsPerson, Temporary

BASE = "/tmf-api/productCatalogManagement/v4"
PAGE = 100
MOST = 10_000  # resources of one kind; more is no catalogue of a carrier
LARGEST = 8 * 1024 * 1024  # bytes of one answer
TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class TmfCatalogue:
    """The reader behind ports.CatalogueReader. A refused client is Temporary too: somebody will mend the settings."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport or httpx.HTTPTransport(retries=1)

    def read(self, operator: str) -> Listing:
        """Everything that the carrier of `operator` lists. Raises Temporary when any part of it cannot be read."""
        base = settings.TMF_URLS[operator].rstrip("/")
        if operator not in settings.TMF_CLIENTS:
            raise Temporary(f"LINEAVIVA_TMF_CLIENTS names no client for {operator}")
        client = oauth.Client(base, *settings.TMF_CLIENTS[operator])
        with httpx.Client(base_url=base + BASE, timeout=TIMEOUT, transport=self._transport) as http:
            door = _Door(http, client)
            offerings = _all(door, "/productOffering")
            prices = _all(door, "/productOfferingPrice") if any(map(only_refers, offerings)) else []
        known = {str(price.get("id")): price for price in prices}
        return listing(operator, offerings, known, now=clock.now())


@dataclass(frozen=True)
class _Door:
    http: httpx.Client
    client: oauth.Client

    def get(self, path: str, **params: int) -> tuple[int, bytes, str]:
        """Status, body and X-Total-Count. Raises Temporary."""

        def send(token: str) -> tuple[int, bytes, str]:
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            with self.http.stream("GET", path, params=params, headers=headers) as answer:
                return answer.status_code, _body(answer), answer.headers.get("X-Total-Count", "")

        try:
            return oauth.TOKENS.authorized(self.client, send, lambda answer: answer[0] == 401)
        except httpx.HTTPError as error:
            raise Temporary(f"the carrier cannot be reached: {type(error).__name__}") from error
        except NeedsPerson as refusal:
            raise Temporary(refusal.what) from refusal


def _all(door: _Door, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page, total = _page(door, path, len(found))
        found += page
        if len(found) > MOST:
            raise Temporary(f"the carrier lists more than {MOST} resources at {path}")
        if not page and total is not None and len(found) < total:
            raise Temporary(f"the carrier announced {total} resources at {path} and gave {len(found)}")
        if not page or (len(found) >= total if total is not None else len(page) < PAGE):
            return found


def _page(door: _Door, path: str, offset: int) -> tuple[list[dict[str, Any]], int | None]:
    status, body, total = door.get(path, offset=offset, limit=PAGE)
    if status not in {200, 206}:
        raise Temporary(f"the carrier answered {status} for {path}")
    try:
        # Decimal, so that 4.99 stays 4.99.
        document = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Temporary(f"the carrier's answer for {path} is no JSON") from error
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise Temporary(f"the carrier's answer for {path} is no list of resources")
    return document, int(total) if total.isascii() and total.isdigit() else None


def _body(answer: httpx.Response) -> bytes:
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > LARGEST:
            raise Temporary("the carrier's answer is too large for a catalogue")
    return body
