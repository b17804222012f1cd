"""A pretend eSIM Go in a process of its own, which holds every request and answer to the published shapes.

    python -m tests.keeper.delivery.esimgo_process

prints its port. What goes wrong is said to it at /pretend: POST changes what its state has by that name, GET shows all.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator

SHAPES = json.loads((Path(__file__).parents[2] / "fixtures/esimgo/shapes.json").read_text())
KEY = "a key for tests"
FIRST: dict[str, Any] = {
    "esims": [],  # as EsimList has them, the oldest first
    "bundles": {},  # by ICCID
    "sold": 0,
    "seen": [],  # "POST /orders"
    "problems": [],  # what was not of the published shape
    "now": "2026-11-22T11:00:00+00:00",
    "fails": {},  # "POST /orders": [[500, {...}], ...]: answered so and nothing done
    "loses": [],  # done, and the connection closed instead of an answer
    "late": 0,  # so often an order is answered without its eSIM
    "a_page": 100,
}


class Pretend:
    def __init__(self) -> None:
        self.state: dict[str, Any] = json.loads(json.dumps(FIRST))
        self.lock = threading.Lock()
        self.late: dict[str, Any] = {}

    def hold(self, shape: str, document: Any) -> Any:
        """`document`, and a problem where it is not of this shape."""
        schema = {**SHAPES[shape], **{name: SHAPES[name] for name in ("InstallDetails", "Esim")}}
        for problem in Draft202012Validator(schema).iter_errors(document):
            self.state["problems"].append(f"{shape}: {problem.message}")
        return document

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any] | None:
        """None: no answer at all."""
        name = f"{method} {path}"
        self.state["seen"].append(name)
        failing = self.state["fails"].get(name) or []
        if failing:
            status, document = failing.pop(0)
            return int(status), document
        found = self.find(method, path, query, body)
        if name in self.state["loses"]:
            self.state["loses"].remove(name)
            return None
        return found

    def find(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        functions: list[tuple[str, str, Callable[..., tuple[int, Any]]]] = [
            ("POST", "/orders", self.order),
            ("GET", "/esims", self.listed),
            ("PUT", "/esims", self.named),
            ("GET", "/esims/assignments", self.assigned),
            ("GET", r"/esims/(\d+)", self.shown),
            ("DELETE", r"/esims/(\d+)/bundles/([^/]+)", self.revoked),
        ]
        for verb, pattern, function in functions:
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                return function(query, body, *map(unquote, match.groups()))
        self.state["problems"].append(f"{method} {path} is not there")
        return 404, {"message": "not found"}

    def order(self, query: dict[str, str], body: Any) -> tuple[int, Any]:
        wish = self.hold("CreateOrderRequest", body)["order"][0]
        self.state["sold"] += 1
        number = f"order-{self.state['sold']}"
        esim = {
            "iccid": f"894400000000000{self.state['sold']:04d}",
            "matchingId": f"MATCH-{self.state['sold']}",
            "smdpAddress": "rsp.esimgo.test",
            "profileStatus": "Released",
            "customerRef": "",
            "assignedDate": self.state["now"],
        }
        self.state["esims"].append(esim)
        self.state["bundles"][esim["iccid"]] = wish["item"]
        self.late[number] = esim
        line = {"type": "bundle", "item": wish["item"], "quantity": 1, "esims": [install(esim)]}
        if self.state["late"]:
            line.pop("esims")
        whole = {"order": [line], "valid": True, "assigned": True, "status": "completed", "orderReference": number}
        return 200, self.hold("OrderResponse", whole)

    def assigned(self, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if self.state["late"]:
            self.state["late"] -= 1
            return 200, {"esims": []}
        ours = [one for one in self.state["esims"] if one["iccid"] == query.get("iccid")]
        if query.get("reference") in self.late:
            ours.append(self.late[query["reference"]])
        return 200, self.hold("InstallDetailsResponse", {"esims": [install(one) for one in ours]})

    def listed(self, query: dict[str, str], body: Any) -> tuple[int, Any]:
        many = min(int(query.get("perPage", 10)), self.state["a_page"])
        page = int(query.get("page", 1))
        rows = list(reversed(self.state["esims"]))
        found = {"esims": rows[(page - 1) * many : page * many], "pageCount": -(-len(rows) // many), "rows": len(rows)}
        return 200, self.hold("EsimList", found)

    def named(self, query: dict[str, str], body: Any) -> tuple[int, Any]:
        wish = self.hold("UpdateEsimRequest", body)
        for esim in self.state["esims"]:
            if esim["iccid"] == wish["iccid"]:
                esim["customerRef"] = wish["customerRef"]
                return 200, self.hold("Esim", esim)
        return 404, {"message": "no such eSIM"}

    def shown(self, query: dict[str, str], body: Any, iccid: str) -> tuple[int, Any]:
        for esim in self.state["esims"]:
            if esim["iccid"] == iccid:
                return 200, self.hold("Esim", esim)
        return 404, {"message": "no such eSIM"}

    def revoked(self, query: dict[str, str], body: Any, iccid: str, name: str) -> tuple[int, Any]:
        if self.state["bundles"].get(iccid) != name:
            return 404, {"message": "no such bundle"}
        if any(one["iccid"] == iccid and one["profileStatus"] != "Released" for one in self.state["esims"]):
            return 400, {"message": "bundle has started"}
        del self.state["bundles"][iccid]
        return 200, {"status": "Successfully Revoked Bundle"}


def install(esim: dict[str, Any]) -> dict[str, Any]:
    code = f"LPA:1${esim['smdpAddress']}${esim['matchingId']}"
    return {**{name: esim[name] for name in ("iccid", "matchingId", "smdpAddress", "profileStatus")}, "rspUrl": code}


class Handler(BaseHTTPRequestHandler):
    pretend = Pretend()
    protocol_version = "HTTP/1.1"

    def handle_one(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        parts = urlsplit(self.path)
        with self.pretend.lock:
            if parts.path == "/pretend":
                self.control(body)
                return
            if self.headers.get("X-API-Key") != KEY:
                self.say(403, {"message": "access denied"})
                return
            path = parts.path.removeprefix("/v2.4")
            found = self.pretend.answer(self.command, path, dict(parse_qsl(parts.query)), body)
        if found is None:
            self.close_connection = True
            self.connection.close()
            return
        self.say(*found)

    do_GET = do_POST = do_PUT = do_DELETE = handle_one

    def control(self, body: Any) -> None:
        if self.command == "DELETE":
            self.pretend.state = json.loads(json.dumps(FIRST))
        self.pretend.state.update(body or {})
        self.say(200, self.pretend.state)

    def say(self, status: int, document: Any) -> None:
        content = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(datetime.fromisoformat(self.pretend.state["now"]).astimezone(UTC), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
