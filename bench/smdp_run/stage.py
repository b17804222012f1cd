"""What a measurement needs: certificates, a database with profiles that are released, the server's processes."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.renewals import cpu
from lineaviva.cli.demo import free_port
from lineaviva.cli.processes import is_listening
from lineaviva.cli.smdp_serve import es9plus_argv, listener_argv

BYTES = 12_000
ADDRESS = "smdp.bench.test"
_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream app {{ server 127.0.0.1:{behind}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {pem}; ssl_certificate_key {pem}; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@dataclass
class Server:
    """What listens, and the processes whose work counts."""

    port: int
    pids: list[int]

    def cpu(self) -> float:
        """CPU-seconds so far, with all children."""
        return sum(cpu.used({str(pid): pid for pid in self.pids}).values())

    def memory(self) -> float:
        """MB resident, of all of them."""
        return self._megabytes("VmRSS:")

    def peak(self) -> float:
        """The same, at its most so far."""
        return self._megabytes("VmHWM:")

    def _megabytes(self, line: str) -> float:
        return sum(_kilobytes(pid, line) for root in self.pids for pid in _tree(root)) / 1024


def _tree(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    below = [int(word) for word in path.read_text().split()] if path.exists() else []
    return [pid, *(one for child in below for one in _tree(child))]


def _kilobytes(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)


# --- rows ---------------------------------------------------------------------------------------------------------


def certificates(folder: Path) -> Path:
    from lineaviva.carrier.smdp import ca
    from lineaviva.kernel import clock

    ca.init(folder, curve="nist", hosts=("127.0.0.1",), now=clock.now())
    return folder / "nist"


def stock(many: int) -> list[str]:
    """So many profiles of 12 kB, imported as an operator does, and their matching ids."""
    from lineaviva.carrier.smdp import actions
    from lineaviva.carrier.smdp.models import Profile
    from lineaviva.carrier.smdp.stock import Shown
    from lineaviva.cli.smdp_import import _demo_packages, _import
    from lineaviva.kernel import clock

    _import(list(_demo_packages(many, None, BYTES)), "tim", "bench", Shown("Bench", "Bench"), "")
    found = []
    for iccid in Profile.objects.order_by("id").values_list("iccid", flat=True):
        now = clock.now()
        actions.profile_order(operator="tim", iccid=iccid, profile_type="bench", eid="", now=now)
        order = {"operator": "tim", "iccid": iccid, "eid": "", "matching_id": None, "confirmation_code": ""}
        found.append(actions.order_confirm(**order, release=True, now=now).matching_id or "")
    return found


def release_again() -> None:
    """All profiles as they were: each is downloaded many times in a long measurement."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM carrier_smdp_progress")
        cursor.execute("DELETE FROM carrier_smdp_notice")
        cursor.execute("DELETE FROM carrier_smdp_session")
        cursor.execute(
            "UPDATE carrier_smdp_profile SET state = 'released', eid = '', transaction_id = '', failure = ''"
        )


def reports() -> int:
    """Installations that were reported and believed."""
    from lineaviva.carrier.smdp.models import Notice, Profile

    installed = Profile.objects.filter(state="installed").count()
    kept = Notice.objects.filter(kind="install", result="installed").count()
    if installed != kept:
        raise SystemExit(f"{installed} profiles are installed, and {kept} reports say so")
    return installed


# --- processes ----------------------------------------------------------------------------------------------------


@contextmanager
def plain(workers: int = 1) -> Iterator[Server]:
    """ES9+ over HTTP."""
    port = free_port()
    with _running(es9plus_argv("127.0.0.1", port, workers), port) as process:
        yield Server(port, [process.pid])


@contextmanager
def in_process(identity: Path) -> Iterator[Server]:
    """ES9+ with TLS by the product itself."""
    port = free_port()
    with _running(listener_argv("es9plus", "127.0.0.1", port, identity), port) as process:
        yield Server(port, [process.pid])


@contextmanager
def terminated(certs: Path, folder: Path) -> Iterator[tuple[Server, str]]:
    """ES9+ over HTTP, with TLS in front; and what that is: nginx where there is one, else the web server itself."""
    port, pem = free_port(), folder / "tls.pem"
    pem.write_bytes((certs / "dptls.pem").read_bytes() + (certs / "dptls.key").read_bytes())
    nginx = shutil.which("nginx")
    if nginx is None:
        _without_policies(certs, pem)
        argv = es9plus_argv("127.0.0.1", port, 1)
        tls = ["--ssl-certificate", str(pem), "--ssl-keyfile", str(pem), "--ssl-protocol-min", "tls1.2"]
        with _running([*argv[:-1], *tls, argv[-1]], port) as process:
            yield Server(port, [process.pid]), "the web server's own TLS"
        return
    with plain() as behind:
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=port, behind=behind.port, pem=pem))
        with _running([nginx, "-c", str(config), "-p", str(folder)], port) as process:
            yield Server(port, [process.pid, *behind.pids]), "nginx"


def _without_policies(certs: Path, pem: Path) -> None:
    """The web server takes no certificate with SGP.22's critical policies, and costs the same with another."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = serialization.load_pem_private_key((certs / "dptls.key").read_bytes(), None)
    issuer_key = serialization.load_pem_private_key((certs / "ci.key").read_bytes(), None)
    old = x509.load_pem_x509_certificate((certs / "dptls.pem").read_bytes())
    builder = x509.CertificateBuilder(
        old.issuer, old.subject, key.public_key(), 1, old.not_valid_before_utc, old.not_valid_after_utc
    )
    for extension in old.extensions:
        if not isinstance(extension.value, x509.CertificatePolicies | x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, extension.critical)
    names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    plain = [name for name in names if not isinstance(name, x509.RegisteredID)]
    made = builder.add_extension(x509.SubjectAlternativeName(plain), False).sign(issuer_key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)


def trusted(authorities: str) -> ssl.SSLContext:
    """What a phone trusts; no session is taken up again, as LPAs do not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authorities)
    return context


@contextmanager
def _running(argv: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, stdout=sys.stderr, stderr=sys.stderr)
    try:
        deadline = time.monotonic() + 30
        while not is_listening(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{argv[0]} did not start")
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def environment(certs: Path) -> None:
    """Before Django's settings are read."""
    os.environ |= {
        "LINEAVIVA_SMDP_CERTS": str(certs),
        "LINEAVIVA_SMDP_ADDRESS": ADDRESS,
        "LINEAVIVA_SMDP_KEY": "the key of a measurement, that seals nothing of worth",
        "LINEAVIVA_SMDP_DOWNLOAD_ATTEMPTS": "1000000",
        "LINEAVIVA_LOG_LEVEL": "WARNING",
    }
