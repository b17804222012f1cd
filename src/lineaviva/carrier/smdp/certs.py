"""The certificates an SM-DP+ answers with, and its trust in an eUICC's (SGP.22 v2.x 4.5.2).

A folder holds them in any layout: one folder per CI as `lineaviva smdp ca init` makes it, or the SGP.26 test set as it
is. Each file is known by what it holds; keys are matched with certificates, certificates with the CI that signed them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificate

from lineaviva.carrier.smdp import crypto
from lineaviva.carrier.smdp.alike import Makes
from lineaviva.carrier.smdp.certificates import Certificate, CertificateError, Role, key_of, read_certificate

__all__ = [
    "Certificate",
    "CertificateError",
    "CertificateStore",
    "Euicc",
    "EuiccTrust",
    "Role",
    "Server",
    "Signer",
    "Tls",
    "Untrusted",
    "key_of",
    "read_certificate",
]

_SUFFIXES = {".der", ".cer", ".crt", ".pem", ".key"}
_FILE_BYTES = 65536
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate with its private key."""

    certificate: Certificate
    key: crypto.PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """64 bytes, as a 5F37 holds them."""
        return crypto.sign(self.key, message)


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS certificate: its files, and the same as PEM for what reads only that."""

    certificate: Path
    key: Path
    signer: Signer
    chain_pem: bytes = field(repr=False)

    def key_pem(self) -> bytes:
        return self.signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class Server:
    """What the SM-DP+ has under one CI. `ci_key` is there with test sets only."""

    ci: Certificate
    auth: Signer
    pb: Signer
    tls: Tls | None
    oid: str
    ci_key: crypto.PrivateKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """A certificate and the file it lay in."""

    path: Path
    certificate: Certificate
    pem: bytes


class CertificateStore:
    """The servers of one folder, by the key identifier of their CI. `left_out` says what lay there and is not used."""

    def __init__(self, servers: Iterable[Server], left_out: Iterable[str] = ()) -> None:
        self.servers = tuple(servers)
        self.left_out = tuple(left_out)
        self._by_key_id = {server.ci.subject_key_id: server for server in self.servers}

    def by_key_id(self, key_id: bytes) -> Server | None:
        """The server under the CI whose key has this identifier (20 bytes)."""
        return self._by_key_id.get(key_id)

    @property
    def tls(self) -> Tls | None:
        """The TLS certificate to answer with, on NIST P-256 if there is one: few clients speak brainpool in TLS."""
        found = sorted((server for server in self.servers if server.tls), key=lambda server: server.ci.curve.name)
        return found[-1].tls if found else None

    @classmethod
    def load(cls, folder: Path | str, now: datetime | None = None) -> CertificateStore:
        """Everything in the folder and below it; CertificateError names the file that is wrong.

        With `now`, certificates that are not valid then are wrong too.
        """
        loader = _Loader(Path(folder), now)
        return cls(loader.servers(), loader.left_out)


class _Loader:
    def __init__(self, folder: Path, now: datetime | None) -> None:
        if not folder.is_dir():
            raise CertificateError(f"{folder} is not a folder of certificates")
        self._folder, self._now = folder, now
        self._keys: dict[bytes, tuple[Path, crypto.PrivateKey]] = {}
        self._certificates: dict[bytes, _Found] = {}
        self.left_out: list[str] = []
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix.lower() in _SUFFIXES:
                self._take(path)

    def servers(self) -> list[Server]:
        cis = self._cis()
        for found in self._with(Role.DP_AUTH, Role.DP_PB):
            if found.certificate.authority_key_id not in cis:
                self.left_out.append(f"{found.path}: the CI that signed it is not in {self._folder}")
        servers = [server for key_id in cis if (server := self._server(cis[key_id]))]
        if not servers:
            raise CertificateError(
                f"{self._folder} holds no complete set: a CI, and a DPauth and a DPpb certificate with their keys"
                + "".join(f"; {reason}" for reason in self.left_out)
            )
        return servers

    def _cis(self) -> dict[bytes, _Found]:
        cis: dict[bytes, _Found] = {}
        for found in self._with(Role.CI):
            self._check(found, by=found)
            before = cis.setdefault(found.certificate.subject_key_id, found)
            if before is not found:
                raise CertificateError(f"{found.path} and {before.path} are two CI certificates of one key")
        return cis

    def _server(self, ci: _Found) -> Server | None:
        auth, pb = self._under(ci, Role.DP_AUTH), self._under(ci, Role.DP_PB)
        if auth is None and pb is None:
            self.left_out.append(f"{ci.path}: no DPauth and no DPpb certificate is under this CI")
            return None
        if auth is None or pb is None:
            missing = "DPauth" if auth is None else "DPpb"
            raise CertificateError(f"{ci.path}: no {missing} certificate is under this CI")
        oid = auth.certificate.oid
        if oid is None or oid != pb.certificate.oid:
            raise CertificateError(f"{auth.path} and {pb.path} do not name the same SM-DP+ (object identifier)")
        key = self._keys.get(crypto.point(ci.certificate.public_key))
        return Server(
            ci.certificate, self._signer(auth), self._signer(pb), self._tls(ci), oid, ci_key=key[1] if key else None
        )

    def _under(self, ci: _Found, role: Role) -> _Found | None:
        """The one certificate of this role that the CI signed."""
        found = [
            found for found in self._with(role) if found.certificate.authority_key_id == ci.certificate.subject_key_id
        ]
        if len(found) > 1:
            names = " and ".join(str(one.path) for one in found)
            raise CertificateError(f"{names} are for the same thing under one CI: keep one of them")
        for one in found:
            self._check(one, by=ci)
        return found[0] if found else None

    def _check(self, found: _Found, *, by: _Found) -> None:
        if not by.certificate.issued(found.certificate):
            raise CertificateError(f"{found.path} is not signed by the key of {by.path}")
        if self._now and not found.certificate.valid_at(self._now):
            first, last = found.certificate.not_before.date(), found.certificate.not_after.date()
            raise CertificateError(f"{found.path} is valid from {first} to {last} only")

    def _signer(self, found: _Found) -> Signer:
        return Signer(found.certificate, self._key(found)[1])

    def _key(self, found: _Found) -> tuple[Path, crypto.PrivateKey]:
        key = self._keys.get(crypto.point(found.certificate.public_key))
        if key is None:
            raise CertificateError(f"{found.path}: its private key is not in {self._folder}")
        return key

    def _tls(self, ci: _Found) -> Tls | None:
        """The TLS certificate under this CI, or one of a CI that is not here (a public one)."""
        found = self._under(ci, Role.DP_TLS) or next(
            (
                one
                for one in self._certificates.values()
                if one.certificate.says.serves_tls and not one.certificate.role
            ),
            None,
        )
        if found is None:
            return None
        path, key = self._key(found)
        return Tls(found.path, path, Signer(found.certificate, key), found.pem)

    def _with(self, *roles: Role) -> Iterator[_Found]:
        return (found for found in self._certificates.values() if found.certificate.role in roles)

    def _take(self, path: Path) -> None:
        if path.stat().st_size > _FILE_BYTES:
            raise CertificateError(f"{path} is too long for a certificate or a key")
        data = path.read_bytes()
        blocks = list(_BLOCK.finditer(data))
        for block in blocks:
            self._take_block(path, block[1].decode(), block[0], data)
        if not blocks:
            self._take_der(path, data)

    def _take_block(self, path: Path, kind: str, block: bytes, data: bytes) -> None:
        if kind == "CERTIFICATE":
            try:
                der = load_pem_x509_certificate(block).public_bytes(Encoding.DER)
            except ValueError:
                _refuse(path, "holds a certificate that cannot be read")
            self._take_certificate(path, der, data)
        elif kind.endswith("PRIVATE KEY"):
            try:
                self._take_key(path, load_pem_private_key(block, password=None))
            except TypeError:
                _refuse(path, "is locked with a password; keep the key without one, readable only by this service")
            except (ValueError, UnsupportedAlgorithm):
                _refuse(path, "holds a private key that cannot be read")

    def _take_der(self, path: Path, data: bytes) -> None:
        try:
            self._take_key(path, load_der_private_key(data, password=None))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            self._take_certificate(path, data, b"")

    def _take_certificate(self, path: Path, der: bytes, pem: bytes) -> None:
        try:
            certificate = read_certificate(der)
        except CertificateError as error:
            raise CertificateError(f"{path}: {error}") from error
        pem = pem or certificate.parsed.public_bytes(Encoding.PEM)
        self._certificates.setdefault(der, _Found(path, certificate, pem))

    def _take_key(self, path: Path, key: object) -> None:
        if isinstance(key, crypto.PrivateKey):
            self._keys.setdefault(crypto.point(key.public_key()), (path, key))


def _refuse(path: Path, reason: str) -> NoReturn:
    raise CertificateError(f"{path} {reason}") from None


Kind = Literal[
    "bad",
    "ci_unknown",
    "eum_signature",
    "eum_expired",
    "euicc_signature",
    "euicc_expired",
    "eid_mismatch",
    "eid_out_of_range",
]


class Untrusted(CertificateError):
    """An eUICC that cannot be believed: `kind` says why, `whose` which of the two certificates is at fault."""

    def __init__(self, kind: Kind, whose: Literal["eum", "euicc"]) -> None:
        super().__init__(f"the {whose} certificate is refused: {kind}")
        self.kind = kind
        self.whose = whose


@dataclass(frozen=True, slots=True)
class Euicc:
    """An eUICC whose certificates are right; what it signs is still to be verified."""

    eid: str = field(repr=False)
    public_key: crypto.PublicKey = field(repr=False)
    certificate: Certificate = field(repr=False)
    server: Server


@dataclass(frozen=True, slots=True)
class _Eum:
    certificate: Certificate
    server: Server
    makes: Makes = field(default_factory=Makes)


class EuiccTrust:
    """Believes eUICCs whose maker (EUM) is certified by a CI of the store."""

    def __init__(self, store: CertificateStore) -> None:
        self._store = store
        # There are few makers: each one's certificate is verified once. A refusal is an exception and is not kept.
        self._eum = lru_cache(maxsize=256)(self._read_eum)

    def check(self, euicc_der: bytes, eum_der: bytes, now: datetime) -> Euicc:
        """The eUICC of these certificates (SGP.22 2.6.4, 5.6.3); raises Untrusted."""
        eum = self._eum(bytes(eum_der))
        if not eum.certificate.valid_at(now):
            raise Untrusted("eum_expired", "eum")
        if not eum.server.ci.valid_at(now):
            raise Untrusted("ci_unknown", "eum")
        try:
            read = eum.makes.read(euicc_der)
        except CertificateError:
            raise Untrusted("bad", "euicc") from None
        certificate = read.certificate
        if not eum.certificate.issued(certificate):
            raise Untrusted("euicc_signature", "euicc")
        if not certificate.valid_at(now):
            raise Untrusted("euicc_expired", "euicc")
        if certificate.role is not Role.EUICC or not certificate.says.signs_data:
            raise Untrusted("bad", "euicc")
        eid = _vouched(read.eid, read.organization, eum)
        eum.makes.learn(read)
        return Euicc(eid, certificate.public_key, certificate, eum.server)

    def _read_eum(self, der: bytes) -> _Eum:
        try:
            certificate = read_certificate(der)
        except CertificateError:
            raise Untrusted("bad", "eum") from None
        server = self._store.by_key_id(certificate.authority_key_id or b"")
        if server is None:
            raise Untrusted("ci_unknown", "eum")
        if not server.ci.issued(certificate):
            raise Untrusted("eum_signature", "eum")
        says = certificate.says
        if says.role is not Role.EUM or not (says.is_ca and says.signs_certificates):
            raise Untrusted("bad", "eum")
        return _Eum(certificate, server)


def _vouched(eid: str | None, organization: str | None, eum: _Eum) -> str:
    if eid is None:
        raise Untrusted("eid_mismatch", "euicc")
    if not any(one.holds(organization, eid) for one in eum.certificate.says.ranges or ()):
        raise Untrusted("eid_out_of_range", "euicc")
    return eid
