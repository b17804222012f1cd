"""The operators that may order over ES2+: each by the certificates in its file (`tim.pem`) in one folder.

Trust is in the very certificates, whoever issued them (SGP.22 5.3 wants mutual TLS, and leaves to the two parties how
they know each other). TLS itself refuses all others; what the connection's certificate is called says who asks.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lineaviva.kernel.errors import InvalidInput

_OPERATOR = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")


@dataclass(frozen=True)
class Client:
    operator: str
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate.public_bytes(Encoding.DER))


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate's DER bytes, in hexadecimal digits."""
    return hashlib.sha256(der).hexdigest()


def clients(folder: Path) -> list[Client]:
    """Everybody who may order. Raises InvalidInput naming a file that holds no certificate."""
    found = []
    for path in sorted(folder.glob("*.pem")):
        try:
            read = x509.load_pem_x509_certificates(path.read_bytes())
        except ValueError:
            raise InvalidInput(f"{path} holds no certificate.", code="client_unreadable") from None
        found += [Client(path.stem, certificate) for certificate in read]
    return found


def client_add(*, folder: Path, operator: str, pem: bytes) -> list[Client]:
    """Let `operator` in by these certificates beside those it has. Raises InvalidInput."""
    if not _OPERATOR.fullmatch(operator):
        raise InvalidInput("An operator is written in small letters, digits and hyphens.", field="operator")
    try:
        added = [Client(operator, one) for one in x509.load_pem_x509_certificates(pem)]
    except ValueError:
        raise InvalidInput("That is no certificate in PEM.", field="certificate") from None
    others = {one.fingerprint: one.operator for one in clients(folder)}
    for one in added:
        if others.get(one.fingerprint, operator) != operator:
            raise InvalidInput(f"That certificate is {others[one.fingerprint]}'s.", field="certificate")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(folder / f"{operator}.pem", "ab") as file:
        for one in added:
            if one.fingerprint not in others:
                file.write(one.certificate.public_bytes(Encoding.PEM))
    return added


class Doorkeeper:
    """The TLS context of ES2+, and who is behind a certificate; read again when the folder changes."""

    def __init__(self, identity: Path, folder: Path) -> None:
        self._identity, self._folder = identity, folder
        self._state: object = None
        self._operators: dict[str, str] = {}
        self.context = self._make([])

    def refresh(self) -> None:
        """Read the folder if it changed. Raises InvalidInput, and then lets in whom the last good one let in."""
        state = self._look()
        if state != self._state:
            found = clients(self._folder)
            self.context = self._make(found)
            self._operators = {one.fingerprint: one.operator for one in found}
            self._state = state

    def operator(self, der: bytes | None) -> str:
        """Whose this certificate is; empty for nobody's."""
        return self._operators.get(fingerprint(der), "") if der else ""

    def _look(self) -> list[tuple[str, int, int]]:
        found = [(path, path.stat()) for path in sorted(self._folder.glob("*.pem"))]
        return [(path.name, told.st_mtime_ns, told.st_size) for path, told in found]

    def _make(self, known: list[Client]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._identity)
        context.verify_mode = ssl.CERT_REQUIRED
        # A certificate is trusted as it is: its issuer need not be known, and gives no right to its others.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if known:
            pem = b"".join(one.certificate.public_bytes(Encoding.PEM) for one in known)
            context.load_verify_locations(cadata=pem.decode())
        return context
