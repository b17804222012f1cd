"""What stands before Prism: it has tokens given, which no published file describes, and writes down what Prism says.

Prism lets an answer pass whose status is not published, if it is a refusal; here that is an objection, too.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from tests.patience import PATIENCE
from tests.prism.corrections import corrected, published
from tests.prism.process import Prism

_ERRORS = "https://stoplight.io/prism/errors#"
_TOKENS = "/v1/oauth2/token"
_TOKEN = b'{"access_token": "A21AA", "token_type": "Bearer", "expires_in": 600}'
_KEPT_BACK = {"host", "connection", "content-length", "accept-encoding", "transfer-encoding"}


@dataclass(frozen=True)
class Heard:
    """A request that was made, the status of its answer, and what Prism itself objects to."""

    method: str
    path: str
    status: int
    objection: str = ""


class Front:
    """At `url`, as PayPal is at its own."""

    def __init__(self, prism: str, tokens: str = "") -> None:
        self.heard: list[Heard] = []
        self._prism, self._tokens = prism, tokens
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                front.serve(self)

            do_POST = do_PATCH = do_DELETE = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def objections(self) -> list[Heard]:
        """What the description does not allow, of all that was heard since it was asked last."""
        found = [one for one in self.heard if one.objection]
        self.heard.clear()
        return found

    def calls(self) -> set[str]:
        """The calls of the description that were heard."""
        return {operation(one.method, one.path) for one in self.heard}

    def serve(self, asked: BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        if asked.path == _TOKENS:
            _say(asked, *(_forwarded(self._tokens, asked, body) if self._tokens else (200, "application/json", _TOKEN)))
            return
        status, kind, answer = _forwarded(self._prism, asked, body)
        objection = _objection(kind, answer) or _unpublished(asked.command, asked.path, status)
        self.heard.append(Heard(asked.command, asked.path, status, objection))
        _say(asked, status, kind, answer)


def _forwarded(target: str, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, str, bytes]:
    where = urlsplit(target)
    line = HTTPConnection(str(where.hostname), where.port, timeout=PATIENCE)
    try:
        headers = {name: value for name, value in asked.headers.items() if name.lower() not in _KEPT_BACK}
        line.request(asked.command, where.path + asked.path, body or None, headers)
        answer: HTTPResponse = line.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        line.close()


def _say(asked: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
    asked.send_response(status)
    if kind:
        asked.send_header("Content-Type", kind)
    if status != 204:
        asked.send_header("Content-Length", str(len(body)))
    asked.end_headers()
    asked.wfile.write(body)


def _objection(kind: str, answer: bytes) -> str:
    """What Prism itself has to say, in its words; empty where it is PayPal who answers."""
    if not kind.startswith("application/problem+json"):
        return ""
    problem = json.loads(answer)
    more = problem.get("validation") or problem.get("detail")
    return f"{str(problem.get('type')).removeprefix(_ERRORS)}: {json.dumps(more)}"


def _unpublished(method: str, path: str, status: int) -> str:
    """An objection where nothing is published of such an answer to this call."""
    _, _, template = operation(method, path).partition(" ")
    answers = published()["paths"][template][method.lower()]["responses"] if template else {}
    return "" if str(status) in answers or "default" in answers else f"{status} is not published"


def operation(method: str, path: str) -> str:
    """The call of the description that this is: "GET /v2/checkout/orders/{id}"; empty where it has none."""
    plain = path.partition("?")[0]
    for template, calls in published()["paths"].items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(template)), plain) and method.lower() in calls:
            return f"{method} {template}"
    return ""


@contextmanager
def served(how: Literal["mock", "proxy"], folder: Path, upstream: str = "", *, tokens: bool = True) -> Iterator[Front]:
    """Prism with the corrected description, and the front before it; `tokens`: they are `upstream`'s to give."""
    prism = Prism(how, corrected(published()), folder, upstream)
    front = None
    try:
        prism.wait()
        front = Front(prism.url, upstream if tokens else "")
        yield front
    finally:
        if front is not None:
            front.stop()
        prism.stop()
