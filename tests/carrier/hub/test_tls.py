"""Over TLS: the address that was looked at is connected to, and the certificate must be the name's."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lineaviva.carrier.hub import courier
from tests.carrier.hub.conftest import Ears


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for `name` with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def https(ears: Ears, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ears]:
    """The ears behind TLS as shop.test, whose name leads to this machine."""
    pem = certificate(tmp_path, "shop.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    ears.server.socket = context.wrap_socket(ears.server.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(pem))
    monkeypatch.setattr(courier, "_tls", lambda: trusting)
    asked: list[str] = []
    plain = socket.getaddrinfo

    def here(host: str, port: int, *more: Any, **and_more: Any) -> list[Any]:
        if not host.endswith(".test"):
            return plain(host, port, *more, **and_more)
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(courier.socket, "getaddrinfo", here)
    yield ears
    assert len(asked) == 1  # what was looked at is what was connected to: nobody asks for the name again


def test_the_names_certificate_is_taken(https: Ears) -> None:
    port = https.server.server_port
    assert courier.post(f"https://shop.test:{port}/hear", b"{}", {}) == courier.Answer(True, "answered 204")
    ((path, headers, _),) = https.heard
    assert (path, headers["Host"]) == ("/hear", f"shop.test:{port}")


def test_another_names_certificate_is_not(https: Ears) -> None:
    answer = courier.post(f"https://other.test:{https.server.server_port}/hear", b"{}", {})
    assert (answer.told, answer.text, https.heard) == (False, "ConnectError", [])
