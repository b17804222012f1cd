"""eUICC certificates of one make, read by what sets them apart (SGP.22 4.5.2.1.0.1).

A maker's certificates differ in their number, their dates, the EID, and the key with its name. One is read whole. Of
the next, whatever else is in it must be the same, byte for byte, and what is not the same is read and checked as ever:
the signature over all of it, the point on its curve, the dates, the digits of the EID.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from lineaviva.carrier.smdp import certificates, der
from lineaviva.carrier.smdp.certificates import Certificate
from lineaviva.carrier.smdp.der import DerError, Tlv

# A maker has a few makes of chips; for more, reading them whole costs less than looking through their patterns.
_MOST = 8
_SERIAL, _VALIDITY, _SUBJECT, _KEY = 1, 4, 5, 6


class Read(NamedTuple):
    """A certificate, and its holder's EID and maker as `Certificate.holder` says them. `whole`: it is like no other."""

    certificate: Certificate
    eid: str | None
    organization: str | None
    whole: bool


class _Make(NamedTuple):
    pattern: re.Pattern[bytes]
    model: Certificate
    organization: str | None


class Makes:
    """What is known of one maker's certificates."""

    def __init__(self) -> None:
        self._known: list[_Make] = []

    def read(self, data: bytes) -> Read:
        """Raises CertificateError."""
        if self._known and len(data) <= certificates.MAX_BYTES:
            try:
                found = self._like_another(data)
            except DerError:
                found = None  # read whole, it is refused in the words that fit
            if found is not None:
                return found
        certificate = certificates.read_certificate(data)
        return Read(certificate, *certificate.holder(), whole=True)

    def learn(self, read: Read) -> None:
        """One that was believed: the next of its make will be read faster."""
        if read.whole and len(self._known) < _MOST:
            pattern = _pattern(read.certificate)
            if pattern:
                self._known.append(_Make(pattern, read.certificate, read.organization))

    def _like_another(self, data: bytes) -> Read | None:
        parts = der.children(der.expect(data, 0x30))
        if len(parts) != 3 or parts[1].raw != certificates.ECDSA_SHA256:
            return None
        for pattern, model, organization in self._known:
            found = pattern.fullmatch(parts[0].raw)
            if found:
                return Read(_like(model, data, found, parts[2]), found["eid"].decode(), organization, whole=False)
        return None


def _like(model: Certificate, data: bytes, found: re.Match[bytes], signature: Tlv) -> Certificate:
    """Another of the model's make. Raises CertificateError and DerError."""
    not_before, not_after = der.children(found["validity"])
    point = found["point"]
    return Certificate(
        der=data,
        signed=found[0],
        signature=certificates.bits(signature),
        issuer=model.issuer,
        subject=found["subject"],
        not_before=certificates.instant(not_before),
        not_after=certificates.instant(not_after),
        public_key=certificates.key_at(point, model.curve),
        point=point,
        curve=model.curve,
        says=replace(model.says, subject_key_id=found["key_id"]),
    )


def _pattern(model: Certificate) -> re.Pattern[bytes] | None:
    """What its make have in common, with holes for the rest; None where it cannot be said where the holes are."""
    signed = der.expect(model.signed, 0x30)
    parts = der.children(signed)
    times = b"".join(_hole(time) for time in der.children(parts[_VALIDITY]))
    subject = _around(parts[_SUBJECT].raw, (model.eid() or "").encode(), b"(?P<eid>[0-9]{32})")
    point = _around(parts[_KEY].raw, model.point, b"(?P<point>.{%d})" % len(model.point))
    key_id = _around(parts[-1].raw, model.subject_key_id, b"(?P<key_id>.{%d})" % len(model.subject_key_id))
    if not (subject and point and key_id):
        return None
    said = [re.escape(part.raw) for part in parts]
    said[_SERIAL] = _hole(parts[_SERIAL])
    said[_VALIDITY] = re.escape(_head(parts[_VALIDITY])) + b"(?P<validity>" + times + b")"
    said[_SUBJECT] = b"(?P<subject>" + subject + b")"
    said[_KEY], said[-1] = point, key_id
    return re.compile(re.escape(_head(signed)) + b"".join(said), re.DOTALL)


def _hole(value: Tlv) -> bytes:
    return re.escape(_head(value)) + b".{%d}" % len(value.value)


def _head(value: Tlv) -> bytes:
    return value.raw[: len(value.raw) - len(value.value)]


def _around(raw: bytes, hidden: bytes, hole: bytes) -> bytes:
    """`raw` with a hole for what is hidden in it; empty where that is not in it once."""
    if not hidden or raw.count(hidden) != 1:
        return b""
    before, after = raw.split(hidden)
    return re.escape(before) + hole + re.escape(after)
