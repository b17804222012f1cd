"""Who may speak to the operator's APIs: programs of partners and of its own, never people.

Neither a secret nor a token is kept, only its SHA-256. That is enough, and quick enough for every call, because both
are 256 random bits: there is nothing to guess. `rules.secret_checked` refuses what a person made up.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Client(models.Model):
    """An OAuth 2.0 client. It belongs to one operator, and nothing of another operator is ever shown to it.

    `scopes`: words of `rules.SCOPES` by blank. A client that is disabled has neither tokens nor a way to get one.
    """

    client_id = models.CharField(max_length=40, primary_key=True)
    name = models.CharField(max_length=80)
    operator = models.CharField(max_length=24)
    scopes = models.CharField(max_length=400)
    secret_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    secret_at = models.DateTimeField()  # when the present secret was made
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["operator", "client_id"], name="client_of_operator")]

    def __str__(self) -> str:
        return self.client_id


class Token(models.Model):
    """A bearer token: opaque, so that a call costs one read by key, which sees at once that its client is disabled.

    A signed token would need no read, and that very read to be ended early.
    """

    token_hash = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="tokens")
    scopes = models.CharField(max_length=400)
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["client", "expires_at"], name="token_expires")]
