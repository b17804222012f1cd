"""In what PayPal's published description is wrong, or silent, about what PayPal does: one table, each with its reason.

test_published.py holds it to be exact: each correction finds what it corrects, and is needed.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PUBLISHED = Path(__file__).parents[1] / "fixtures" / "paypal" / "published.json"


@dataclass(frozen=True)
class Correction:
    """At `place`, `was` is published and `becomes` is served; None: nothing is there."""

    place: tuple[str, ...]
    was: Any
    becomes: Any
    why: str


CORRECTIONS = (
    Correction(
        ("components", "schemas", "vault_payment_tokens_v3.token_id_request", "properties", "type", "enum"),
        ["BILLING_AGREEMENT"],
        ["BILLING_AGREEMENT", "SETUP_TOKEN"],
        "A payment token is made of a setup token, by this type. PayPal's reference of the same call has it "
        "(https://developer.paypal.com/docs/api/payment-tokens/v3/), and without it the call could not be made.",
    ),
)


def published() -> dict[str, Any]:
    """As it was published, trimmed to what is used."""
    found: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return found


def corrected(document: dict[str, Any]) -> dict[str, Any]:
    """What is served: the published description with every correction."""
    found = copy.deepcopy(document)
    for one in CORRECTIONS:
        parent = at(found, one.place[:-1])
        parent[one.place[-1]] = one.becomes
    return found


def at(document: dict[str, Any], place: tuple[str, ...]) -> Any:
    """What is at that place; None where nothing is."""
    for name in place:
        document = document.get(name) if isinstance(document, dict) else None  # type: ignore[assignment]
    return document
