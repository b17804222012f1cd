"""The vault of this installation: LINEAVIVA_SMDP_KEY, or a key file that the first process to ask makes."""

from __future__ import annotations

import contextlib
import os
import secrets
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lineaviva.carrier.smdp.crypto import Vault

KEY_FILE = "smdp.key"


@cache
def vault() -> Vault:
    """Opens what any process of this installation sealed. ImproperlyConfigured if the key given is too short."""
    key: str = settings.SMDP_KEY or _kept(Path(settings.HOME) / KEY_FILE)
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


def _kept(path: Path) -> str:
    """The key in this file, made if there is none; whole and on the disk before anything is sealed with it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written under another name first: two processes starting at once must end with the same key.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
