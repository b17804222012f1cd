"""Stands between a phone and a real SM-DP+, has a certificate that the phone trusts, and changes what it is told to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.patience import PATIENCE

Change = Callable[[dict[str, Any]], dict[str, Any]]


class Proxy:
    """`changes` maps a function to what is made of its answer; what is not a JSON answer passes."""

    def __init__(self, target: str, certificate: Path, key: Path, trusted: ssl.SSLContext) -> None:
        self.changes: dict[str, Change] = {}
        self._target = httpx.Client(base_url=target, verify=trusted, timeout=PATIENCE)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.address = f"127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._target.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name: self.headers[name] for name in ("Content-Type", "X-Admin-Protocol", "User-Agent")}
                reply = proxy._target.post(self.path, content=body, headers=headers)
                change = proxy.changes.get(self.path.rsplit("/", 1)[-1])
                content = json.dumps(change(reply.json())).encode() if change else reply.content
                self.send_response(reply.status_code)
                self.send_header("X-Admin-Protocol", reply.headers["X-Admin-Protocol"])
                if content:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
