"""A running `lineaviva smdp serve` of real processes, and an operator with a certificate of its own making."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lineaviva.carrier.smdp import ca
from lineaviva.cli.demo import free_port
from lineaviva.kernel import clock
from tests import migrated
from tests.cli.conftest import command_env, typed
from tests.patience import PATIENCE

HEADERS = {"Content-Type": "application/json", "X-Admin-Protocol": "gsma/rsp/v2.2.2"}
INITIATE = "/gsma/rsp2/es9plus/initiateAuthentication"
ES2 = "/gsma/rsp2/es2plus/"


@dataclass(frozen=True)
class Served:
    """A running `lineaviva smdp serve`, and what its tests need of it."""

    home: Path
    certs: Path
    port: int
    es2_port: int
    said: dict[str, Any]
    env: dict[str, str]

    def lineaviva(self, *words: str) -> Any:
        ran = typed(*words, "--json", env=self.env)
        assert ran.code == 0, ran.out + ran.err
        return ran.json

    def post(self, path: str, body: Any, context: ssl.SSLContext | None, port: int = 0) -> tuple[int, Any]:
        kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
        options = {"context": context} if context else {}
        connection = kind("127.0.0.1", port or self.port, timeout=PATIENCE, **options)  # type: ignore[arg-type]
        try:
            connection.request("POST", path, json.dumps(body), HEADERS)
            reply = connection.getresponse()
            content = reply.read()
            return reply.status, json.loads(content) if content else None
        finally:
            connection.close()

    def trusting(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.certs / "nist" / "ci.pem")
        return context


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Served]:
    home, certs, port = folder / "home", folder / "ca", free_port()
    home.mkdir()
    migrated.home("carrier", home)
    ca.init(certs, hosts=("localhost", "127.0.0.1"), now=clock.now())
    es2_port = free_port()
    env = {
        **command_env(home),
        "LINEAVIVA_SMDP_ADDRESS": f"localhost:{port}",
        "LINEAVIVA_CARRIER_OPERATOR": "tim",
    }
    argv = [sys.executable, "-m", "lineaviva.cli.main", "smdp", "serve", "--certs", str(certs), "--port", str(port)]
    argv += ["--es2-port", str(es2_port), *words, "--json"]
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        yield Served(home, certs, port, es2_port, json.loads(process.stdout.readline()), env)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


class Operator:
    """One with a certificate of its own making."""

    def __init__(self, folder: Path, name: str, *, days: int = 30) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(named, named, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .sign(key, hashes.SHA256())
        )
        self.name, self.certificate, self._key = name, folder / f"{name}.pem", folder / f"{name}.key"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._key.write_bytes(key.private_bytes(*pem))

    def shown(self, folder: Path) -> Path:
        """Certificate and key in one file there, as its own client reads them."""
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.name}.pem"
        path.write_bytes(self.certificate.read_bytes() + self._key.read_bytes())
        return path

    def context(self, served: Served) -> ssl.SSLContext:
        context = served.trusting()
        context.load_cert_chain(self.certificate, self._key)
        return context

    def asks(self, served: Served, function: str, **body: Any) -> Any:
        header = {"functionRequesterIdentifier": self.name, "functionCallIdentifier": str(uuid.uuid4())}
        status, document = served.post(
            ES2 + function, {"header": header, **body}, self.context(served), served.es2_port
        )
        assert status == 200
        return document


def codes(document: Any) -> str:
    status = document["header"]["functionExecutionStatus"]
    data = status.get("statusCodeData")
    return f"{data['subjectCode']}/{data['reasonCode']}" if data else str(status["status"])
