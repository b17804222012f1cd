"""A small carrier that speaks TMF620 as its published swagger has it, over real HTTP."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import Settings

CLIENT = ("keeper", "the carrier's secret")
BASE = "/tmf-api/productCatalogManagement/v4"
Document = dict[str, Any]


class Carrier:
    """What it lists, how it answers, and what it was asked."""

    def __init__(self) -> None:
        self.resources: dict[str, list[Document]] = {"productOffering": [], "productOfferingPrice": []}
        self.asked: list[str] = []
        self.page = 1000
        self.answer: Callable[[str], tuple[int, bytes] | None] = lambda path: None
        self.url = ""
        self.token = "the carrier's token"
        self.tokens_given = 0

    def lists(self, *offerings: Document, prices: list[Document] | None = None) -> None:
        self.resources = {"productOffering": list(offerings), "productOfferingPrice": prices or []}


class _Handler(BaseHTTPRequestHandler):
    carrier: Carrier

    def do_POST(self) -> None:
        """The token endpoint."""
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        if (self.path, form, tuple(sent.split(":"))) != ("/oauth2/token", "grant_type=client_credentials", CLIENT):
            self._send(401, b'{"error": "invalid_client"}')
            return
        self.carrier.tokens_given += 1
        answer = {"access_token": self.carrier.token, "token_type": "Bearer", "expires_in": 3600}
        self._send(200, json.dumps(answer).encode())

    def do_GET(self) -> None:
        self.carrier.asked.append(self.path)
        parts = urlsplit(self.path)
        special = self.carrier.answer(parts.path)
        if special is not None:
            self._send(*special)
        elif self.headers.get("Authorization") != f"Bearer {self.carrier.token}":
            self._send(401, b'{"code": "401", "reason": "no token"}')
        else:
            self._list(parts.path.removeprefix(f"{BASE}/"), parse_qs(parts.query))

    def _list(self, kind: str, query: dict[str, list[str]]) -> None:
        found = self.carrier.resources[kind]
        offset = int(query.get("offset", ["0"])[0])
        limit = min(int(query.get("limit", ["100"])[0]), self.carrier.page)
        page = found[offset : offset + limit]
        self._send(200, json.dumps(page).encode(), {"X-Total-Count": str(len(found)), "X-Result-Count": str(len(page))})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def carrier(settings: Settings) -> Iterator[Carrier]:
    """TIM's carrier side, listening on loopback and named in the settings."""
    made = Carrier()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"carrier": made}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    settings.TMF_URLS = {"tim": made.url}
    settings.TMF_CLIENTS = {"tim": CLIENT}
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def money(value: float | str, unit: str = "EUR") -> Document:
    return {"taxIncludedAmount": {"unit": unit, "value": value}}


def offering(identity: str = "topup-5", *, price: float | str = 5.0, **fields: Any) -> Document:
    """A ProductOffering as a carrier of ours lists it: its price inline (v4.1)."""
    plain = {
        "id": identity,
        "name": f"TIM {identity}",
        "lifecycleStatus": "Active",
        "isSellable": True,
        "category": [{"id": "topup", "name": "Top-up"}],
        "productOfferingPrice": [{"id": f"{identity}-price", "priceType": "oneTime", "price": money(price)}],
    }
    return {**plain, **fields}


def plan(identity: str = "spark", *, price: float | str = 7.99, **fields: Any) -> Document:
    monthly = {
        "id": f"{identity}-price",
        "priceType": "recurring",
        "recurringChargePeriod": "month",
        "recurringChargePeriodLength": 1,
        "price": money(price),
    }
    plain = {"category": [{"id": "plan", "name": "Plan"}], "productOfferingPrice": [monthly]}
    return offering(identity, **{**plain, **fields})


def characteristics(**values: Any) -> list[Document]:
    return [
        {"name": name, "productSpecCharacteristicValue": [{"isDefault": True, "value": value}]}
        for name, value in values.items()
    ]


def discount(identity: str = "autumn", **fields: Any) -> Document:
    plain = {
        "id": identity,
        "name": "Autumn",
        "priceType": "discount",
        "price": money(1),
        "validFor": {"startDateTime": "2026-11-01T00:00:00+01:00", "endDateTime": "2026-12-01T00:00:00+01:00"},
    }
    return {**plain, **fields}
