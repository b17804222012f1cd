"""The vault of this installation: LINEAVIVA_SMDP_KEY, or a key file that the first process to ask makes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lineaviva.carrier.smdp.crypto import Vault
from lineaviva.kernel.keyfile import key_kept

KEY_FILE = "smdp.key"


@cache
def vault() -> Vault:
    """Opens what any process of this installation sealed. ImproperlyConfigured if the key given is too short."""
    key: str = settings.SMDP_KEY or key_kept(Path(settings.HOME) / KEY_FILE)
    if len(key) < Vault.KEY_BYTES:
        raise ImproperlyConfigured(f"LINEAVIVA_SMDP_KEY must have at least {Vault.KEY_BYTES} characters.")
    return Vault(key.encode())


@cache
def session_key() -> bytes:
    """32 bytes, the same in all processes, for the MAC in a transactionId."""
    return vault().key(b"transactions")


def label(what: str, whose: str) -> bytes:
    """What a sealed value is and whose (an ICCID, a transaction): the vault opens it under the same label only."""
    return f"{what}:{whose}".encode()
