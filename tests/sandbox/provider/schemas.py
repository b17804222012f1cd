"""Stripe's published description, as far as it is used here, to hold requests and replies against."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_FOLDER = Path(__file__).parents[2] / "fixtures" / "stripe"


@cache
def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
    return found


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": _read("replies.json")["$defs"]})


def check_reply(document: dict[str, Any], kind: str = "") -> None:
    """Fail unless the document is what Stripe's description of 2023 says, with no field that is gone by 2026."""
    kind = kind or document["object"]
    errors = [f"{error.json_path}: {error.message}" for error in _validator(kind).iter_errors(document)]
    assert errors == [], errors
    known = set(_read("fields-2026-08.json").get(kind, document))
    # What the newest fixtures leave out because it is only there after a failure.
    gone = set(document) - known - {"failure_reason"}
    assert gone == set(), gone


def check_request(path: str, sent: dict[str, Any]) -> None:
    """Fail unless the parameters are those of Stripe's description."""
    schema = _read("requests.json")["requests"][path]
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(sent)]
    assert errors == [], errors
