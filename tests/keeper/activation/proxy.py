"""A bad stretch of network between the keeper and a carrier: loses answers, or delivers requests late."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx


class BadNetwork:
    """Forwards to `target`. `mode` is what happens to POSTs; everything else always gets through.

    pass: nothing. lose: delivered, and the connection closed instead of answering. hold: kept, and answered with 504;
    `deliver` sends what was kept.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.mode: Literal["pass", "lose", "hold"] = "pass"
        self.seen: Counter[str] = Counter()
        self._held: list[httpx.Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def deliver(self) -> list[int]:
        """Send what was held back; the answers that nobody waits for any more."""
        held, self._held = self._held, []
        with httpx.Client() as client:
            return [client.send(request).status_code for request in held]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        network = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def _forward(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if self.headers[name]}
                url = network.target + self.path
                request = httpx.Request(self.command, url, headers=headers, content=self.rfile.read(length))
                # Tokens always get through: what goes wrong with orders is to be seen.
                signs_in = self.path.startswith("/oauth2/")
                network.seen[self.command] += not signs_in
                mode = network.mode if self.command == "POST" and not signs_in else "pass"
                if mode == "hold":
                    network._held.append(request)
                    self.send_error(504)
                    return
                with httpx.Client() as client:
                    answer = client.send(request)
                if mode == "pass":
                    self.send_response(answer.status_code)
                    self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
                    self.send_header("Content-Length", str(len(answer.content)))
                    self.end_headers()
                    self.wfile.write(answer.content)

            do_GET = do_POST = _forward

        return Handler
