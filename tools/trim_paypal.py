"""PayPal's published descriptions, as far as they are used here, as one: `python tools/trim_paypal.py FOLDER`.

FOLDER has the files of https://github.com/paypal/paypal-rest-api-specifications (openapi/). What is written is theirs
word for word, but for this: calls that are not made here and what only those need are left out, so are texts for
readers, but for those that say what a response is, without which it is none; and the parts of each file have its name
before theirs, so that one description can hold all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "paypal" / "published.json"
# Every call that is made here, by the file that describes it.
USED = {
    "checkout_orders_v2": (
        "POST /v2/checkout/orders",
        "GET /v2/checkout/orders/{id}",
        "PATCH /v2/checkout/orders/{id}",
        "POST /v2/checkout/orders/{id}/capture",
    ),
    "payments_payment_v2": (
        "GET /v2/payments/captures/{capture_id}",
        "POST /v2/payments/captures/{capture_id}/refund",
        "GET /v2/payments/refunds/{refund_id}",
    ),
    "vault_payment_tokens_v3": (
        "POST /v3/vault/setup-tokens",
        "GET /v3/vault/setup-tokens/{id}",
        "POST /v3/vault/payment-tokens",
        "GET /v3/vault/payment-tokens",
        "GET /v3/vault/payment-tokens/{id}",
        "DELETE /v3/vault/payment-tokens/{id}",
    ),
    "notifications_webhooks_v1": ("POST /v1/notifications/verify-webhook-signature",),
    "customer_disputes_v1": ("GET /v1/customer/disputes/{id}",),
}
_TEXTS = {"description", "summary", "title", "externalDocs", "tags"}
# Below these a name is somebody's own, and no keyword.
_NAMES = {"properties", "examples", "responses", "scopes"}
_VALUES = {"example", "value", "default", "enum"}
_RESPONSE = "a response"
Document = dict[str, Any]


def trimmed(name: str, whole: Document, used: tuple[str, ...]) -> Document:
    """One file with the calls that are used, and what they need."""
    kept: Document = {"paths": {}, "components": {}}
    for call in used:
        method, path = call.split()
        kept["paths"].setdefault(path, {})[method.lower()] = whole["paths"][path][method.lower()]
    waiting = list(_references(kept["paths"]))
    while waiting:
        kind, part = waiting.pop().removeprefix("#/components/").split("/", 1)
        if part not in kept["components"].setdefault(kind, {}):
            kept["components"][kind][part] = whole["components"][kind][part]
            waiting += _references(whole["components"][kind][part])
    kept["components"]["securitySchemes"] = whole["components"]["securitySchemes"]
    return {
        "paths": _named(_plain(kept["paths"]), name),
        "components": {
            kind: {
                f"{name}.{part}": _named(_plain(one, _place(kind, part)), name) for part, one in sorted(parts.items())
            }
            for kind, parts in kept["components"].items()
        },
    }


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for part in node.values():
            yield from _references(part)
    elif isinstance(node, list):
        for part in node:
            yield from _references(part)


def _plain(node: Any, within: str = "") -> Any:
    """Without texts for readers; `within` is the name that it has in what it is a part of."""
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if not isinstance(node, dict):
        return node
    named = within in _NAMES
    texts = _TEXTS - {"description"} if within == _RESPONSE else _TEXTS
    return {
        # An example is not ours to change.
        name: part if not named and name in _VALUES else _plain(part, _place(within, name))
        for name, part in node.items()
        if named or name not in texts
    }


def _place(within: str, name: str) -> str:
    if within == "responses":
        return _RESPONSE
    return "" if within in _NAMES else name


def _named(node: Any, name: str) -> Any:
    """References and the names of who may ask, as they are called in the one description."""
    if isinstance(node, list):
        return [_named(part, name) for part in node]
    if not isinstance(node, dict):
        return node
    found = {key: _named(part, name) for key, part in node.items()}
    if isinstance(node.get("$ref"), str):
        found["$ref"] = "/".join([*node["$ref"].split("/")[:3], f"{name}.{node['$ref'].split('/', 3)[3]}"])
    if isinstance(node.get("security"), list):
        found["security"] = [{f"{name}.{who}": may for who, may in one.items()} for one in node["security"]]
    return found


def merged(files: dict[str, Document]) -> Document:
    """All files as one."""
    versions = ", ".join(f"{name} {whole['info']['version']}" for name, whole in files.items())
    one: Document = {
        "openapi": next(iter(files.values()))["openapi"],
        "info": {"title": "PayPal, as far as it is used here", "version": versions},
        "paths": {},
        "components": {},
    }
    for name, whole in files.items():
        part = trimmed(name, whole, USED[name])
        one["paths"] |= part["paths"]
        for kind, parts in part["components"].items():
            one["components"].setdefault(kind, {}).update(parts)
    return one


def written(one: Document) -> str:
    """A line for each call and each part, so that what changes can be read."""

    def block(parts: Document) -> str:
        lines = [f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in parts.items()]
        return "{\n" + ",\n".join(lines) + "\n}"

    components = ",\n".join(f"{json.dumps(kind)}: {block(parts)}" for kind, parts in one["components"].items())
    head = f'"openapi": {json.dumps(one["openapi"])},\n"info": {json.dumps(one["info"])}'
    return f'{{\n{head},\n"paths": {block(one["paths"])},\n"components": {{\n{components}\n}}\n}}\n'


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    files = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in USED}
    OUTPUT.write_text(written(merged(files)), encoding="utf-8")
    print(f"{OUTPUT} has {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
