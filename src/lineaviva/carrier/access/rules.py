"""Pure: what a client may do, and what is good enough for a secret."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from lineaviva.kernel.errors import InvalidInput

TOKEN_LIFE = timedelta(hours=1)
# read and write of each API; `balance.adjust` is apart, since it makes money; `hub` is to be told of what one may read.
SCOPES = (
    "catalog.read",
    "catalog.write",
    "order.read",
    "order.write",
    "inventory.read",
    "inventory.write",
    "balance.read",
    "balance.write",
    "balance.adjust",
    "hub",
)
# What a reseller needs, such as the keeper: to read what is sold, to sell it, to see what became of it.
RESELLER = ("catalog.read", "order.read", "order.write", "inventory.read", "balance.read", "balance.write")
_CLIENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")
# 32 random bytes are 43 letters of base64url and 64 of hex.
_SECRET = re.compile(r"[A-Za-z0-9_~.-]{43,128}")
_DIFFERENT = 12


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from, by its token."""

    client_id: str
    operator: str
    scopes: frozenset[str]


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def secret_made() -> str:
    return secrets.token_urlsafe(32)


def secret_checked(secret: str) -> str:
    """The secret. Raises InvalidInput (secret_weak) for what cannot be 256 random bits."""
    if not _SECRET.fullmatch(secret) or len(set(secret)) < _DIFFERENT:
        raise InvalidInput(
            "A client's secret is at least 43 random letters, such as `openssl rand -hex 32` makes.",
            code="secret_weak",
            field="secret",
        )
    return secret


def client_id_checked(client_id: str) -> str:
    """The id. Raises InvalidInput (client_id_invalid)."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise InvalidInput(
            "A client's id is 3 to 40 of a to z, 0 to 9 and hyphen, and begins with no hyphen.",
            code="client_id_invalid",
            field="client_id",
        )
    return client_id


def scopes_checked(words: Iterable[str], operator: str) -> tuple[str, ...]:
    """The scopes in the order of SCOPES; each may be written with the operator in front, `tim:hub`.

    Raises InvalidInput (scope_unknown) for another word or another operator, and for none at all.
    """
    plain = {word.removeprefix(f"{operator}:") for word in words}
    if not plain or plain - set(SCOPES):
        wrong = ", ".join(sorted(plain - set(SCOPES))) or "none"
        raise InvalidInput(
            f"Scopes are {', '.join(SCOPES)}; not {wrong}.",
            code="scope_unknown",
            field="scope",
        )
    return tuple(scope for scope in SCOPES if scope in plain)


def spelled(operator: str, scopes: Iterable[str]) -> str:
    """Scopes as they go over the wire: `tim:catalog.read tim:hub`."""
    return " ".join(f"{operator}:{scope}" for scope in scopes)
