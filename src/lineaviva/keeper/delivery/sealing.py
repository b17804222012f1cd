"""What makes a profile downloadable is kept sealed: AES-GCM under a key derived from this installation's SECRET_KEY.

A copy of the database alone opens nothing. Neither does a restore under another SECRET_KEY: what was sealed is
unreadable there, which costs nobody a line; the page offers another profile instead.
"""

from __future__ import annotations

import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_INFO = b"lineaviva.keeper.delivery 1"
_NONCE = 12


def seal(text: str, label: str) -> bytes:
    """`text`, readable only here and only under the same label (what it is and whose)."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _cipher(settings.SECRET_KEY).encrypt(nonce, text.encode(), label.encode())


def unseal(sealed: bytes, label: str) -> str | None:
    """What was sealed under this label; None where it was not, where it was under another key, or is damaged."""
    if len(sealed) <= _NONCE:
        return None
    try:
        return _cipher(settings.SECRET_KEY).decrypt(sealed[:_NONCE], sealed[_NONCE:], label.encode()).decode()
    except InvalidTag:
        return None


@lru_cache(maxsize=4)
def _cipher(key: str) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(key.encode()))
