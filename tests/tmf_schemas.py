"""Validation against the published schemas under tests/fixtures/tmf."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

_FOLDER = Path(__file__).parent / "fixtures" / "tmf"
CATALOG = "TMF620-ProductCatalog-v4.1.0"
CATALOG_4_0 = "TMF620-ProductCatalog-v4.0.0"
ORDERING = "TMF622-ProductOrder-v4.0.0"
INVENTORY = "TMF637-ProductInventory-v4.0.0"
BALANCE = "TMF654-PrepayBalance-v4.0.0"


@cache
def _validator(file: str, definition: str) -> Draft4Validator:
    document = json.loads((_FOLDER / f"{file}.json").read_text())
    # Swagger 2.0 speaks JSON Schema draft 4.
    return Draft4Validator({"$ref": f"#/definitions/{definition}", **document})


def problems(file: str, definition: str, document: Any) -> list[str]:
    """What is wrong with `document` as that definition; empty when it conforms."""
    found = _validator(file, definition).iter_errors(document)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def properties(file: str, definition: str) -> dict[str, Any]:
    """The attributes of that definition, with those that it takes over."""
    document = json.loads((_FOLDER / f"{file}.json").read_text())["definitions"][definition]
    found = dict(document.get("properties", {}))
    for part in document.get("allOf", []):
        found |= part.get("properties", {}) or properties(file, part["$ref"].rpartition("/")[2])
    return found
