"""One certificate of remote SIM provisioning, read strictly (SGP.22 v2.x 4.5.2, SGP.14, RFC 5280).

What a certificate is for stands in its policy (2.23.146.1.2.1.x), so it is told by what it holds, not by a file's name.
Read by hand, for each download brings a new one, and building X.509 objects costs as much as verifying a signature.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from cryptography import x509

from lineaviva.carrier.smdp import crypto, der
from lineaviva.carrier.smdp.der import DerError, Tlv, children, expect, one, to_oid

MAX_BYTES = 8192
_ROLE = "2.23.146.1.2.1."
ECDSA_SHA256 = der.write(0x30, der.oid("1.2.840.10045.4.3.2"))
# All that stands in front of the point of a key: there is one encoding of it.
_KEY = der.oid("1.2.840.10045.2.1")
_KEY_IN = {
    der.write(0x30, der.write(0x30, _KEY, der.oid(oid)), der.write(0x03, bytes(66)))[:-65]: curve
    for oid, curve in (("1.2.840.10045.3.1.7", crypto.NIST), ("1.3.36.3.3.2.8.1.1.7", crypto.BRAINPOOL))
}
_SUBJECT_KEY_ID = der.oid("2.5.29.14")
_SERIAL_NUMBER = der.oid("2.5.4.5")
_ORGANIZATION = der.oid("2.5.4.10")
_SERVER_AUTH = der.oid("1.3.6.1.5.5.7.3.1")
# Of the kinds of text that a name may have, those in which a maker's name or an EID is written (RFC 5280 4.1.2.4).
_TEXTS = {0x0C, 0x13, 0x16}
_EID = re.compile("[0-9]{32}")


class CertificateError(ValueError):
    """A certificate, or a folder of them, that cannot be used; the sentence says which and why."""


class Role(StrEnum):
    """What a certificate is for (SGP.14, id-rspRole)."""

    CI = _ROLE + "0"
    EUICC = _ROLE + "1"
    EUM = _ROLE + "2"
    DP_TLS = _ROLE + "3"
    DP_AUTH = _ROLE + "4"
    DP_PB = _ROLE + "5"


_ROLES = {der.oid(role): role for role in Role}


@dataclass(frozen=True, slots=True)
class Range:
    """Which eUICCs an EUM may vouch for: a maker's name and how the EID begins (SGP.22 4.5.2.1.0.2)."""

    organization: str | None
    begins: str

    def holds(self, organization: str | None, eid: str) -> bool:
        return eid.startswith(self.begins) and self.organization in (None, organization)


@dataclass(slots=True)
class Extensions:
    """What the extensions of one certificate say."""

    role: Role | None = None
    subject_key_id: bytes = b""
    authority_key_id: bytes | None = None
    oid: str | None = None
    is_ca: bool = False
    signs_certificates: bool = False
    signs_data: bool = False
    serves_tls: bool = False
    # The EIDs that this one may vouch for; None if it does not say.
    ranges: tuple[Range, ...] | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """One X.509 certificate with a key on one of the two curves; `der` is as it was received."""

    der: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    subject: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime
    public_key: crypto.PublicKey = field(repr=False)
    point: bytes = field(repr=False)
    curve: crypto.Curve = field(repr=False)
    says: Extensions = field(repr=False)

    @property
    def role(self) -> Role | None:
        return self.says.role

    @property
    def subject_key_id(self) -> bytes:
        return self.says.subject_key_id

    @property
    def authority_key_id(self) -> bytes | None:
        return self.says.authority_key_id

    @property
    def oid(self) -> str | None:
        """The registered identifier in subjectAltName: an SM-DP+ is known by it."""
        return self.says.oid

    @property
    def parsed(self) -> x509.Certificate:
        """The same in the library's words."""
        return x509.load_der_x509_certificate(self.der)

    def valid_at(self, now: datetime) -> bool:
        return self.not_before <= now <= self.not_after

    def issued(self, other: Certificate) -> bool:
        """Whether this one's key signed the other, and the other names it as its issuer."""
        return (
            other.authority_key_id in (None, self.subject_key_id)
            and other.issuer == self.subject
            and crypto.verify_der(self.public_key, other.signature, other.signed)
        )

    def holder(self) -> tuple[str | None, str | None]:
        """Whose certificate it is, if an eUICC's: the EID in the subject's serial number, and the maker's name."""
        said = _texts(self.subject)
        digits = said.get(_SERIAL_NUMBER) or ""
        return (digits if _EID.fullmatch(digits) else None), said.get(_ORGANIZATION)

    def eid(self) -> str | None:
        """The 32 digits of the eUICC that this certificate is of."""
        return self.holder()[0]

    def organization(self) -> str | None:
        return self.holder()[1]


