"""In what PayPal's published description is wrong, or no description that can be read: one table, each with its reason.

Each correction finds what it corrects, or test_published.py says so; and without it a test there or beside it fails.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PUBLISHED = Path(__file__).parents[1] / "fixtures" / "paypal" / "published.json"


@dataclass(frozen=True)
class Correction:
    """At `place`, `was` is published and `becomes` is served; None: nothing is there."""

    place: tuple[str | int, ...]
    was: Any
    becomes: Any
    why: str


@cache
def published() -> dict[str, Any]:
    """As it was published, trimmed to what is used; not to be changed."""
    found: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return found


def at(document: Any, place: tuple[str | int, ...]) -> Any:
    """What is at that place; None where nothing is."""
    for name in place:
        found = document if isinstance(document, (dict, list)) else {}
        document = found.get(name) if isinstance(found, dict) else found[int(name)]
    return document


_NOT_READ = (
    "This is no regular expression of Unicode, as JSON Schema has them. Prism cannot read a message that has it, says "
    "nothing, and lets everything through: an order was never looked at. This here means what was meant."
)
_NO_SCHEMA = (
    "Two carriers are named twice, and what has a name twice in such a list is no JSON Schema. Prism cannot read what "
    "a dispute is, says nothing, and lets everything through."
)
_DOMAIN = (
    r"@(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.)+[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?|\[(?:(?:(2(5[0-5]|[0-4]"
    r"[0-9])|1[0-9][0-9]|[1-9]?[0-9]))\.){3}(?:(2(5[0-5]|[0-4][0-9])|1[0-9][0-9]|[1-9]?[0-9])|[a-zA-Z0-9-]*[a-zA-Z0-9]:"
    r"(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21-\x5a\x53-\x7f]|\[\x01-\x09\x0b\x0c\x0e-\x7f])+)\])"
)
_EMAIL = (
    r"(?:[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*|(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21"
    r"\x23-\x5b\x5d-\x7f]|\[\x01-\x09\x0b\x0c\x0e-\x7f])*" + '")' + _DOMAIN
)


def _pattern(was: str, becomes: str, *place: str | int) -> Correction:
    return Correction(("components", "schemas", *place, "pattern"), was, becomes, _NOT_READ)


def _each_once(*place: str) -> Correction:
    names = at(published(), place)
    return Correction(place, names, list(dict.fromkeys(names)), _NO_SCHEMA)


CORRECTIONS = (
    *(
        # A backslash was lost before each of these brackets, as the pattern of another address in the same file has it.
        _pattern(_EMAIL, _EMAIL.replace(r"|\[\x01", r"|\\[\x01"), f"{file}.email")
        for file in ("checkout_orders_v2", "payments_payment_v2", "vault_payment_tokens_v3")
    ),
    _pattern(
        r'^[\w‘\-.,":;\!?]*$',
        r'^[\w‘\-.,":;!?]*$',
        *("checkout_orders_v2.level_2_card_processing_data", "properties", "invoice_id"),
    ),
    *(
        _pattern(
            r"""^[a-zA-Z0-9_'\-., :;\!?"]*$""", r"""^[a-zA-Z0-9_'\-., :;!?"]*$""", *place, "properties", "description"
        )
        for place in (
            ("vault_payment_tokens_v3.wallet_base",),
            ("checkout_orders_v2.vault_venmo_wallet_base", "allOf", 1),
        )
    ),
    _each_once("components", "schemas", "customer_disputes_v1.tracking_info", "properties", "carrier_name", "enum"),
    Correction(
        ("components", "schemas", "vault_payment_tokens_v3.token_id_request", "properties", "type", "enum"),
        ["BILLING_AGREEMENT"],
        ["BILLING_AGREEMENT", "SETUP_TOKEN"],
        "A payment token is made of a setup token, by this type. PayPal's reference of the same call has it "
        "(https://developer.paypal.com/docs/api/payment-tokens/v3/), and without it the call could not be made.",
    ),
)


def corrected(document: dict[str, Any]) -> dict[str, Any]:
    """What is served: the published description with every correction."""
    found = copy.deepcopy(document)
    for one in CORRECTIONS:
        parent = at(found, one.place[:-1])
        parent[one.place[-1]] = one.becomes
    return found
