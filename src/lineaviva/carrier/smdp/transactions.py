"""Transaction ids and server challenges that need no row (SGP.22 5.6.1).

An initiateAuthentication is anybody's to send, so it writes nothing: the id carries the second in which it was made and
a MAC, and the challenge is a MAC over it and over what the eUICC said of itself, which it must say again under its
signature. The row of a session is written when an eUICC has proved who it is and an order waits for it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import datetime

_TIME, _RANDOM, _MAC = 4, 7, 5
_BODY = _TIME + _RANDOM
SIZE = _BODY + _MAC
CHALLENGE = 16


def made(key: bytes, now: datetime) -> bytes:
    """A new id of 16 bytes."""
    body = int(now.timestamp()).to_bytes(_TIME, "big") + os.urandom(_RANDOM)
    return body + _mac(key, b"id", body)[:_MAC]


def is_open(key: bytes, transaction_id: bytes, seconds: int, now: datetime) -> bool:
    """Whether it was made here, no longer than `seconds` ago."""
    body, mac = transaction_id[:_BODY], transaction_id[_BODY:]
    if not hmac.compare_digest(_mac(key, b"id", body)[:_MAC], mac):
        return False
    return now.timestamp() < int.from_bytes(body[:_TIME], "big") + seconds


def challenge(key: bytes, transaction_id: bytes, *said: bytes) -> bytes:
    """The server challenge of that transaction with an eUICC that said `said`."""
    lengths = b"".join(len(one).to_bytes(2, "big") for one in said)
    return _mac(key, b"challenge", transaction_id, lengths, *said)


def _mac(key: bytes, purpose: bytes, *parts: bytes) -> bytes:
    # Keyed BLAKE2 (RFC 7693): a MAC by itself, at a tenth of HMAC's price.
    return hashlib.blake2b(b"".join(parts), key=key, person=purpose, digest_size=CHALLENGE).digest()