def read_certificate(data: bytes) -> Certificate:
    """The certificate that these bytes are; CertificateError if it is none that this system can use."""
    if len(data) > MAX_BYTES:
        raise CertificateError(f"a certificate of {len(data)} bytes is too long")
    try:
        return _read(data)
    except DerError as error:
        raise CertificateError(f"these bytes are no certificate: {error}") from error


def key_of(data: bytes) -> crypto.PublicKey:
    """The public key of a certificate that was believed before and kept: a third of the work of reading all of it."""
    try:
        signed = _some(children(expect(data, 0x30)), 3, 3)[0]
        return _key(_some(children(signed), 7, 10)[6])[0]
    except DerError as error:
        raise CertificateError(f"these bytes are no certificate: {error}") from error


def _read(data: bytes) -> Certificate:
    signed, algorithm, signature = _some(children(expect(data, 0x30)), 3, 3)
    version, _, inner, issuer, validity, subject, key, *rest = _some(children(signed), 7, 10)
    if version.raw != b"\xa0\x03\x02\x01\x02":
        raise CertificateError("the certificate is not of version 3")
    if not algorithm.raw == inner.raw == ECDSA_SHA256:
        raise CertificateError("the certificate is not signed with ECDSA and SHA-256")
    not_before, not_after = _some(children(validity), 2, 2)
    public_key, curve = _key(key)
    return Certificate(
        der=data,
        signed=signed.raw,
        signature=bits(signature),
        issuer=issuer.raw,
        subject=subject.raw,
        not_before=instant(not_before),
        not_after=instant(not_after),
        public_key=public_key,
        point=key.raw[-crypto.POINT_BYTES :],
        curve=curve,
        says=_extensions(one(rest, 0xA3), public_key),
    )


def _some(found: list[Tlv], least: int, most: int) -> list[Tlv]:
    if not least <= len(found) <= most:
        raise DerError("a part is missing, or there is one too many")
    return found


def bits(tlv: Tlv) -> bytes:
    """The content of a bit string of whole bytes."""
    if tlv.tag != 0x03 or tlv.value[:1] != b"\x00":
        raise DerError("no bit string of whole bytes")
    return tlv.value[1:]


def _key(tlv: Tlv) -> tuple[crypto.PublicKey, crypto.Curve]:
    curve = _KEY_IN.get(tlv.raw[: -crypto.POINT_BYTES])
    if curve is None:
        raise CertificateError("the certificate's key is not on NIST P-256 or brainpoolP256r1")
    return key_at(tlv.raw[-crypto.POINT_BYTES :], curve), curve


def key_at(point: bytes, curve: crypto.Curve) -> crypto.PublicKey:
    try:
        return crypto.otpk_read(point, curve)
    except ValueError:
        raise CertificateError("the certificate's key is no point of its curve") from None


def instant(tlv: Tlv) -> datetime:
    """UTCTime until 2049, GeneralizedTime from 2050 on, both to the second and in UTC (RFC 5280 4.1.2.5)."""
    text = tlv.value
    if tlv.tag == 0x17:
        text = (b"20" if text[:2] < b"50" else b"19") + text
    elif tlv.tag != 0x18:
        raise DerError("no time")
    if len(text) != 15 or text[14] != 0x5A or not text[:14].isdigit():
        raise DerError("no time in UTC")
    day, clock = divmod(int(text[:14]), 1_000_000)
    try:
        return datetime(
            day // 10_000, day // 100 % 100, day % 100, clock // 10_000, clock // 100 % 100, clock % 100, tzinfo=UTC
        )
    except ValueError:
        raise DerError("no such time") from None


def _texts(name: bytes) -> dict[bytes, str | None]:
    """The attributes of a name by their kind; None where one is there twice or is not text. Empty if it is no name."""
    said: dict[bytes, str | None] = {}
    try:
        for part in children(der.read(name)):
            # The maker's part of a name is in each of its certificates, the EID in one.
            own = _SERIAL_NUMBER in part.raw
            for kind, text in _attributes(part.raw) if own else _attributes_kept(part.raw):
                said[kind] = None if kind in said else text
    except DerError:
        return {}
    return said


