"""PayPal's published descriptions, as far as they are used here, to hold requests and replies against."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_FILE = Path(__file__).parents[2] / "fixtures" / "paypal" / "shapes.json"


@cache
def _shapes() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def _check(document: Any, schema: dict[str, Any]) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]
    assert errors == [], errors


def check_request(method: str, path: str, sent: Any) -> None:
    """Fail unless this is what PayPal's description says is sent there."""
    _check(sent, _shapes()["requests"][f"{method} {_named(path)}"])


def check_reply(kind: str, document: Any) -> None:
    """Fail unless the document is a PayPal `order`, `refund`, `verification`, `event` or `error_422`."""
    _check(document, _shapes()["replies"][kind])


def check_refusal(method: str, path: str, status: int, document: Any) -> None:
    """Fail unless PayPal's description says that this call may be refused so."""
    check_reply(f"error_{status}", document)
    [detail] = document["details"]
    known = _shapes()["issues"][f"{method} {_named(path)}"][str(status)]
    assert detail["issue"] in known, f"{method} {path} may answer {status} with {known}"


def _named(path: str) -> str:
    return re.sub(r"(orders|captures|refunds)/\w+", r"\1/{id}", path)
