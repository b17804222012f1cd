"""The elements of a JSON request: texts, base64, DER (SGP.22 6.5.1)."""

from __future__ import annotations

import binascii
import re
from typing import Any

from lineaviva.carrier.smdp import der
from lineaviva.carrier.smdp.der import DerError, Tlv
from lineaviva.carrier.smdp.failures import Failed, Failure

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){1,16}")
# The largest thing that a phone sends has two certificates in it.
_LONGEST = 65_536


def text(body: dict[str, Any], name: str) -> str:
    """A text that must be there."""
    found = optional_text(body, name)
    if found is None:
        raise Failed(Failure.ELEMENT_MISSING, name)
    return found


def optional_text(body: dict[str, Any], name: str) -> str | None:
    found = body.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or len(found) > _LONGEST or not is_storable(found):
        raise Failed(Failure.FORMAT, name)
    return found


def is_storable(found: str) -> bool:
    """Whether every database takes it as text: JSON may hold half characters, and NULs."""
    return "\0" not in found and (found.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in found))


def octets(body: dict[str, Any], name: str) -> bytes:
    """The bytes of a base64 text."""
    found = body.get(name)
    if found is None:
        raise Failed(Failure.ELEMENT_MISSING, name)
    try:
        if isinstance(found, str) and len(found) <= _LONGEST:
            return binascii.a2b_base64(found, strict_mode=True)
    except ValueError:
        pass
    raise Failed(Failure.FORMAT, name)


def tlv(body: dict[str, Any], name: str, tag: int) -> Tlv:
    """The DER value with this tag, in base64."""
    data = octets(body, name)
    try:
        return der.expect(data, tag)
    except DerError:
        raise Failed(Failure.FORMAT, name) from None


def transaction_id(body: dict[str, Any]) -> bytes:
    """Its bytes: hex digits in either case mean the same."""
    found = text(body, "transactionId")
    if not _HEX.fullmatch(found):
        raise Failed(Failure.TRANSACTION_UNKNOWN, "transactionId")
    return bytes.fromhex(found)


class Plain(str):
    """Digits of base64 or of hexadecimal numbers: JSON takes them as they are, and need not look what to escape."""

    __slots__ = ()


def encoded(data: bytes) -> Plain:
    return Plain(binascii.b2a_base64(data, newline=False), "ascii")


def named(transaction_id: bytes) -> Plain:
    """A transaction id, as it is said in JSON."""
    return Plain(transaction_id.hex().upper())