def _attributes(raw: bytes) -> list[tuple[bytes, str | None]]:
    found = []
    for pair in children(der.read(raw)):
        kind, text = _some(children(pair), 2, 2)
        found.append((kind.raw, der.to_utf8(text) if text.tag in _TEXTS else None))
    return found


_attributes_kept = lru_cache(maxsize=256)(_attributes)


# --- extensions -----------------------------------------------------------------------------------------------------


Said = dict[str, Any]


def _extensions(tlv: Tlv, public_key: crypto.PublicKey) -> Extensions:
    found: Said = {}
    seen = set()
    for extension in children(one(tlv, 0x30)):
        # A maker writes the same into each of its certificates, but for the name of the key.
        own = extension.raw[2:7] == _SUBJECT_KEY_ID
        kind, said = _extension(extension.raw) if own else _extension_kept(extension.raw)
        if kind in seen:
            raise DerError("an extension is there twice")
        seen.add(kind)
        found.update(said)
    if not found.get("subject_key_id"):
        found["subject_key_id"] = x509.SubjectKeyIdentifier.from_public_key(public_key).digest
    return Extensions(**found)


def _extension(raw: bytes) -> tuple[bytes, Said]:
    """Which one it is, and what it says; only read, for it may be kept."""
    kind, *critical, content = _some(children(der.read(raw)), 2, 3)
    if content.tag != 0x04:
        raise DerError("an extension is not as it should be")
    reader = _READERS.get(kind.raw)
    if reader:
        return kind.raw, reader(der.read(content.value))
    if critical and der.to_boolean(critical[0]):
        raise CertificateError(f"the certificate has an unknown critical extension {to_oid(kind)}")
    return kind.raw, {}


_extension_kept = lru_cache(maxsize=256)(_extension)


def _subject_key_id(tlv: Tlv) -> Said:
    return {"subject_key_id": tlv.value}


def _authority_key_id(tlv: Tlv) -> Said:
    found = der.maybe(tlv, 0x80)
    return {"authority_key_id": found.value if found else None}


def _key_usage(tlv: Tlv) -> Said:
    if tlv.tag != 0x03 or not 2 <= len(tlv.value) <= 3:
        raise DerError("no key usage")
    return {"signs_data": bool(tlv.value[1] & 0x80), "signs_certificates": bool(tlv.value[1] & 0x04)}


def _basic_constraints(tlv: Tlv) -> Said:
    found = der.maybe(tlv, 0x01)
    return {"is_ca": found is not None and der.to_boolean(found)}


def _policies(tlv: Tlv) -> Said:
    roles = [_ROLES.get(one(policy, 0x06).raw) for policy in children(tlv)]
    return {"role": next(filter(None, roles), None)}


def _alternative_names(tlv: Tlv) -> Said:
    found = [name for name in children(tlv) if name.tag == 0x88]
    return {"oid": to_oid(found[0]) if found else None}


def _extended_key_usage(tlv: Tlv) -> Said:
    return {"serves_tls": any(usage.raw == _SERVER_AUTH for usage in children(tlv))}


def _name_constraints(tlv: Tlv) -> Said:
    permitted = der.maybe(tlv, 0xA0)
    names = [_texts(one(subtree, 0xA4).value) for subtree in children(permitted)] if permitted else []
    return {"ranges": tuple(Range(name.get(_ORGANIZATION), name.get(_SERIAL_NUMBER) or "") for name in names)}


def _nothing(tlv: Tlv) -> Said:
    """Known, and nothing in it is needed: where a CRL is, or who answers for a CI."""
    return {}


_READERS: dict[bytes, Callable[[Tlv], Said]] = {
    der.oid(oid): reader
    for oid, reader in (
        ("2.5.29.14", _subject_key_id),
        ("2.5.29.15", _key_usage),
        ("2.5.29.17", _alternative_names),
        ("2.5.29.19", _basic_constraints),
        ("2.5.29.30", _name_constraints),
        ("2.5.29.31", _nothing),
        ("2.5.29.32", _policies),
        ("2.5.29.35", _authority_key_id),
        ("2.5.29.37", _extended_key_usage),
    )
}
