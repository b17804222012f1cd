"""The sandbox's payment provider as a process of its own, and a shop that takes its webhooks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from lineaviva.cli.demo import free_port
from tests import migrated
from tests.patience import PATIENCE, until

# One for all: a client of httpx loads every root certificate when it is made. Each request comes by a connection of its
# own: the server shuts one whose body nobody read, without saying so, and the next request would find it dead.
http = httpx.Client(timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))
API_KEY, WEBHOOK_SECRET = "sk_test_of_the_tests", "whsec_of_the_tests"
PAYPAL = {
    "PAYPAL_CLIENT_ID": "app_of_the_tests",
    "PAYPAL_SECRET": "of_the_tests",
    "PAYPAL_WEBHOOK_ID": "HOOKOFTHETESTS",
}
AUTH = (API_KEY, "")
# The least that a checkout session needs, as it is sent.
SESSION = {
    "mode": "payment",
    "success_url": "http://127.0.0.1:1/paid",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": "500",
    "line_items[0][price_data][product_data][name]": "TIM 5 €",
}


class Shop:
    """Takes webhooks as the keeper's page does, and shows a page to whoever comes back from paying."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[dict[str, str], bytes], int] = lambda _headers, _body: 503
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply(200, b"<h1>Your order</h1>")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = dict(self.headers.items())
                shop.received.append((headers, body))
                self._reply(shop.answer(headers, body), b"")

            def _reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Bank:
    """One provider process with a home of its own; started again it remembers everything."""

    def __init__(self, home: Path, shop_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = {
            **os.environ,
            "LINEAVIVA_PROGRAM": "provider",
            "LINEAVIVA_HOME": str(home),
            "LINEAVIVA_DATABASE_URL": "",
            "LINEAVIVA_PUBLIC_URL": self.url,
            "LINEAVIVA_STRIPE_API_KEY": API_KEY,
            **{f"LINEAVIVA_{name}": value for name, value in PAYPAL.items()},
            "LINEAVIVA_SANDBOX_WEBHOOK_URL": f"{shop_url}/webhooks/stripe",
            "LINEAVIVA_SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
        }
        self._log = open(home / "provider.log", "ab")
        migrated.home("provider", home)
        self.start()

    def start(self) -> None:
        """Start it, and wait for its first answer."""
        argv = ["granian", "--interface", "wsgi", "--no-ws", "--http", "1", "--log-level", "warning"]
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1", "--blocking-threads", "8"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *argv, *where, "lineaviva.config.wsgi:application"],
            env=self._env,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        until(self._is_up, "the provider is up")

    def _is_up(self) -> bool:
        try:
            return http.get(f"{self.url}/sandbox/knobs").is_success
        except httpx.TransportError:
            assert self.process.poll() is None
            return False

    def kill(self) -> None:
        """End it and its workers with -9."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def knobs(self, **values: int) -> dict[str, int]:
        answer = http.post(f"{self.url}/sandbox/knobs", json=values)
        answer.raise_for_status()
        found: dict[str, int] = answer.json()
        return found

    def forget(self) -> None:
        http.post(f"{self.url}/sandbox/forget").raise_for_status()

    def forget_keys(self) -> None:
        """As the real one does with idempotency keys after a day."""
        http.post(f"{self.url}/sandbox/forget?what=keys").raise_for_status()

    def session(self, *, key: str, **more: str) -> str:
        """A checkout session of some shop, made by hand; its id."""
        answer = http.post(
            f"{self.url}/v1/checkout/sessions", data={**SESSION, "metadata[key]": key, **more}, auth=AUTH
        )
        answer.raise_for_status()
        return str(answer.json()["id"])

    def dispute(self, charge: str, **more: Any) -> str:
        """Somebody wants a charge back, by their bank or at PayPal; the dispute's name."""
        answer = http.post(f"{self.url}/sandbox/disputes", json={"charge": charge, **more})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def decide(self, dispute: str, state: str) -> None:
        """It is under_review, won, lost or closed."""
        http.post(f"{self.url}/sandbox/disputes/{dispute}", json={"state": state}).raise_for_status()

    def clock_at(self, at: datetime) -> None:
        """Make the provider believe that it is `at` now; its clock goes on from there."""
        self.knobs(clock_shift_seconds=round((at - datetime.now(UTC)).total_seconds()))

    def money(self) -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"{self.url}/sandbox/list").json()
        return found
