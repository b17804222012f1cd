"""Writes of clients and their tokens."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from lineaviva import rulebook
from lineaviva.carrier.access import rules
from lineaviva.carrier.access.models import Client, Token
from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound


def client_add(
    *,
    operator: str,
    name: str,
    scopes: Iterable[str] = rules.RESELLER,
    client_id: str = "",
    secret: str = "",
    now: datetime,
) -> tuple[Client, str]:
    """A new client and its secret, which is nowhere to be had again. An id and a secret are made where none is given.

    Raises NotFound (operator_unknown), InvalidInput (name_missing, scope_unknown, client_id_invalid, secret_weak) and
    Conflict (client_exists).
    """
    rulebook.operator(operator)
    if not name.strip() or len(name) > 80:
        raise InvalidInput("A client has a name of up to 80 letters.", code="name_missing", field="name")
    secret = rules.secret_checked(secret or rules.secret_made())
    client = Client(
        client_id=rules.client_id_checked(client_id or f"{operator}-{secrets.token_hex(6)}"),
        name=name.strip(),
        operator=operator,
        scopes=" ".join(rules.scopes_checked(scopes, operator)),
        secret_hash=rules.hashed(secret),
        created_at=now,
        secret_at=now,
    )
    try:
        with transaction.atomic():
            client.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"There is a client {client.client_id}.", code="client_exists", field="client_id") from None
    return client, secret


@transaction.atomic
def client_ensure(
    *, operator: str, client_id: str, secret: str, name: str, scopes: Iterable[str] = rules.RESELLER, now: datetime
) -> Client:
    """The client of that id with that secret, made or brought to it; for a home whose settings name its client."""
    values = {
        "name": name,
        "operator": operator,
        "scopes": " ".join(rules.scopes_checked(scopes, operator)),
        "secret_hash": rules.hashed(rules.secret_checked(secret)),
        "disabled_at": None,
    }
    client, _ = Client.objects.select_for_update().get_or_create(
        client_id=rules.client_id_checked(client_id), defaults={**values, "created_at": now, "secret_at": now}
    )
    changed = {name: value for name, value in values.items() if getattr(client, name) != value}
    if changed:
        Client.objects.filter(pk=client.pk).update(**changed, secret_at=now)
    return client


@transaction.atomic
def client_rotate(*, client_id: str, now: datetime) -> tuple[Client, str]:
    """A new secret; the old one and all tokens that it brought end at once. Raises NotFound and Conflict (disabled)."""
    client = _locked(client_id)
    if client.disabled_at is not None:
        raise Conflict(f"{client_id} is disabled.", code="client_disabled", field="client_id")
    secret = rules.secret_made()
    client.secret_hash, client.secret_at = rules.hashed(secret), now
    client.save(update_fields=["secret_hash", "secret_at"])
    client.tokens.all().delete()
    return client, secret


@transaction.atomic
def client_disable(*, client_id: str, now: datetime) -> Client:
    """No token for it any more, and those it has end at once; again changes nothing. Raises NotFound."""
    client = _locked(client_id)
    if client.disabled_at is None:
        client.disabled_at = now
        client.save(update_fields=["disabled_at"])
        client.tokens.all().delete()
    return client


@transaction.atomic
def token_issue(*, client: Client, scopes: Sequence[str], now: datetime) -> str:
    """A new token. Those of the client that have expired go with it, so that nobody else need sweep them.

    Raises Conflict (client_changed) where the client was disabled or given another secret since it was read.
    """
    as_read = Client.objects.select_for_update().filter(pk=client.pk, secret_hash=client.secret_hash, disabled_at=None)
    if not as_read.exists():
        raise Conflict("The client was changed at this moment.", code="client_changed")
    client.tokens.filter(expires_at__lte=now).delete()
    token = rules.secret_made()
    Token.objects.create(
        token_hash=rules.hashed(token), client=client, scopes=" ".join(scopes), expires_at=now + rules.TOKEN_LIFE
    )
    return token


def _locked(client_id: str) -> Client:
    client = Client.objects.select_for_update().filter(pk=client_id).first()
    if client is None:
        raise NotFound(f"There is no client {client_id}.", code="client_unknown", field="client_id")
    return client
