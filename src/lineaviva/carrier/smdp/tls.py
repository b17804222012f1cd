"""The certificate that the SM-DP+ shows in TLS: the folder's own, or one issued under the folder's test CI.

A web server wants a PEM file with a PKCS #8 key; folders hold DER and SEC 1 as well. What is converted or issued lies
in a folder of ours, readable by its owner only: nothing is written to the folder with the certificates.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from lineaviva.carrier.smdp import ca
from lineaviva.carrier.smdp.certs import CertificateError, CertificateStore, Server

# An issued one is replaced at the first start in the last month of its year.
_RENEW = timedelta(days=30)


@dataclass(frozen=True)
class Identity:
    """`file` holds chain and key. `issued` says that the certificate was made here, under a test CI's key."""

    file: Path
    not_after: datetime
    issued: bool


def tls_identity(*, store: CertificateStore, kept: Path, hosts: Sequence[str], now: datetime) -> Identity:
    """The certificate for `hosts` with its key, as one file under `kept`. Raises CertificateError where there is none.

    The folder's own TLS certificate counts first, as long as it is valid. Without one, one is issued where the folder
    has the key of a CI on NIST P-256: on brainpool most programs speak no TLS.
    """
    # Most phones check the CI's signature under it with what they have for TLS, which is NIST.
    servers = sorted(store.servers, key=lambda server: not _speaks_tls(server.ci.public_key))
    for server in servers:
        if server.tls and _speaks_tls(server.tls.signer.certificate.public_key):
            if server.tls.signer.certificate.valid_at(now):
                return _kept(kept, server.tls.chain_pem, server.tls.key_pem())
    for server in servers:
        if server.ci_key and _speaks_tls(server.ci.public_key):
            return _issued(kept, server, tuple(dict.fromkeys(hosts)), now)
    raise CertificateError(
        "There is neither a valid TLS certificate (DPtls) on NIST P-256 with its key, nor a CI with its key to issue "
        "one. Leave TLS to what stands in front, with --plain, or add one to the folder."
    )


def _speaks_tls(key: ec.EllipticCurvePublicKey) -> bool:
    return isinstance(key.curve, ec.SECP256R1)


def _issued(kept: Path, server: Server, hosts: tuple[str, ...], now: datetime) -> Identity:
    """One for these hosts under this CI; that of an earlier start, while it lasts."""
    name = hashlib.sha256(server.ci.der + "\n".join(hosts).encode()).hexdigest()[:16]
    path = kept / f"issued-{name}.pem"
    if path.exists():
        until = _not_after(path.read_bytes())
        if until - now > _RENEW:
            return Identity(path, until, issued=True)
    certificate, key = ca.issue_tls(server, hosts, now=now)
    _write(path, certificate + key)
    return Identity(path, _not_after(certificate), issued=True)


def _kept(kept: Path, chain: bytes, key: bytes) -> Identity:
    path = kept / f"{hashlib.sha256(chain).hexdigest()[:16]}.pem"
    _write(path, chain + key)
    return Identity(path, _not_after(chain), issued=False)


def _not_after(pem: bytes) -> datetime:
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc


def _write(path: Path, data: bytes) -> None:
    """At once, and for the owner's eyes only: chain and key of two that start together must not get mixed."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(data)
    draft.replace(path)
