"""Who the phone's chip is: its keys and certificates, one set for each issuer (CI) that it trusts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from stdnum.iso7064 import mod_97_10

from lineaviva.carrier.smdp import ca, crypto
from lineaviva.carrier.smdp.certificates import Certificate, CertificateError, Role, read_certificate
from lineaviva.carrier.smdp.certs import Signer
from lineaviva.kernel.eid import parse_eid
from lineaviva.kernel.errors import InvalidInput
from lineaviva.sandbox.phone.errors import PhoneError
from lineaviva.sandbox.phone.store import write_whole

_LARGEST = 65_536


@dataclass(frozen=True)
class Credentials:
    """What the chip signs with under one CI."""

    ci: Certificate
    eum: Certificate
    euicc: Certificate
    key: crypto.PrivateKey = field(repr=False)


@dataclass(frozen=True)
class Identity:
    """The EID and the credentials, the preferred issuer first."""

    eid: str
    credentials: tuple[Credentials, ...]

    def under(self, ci_key_id: bytes) -> Credentials | None:
        """The credentials under the CI with this subject key identifier, if the chip has any."""
        return next((one for one in self.credentials if one.ci.subject_key_id == ci_key_id), None)

    @property
    def authorities(self) -> str:
        """The CI certificates in PEM, as trust anchors for TLS."""
        pem = serialization.Encoding.PEM
        return "".join(one.ci.parsed.public_bytes(pem).decode() for one in self.credentials)


@dataclass
class _Found:
    """What lies in a folder of certificates and keys, by what it is and not by its name."""

    certificates: list[Certificate] = field(default_factory=list)
    keys: list[crypto.PrivateKey] = field(default_factory=list)

    def of(self, role: Role) -> list[Certificate]:
        unique = {one.der: one for one in self.certificates if one.role is role}
        return list(unique.values())

    def key_of(self, certificate: Certificate) -> crypto.PrivateKey | None:
        wanted = crypto.point(certificate.public_key)
        return next((key for key in self.keys if crypto.point(key.public_key()) == wanted), None)


def read(folder: Path) -> Identity:
    """The identity in `folder`: of `lineaviva smdp ca init`, of GSMA's SGP.26 set, or of a phone.

    Raises InvalidInput (phone_certs_invalid) where no eUICC certificate with its key, its EUM and its CI is found.
    """
    found = _scan(folder)
    credentials = [one for euicc in found.of(Role.EUICC) if (one := _credentials(found, euicc)) is not None]
    # NIST first: what every server speaks. The order says to a server which issuer the chip prefers.
    credentials.sort(key=lambda one: one.ci.curve.name != crypto.NIST.name)
    eid = credentials[0].euicc.eid() if credentials else None
    if eid is None:
        raise InvalidInput(
            f"{folder} has no eUICC certificate with its private key, its EUM and its CI; "
            "make such a folder with: lineaviva smdp ca init --out DIR",
            code="phone_certs_invalid",
            field="certs",
        )
    return Identity(eid, tuple(one for one in credentials if one.euicc.eid() == eid))


def another(folder: Path, now: datetime, eid: str = "") -> Identity:
    """A new chip of the maker (EUM) in `folder`, with an EID of its own; InvalidInput where the maker's key is missing.

    One key pair and certificate under each CI whose EUM key lies there.
    """
    found = _scan(folder)
    makers = [(eum, key) for eum in found.of(Role.EUM) if (key := found.key_of(eum)) is not None]
    issuers = [(eum, key, ci) for eum, key in makers for ci in found.of(Role.CI) if ci.issued(eum)]
    if not issuers:
        raise InvalidInput(
            f"{folder} has no key of a chip maker (EUM), so no further chip can be made from it.",
            code="phone_certs_invalid",
            field="certs",
        )
    eid = parse_eid(eid) if eid else _new_eid(issuers[0][0])
    made = tuple(Credentials(ci, eum, *_issue(eum, key, eid, now)) for eum, key, ci in issuers)
    return Identity(eid, tuple(sorted(made, key=lambda one: one.ci.curve.name != crypto.NIST.name)))


def write(identity: Identity, folder: Path) -> None:
    """Put certificates and keys into `folder`, from where `read` takes them; keys are for their owner alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(identity.credentials):
        for name, certificate in (("ci", one.ci), ("eum", one.eum), ("euicc", one.euicc)):
            write_whole(folder / f"{name}-{number}.der", certificate.der)
        write_whole(folder / f"euicc-{number}.key.pem", _pem(one.key))


def _pem(key: crypto.PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _scan(folder: Path) -> _Found:
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}.", code="phone_certs_invalid", field="certs")
    found = _Found()
    for content in _files(folder):
        for der in _certificates(content):
            try:
                found.certificates.append(read_certificate(der))
            except CertificateError:
                continue
        if b"PRIVATE KEY-----" in content and (key := _private_key(content)) is not None:
            found.keys.append(key)
    return found


def _files(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= _LARGEST:
            try:
                yield path.read_bytes()
            except OSError as error:
                raise PhoneError(f"{path} cannot be read: {error.strerror}.", code="phone_certs_invalid") from None


def _certificates(content: bytes) -> list[bytes]:
    if not content.lstrip().startswith(b"-----"):
        return [content] if content[:1] == b"\x30" else []
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        return []
    return [one.public_bytes(serialization.Encoding.DER) for one in found]


def _private_key(content: bytes) -> crypto.PrivateKey | None:
    # SGP.26's keys have their curve's parameters in a block before the key.
    begin = content.find(b"-----BEGIN EC PRIVATE KEY")
    try:
        key = serialization.load_pem_private_key(content[max(begin, 0) :], password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, crypto.PrivateKey) else None


def _credentials(found: _Found, euicc: Certificate) -> Credentials | None:
    key = found.key_of(euicc)
    for eum in found.of(Role.EUM):
        for ci in found.of(Role.CI):
            if key is not None and eum.issued(euicc) and ci.issued(eum):
                return Credentials(ci, eum, euicc, key)
    return None


def _new_eid(eum: Certificate) -> str:
    # All EIDs of a maker begin alike (SGP.22 4.5.2.1.0.2).
    digits = eum.says.ranges[0].begins if eum.says.ranges else ca.EID_BEGINS
    digits += "".join(secrets.choice("0123456789") for _ in range(30 - len(digits)))
    return digits + f"{mod_97_10.calc_check_digits(digits)}"


def _issue(eum: Certificate, key: crypto.PrivateKey, eid: str, now: datetime) -> tuple[Certificate, crypto.PrivateKey]:
    """A key pair and a certificate for the chip with this EID (SGP.22 4.5.2.2, CERT.EUICC.ECDSA)."""
    said = ((NameOID.ORGANIZATION_NAME, eum.organization()), (NameOID.SERIAL_NUMBER, eid))
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in said if text])
    made = ca.issue(Role.EUICC, subject, eum.curve, issuer=Signer(eum, key), begins=now, ends=ca.NEVER)
    return made.certificate, made.key
