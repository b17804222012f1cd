"""What the phone holds against what a server sends. Pure; each check has a name, by which its test is found."""

from __future__ import annotations

import re
from datetime import datetime

from lineaviva.carrier.smdp import crypto
from lineaviva.carrier.smdp.certificates import Certificate, CertificateError, Role, read_certificate

# AuthenticateErrorCode and DownloadErrorCode (SGP.22 5.7.13 and 5.7.5), which agree as far as both go.
INVALID_CERTIFICATE, INVALID_SIGNATURE, UNSUPPORTED_CURVE, NO_SESSION = 1, 2, 3, 4
INVALID_TRANSACTION, CHALLENGE_MISMATCH, CI_UNKNOWN, UNDEFINED = 5, 6, 7, 127


class Failed(Exception):
    """A check did not hold. `name` is the check's, `number` the standard's error code, the text a person's sentence."""

    def __init__(self, name: str, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.name, self.number, self.sentence = name, number, sentence


def server_certificate(data: bytes, ci: Certificate, role: Role, now: datetime) -> Certificate:
    """The server's certificate: issued by `ci`, for `role` and for signing, on its curve, in force at `now`.

    Raises Failed; its name begins with `dp_auth` or `dp_pb` (SGP.22 4.5.2.2).
    """
    name = role.name.lower()
    try:
        found = read_certificate(data)
    except CertificateError:
        raise Failed(name, INVALID_CERTIFICATE, "The server's certificate cannot be read.") from None
    if not ci.issued(found):
        raise Failed(
            name, INVALID_CERTIFICATE, "The server's certificate was not issued by an authority that this chip trusts."
        )
    if not found.valid_at(now):
        raise Failed(f"{name}_dates", INVALID_CERTIFICATE, "The server's certificate has ended, or has not begun.")
    if found.role is not role or not found.says.signs_data:
        raise Failed(f"{name}_role", INVALID_CERTIFICATE, "The server's certificate is for another purpose.")
    if found.oid is None:
        raise Failed(f"{name}_oid", INVALID_CERTIFICATE, "The server's certificate does not name the server.")
    if found.curve.name != ci.curve.name:
        raise Failed(f"{name}_curve", UNSUPPORTED_CURVE, "The server's key is on a curve that was not agreed.")
    return found


def signature(by: Certificate, signed: bytes, message: bytes, name: str) -> None:
    """`signed` (64 bytes) is the signature of `by` over `message`; `name` is the check's."""
    if not crypto.verify(by.public_key, signed, message):
        raise Failed(name, INVALID_SIGNATURE, "A signature of the server does not fit what it sent.")


def same_address(one: str, other: str) -> bool:
    """Whether two SM-DP+ addresses name one server: case does not count, nor the port that HTTPS has anyway."""
    return _plain(one) == _plain(other)


def _plain(address: str) -> str:
    return re.sub(r":443\Z", "", address.strip().lower())
