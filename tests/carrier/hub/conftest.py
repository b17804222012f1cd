"""A listener that can misbehave, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lineaviva.carrier.access.actions import client_ensure
from lineaviva.carrier.hub.actions import listener_add
from lineaviva.carrier.hub.models import Listener
from lineaviva.kernel.clock import FrozenClock
from tests.carrier_process import SECRET

OFFERING = {"id": "summer", "href": "http://carrier.test/x", "@type": "ProductOffering", "lifecycleStatus": "Active"}


class Ears:
    """Keeps what it is told, and answers as `answer` says: a status, or headers with it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: self.say(handler, 204)
        ears = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ears.heard.append((self.path, dict(self.headers), body))
                ears.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def say(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    def says(self, status: int, **headers: str) -> None:
        self.answer = lambda handler: self.say(handler, status, **headers)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.heard]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def ears(settings: Any) -> Iterator[Ears]:
    settings.SANDBOX = True
    found = Ears()
    yield found
    found.close()


@pytest.fixture
def listen(db: None, ears: Ears, clock: FrozenClock) -> Callable[..., Listener]:
    """Make a listener of TIM's shop to its catalogue, unless told otherwise."""

    def listen(**changes: Any) -> Listener:
        operator = changes.get("operator", "tim")
        client_id = changes.pop("client_id", f"{operator}-shop")
        now = clock.now()
        client_ensure(operator=operator, client_id=client_id, secret=SECRET, name="Shop", now=now)
        plain = {"operator": operator, "api": "catalog", "callback": f"{ears.url}/hear", "query": ""}
        return listener_add(**{**plain, **changes, "client_id": client_id, "now": now})

    return listen
