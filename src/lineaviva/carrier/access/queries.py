"""Reads of clients and tokens."""

from __future__ import annotations

import hmac
from datetime import datetime

from django.db.models import QuerySet

from lineaviva.carrier.access import rules
from lineaviva.carrier.access.models import Client, Token
from lineaviva.carrier.access.rules import Caller
from lineaviva.kernel.errors import InvalidInput


def clients_listed(operator: str = "") -> QuerySet[Client]:
    """All clients, or those of one operator."""
    found = Client.objects.order_by("operator", "client_id")
    return found.filter(operator=operator) if operator else found


def client_by_secret(client_id: str, secret: str) -> Client | None:
    """The enabled client whose secret it is, or None."""
    try:
        client = Client.objects.filter(pk=rules.client_id_checked(client_id), disabled_at=None).first()
    except InvalidInput:
        return None
    # Compared all the same where there is none: the time taken does not tell which ids there are.
    known = client.secret_hash if client else rules.hashed("")
    return client if hmac.compare_digest(known, rules.hashed(secret)) and client else None


def caller_by_token(token: str, now: datetime) -> Caller | None:
    """Who the token was given to; None where it is none, has expired, or its client is disabled. One read by key."""
    found = (
        Token.objects.filter(pk=rules.hashed(token), expires_at__gt=now, client__disabled_at=None)
        .values_list("client_id", "client__operator", "scopes")
        .first()
    )
    if found is None:
        return None
    client_id, operator, scopes = found
    return Caller(client_id, operator, frozenset(scopes.split()))
