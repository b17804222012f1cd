"""`lineaviva smdp serve`: ES9+ for phones, ES2+ for operators, and the worker that tells operators how it went."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.cli.processes import INTERRUPTED, Group, Program, refuse_busy
from lineaviva.cli.running import migrate_database, worker_argv
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lineaviva.carrier.smdp.certs import CertificateStore
    from lineaviva.carrier.smdp.tls import Identity

_LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class _Asked:
    host: str
    port: int
    es2_port: int
    plain: bool
    workers: int


def serve(
    certs: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the SM-DP+'s certificates and keys, as `ca init` makes one; else LINEAVIVA_SMDP_CERTS.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Port of ES9+, for phones.", min=1, max=65535)] = 8443,
    es2_port: Annotated[
        int | None, typer.Option(help="Port of ES2+, for operators; 0: none. Else the next port.", min=0, max=65535)
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            help="As activation codes name this server: host or host:port; again for others that it answers to. "
            "Else LINEAVIVA_SMDP_ADDRESS, else this machine with the port."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for everywhere.")] = "127.0.0.1",
    plain: Annotated[
        bool, typer.Option("--plain", help="ES9+ without TLS, for what stands in front and ends it.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes for ES9+.", min=1, max=64)] = 1,
    json: Json = False,
) -> None:
    """Run an SM-DP+ in the foreground until Ctrl-C: phones download from it, operators order profiles at it.

    Any number of them may share a database. Example: `lineaviva smdp serve --certs var/ca --address smdp.example.com`
    """
    asked = _Asked(host, port, port + 1 if es2_port is None else es2_port, plain, workers)
    _environment(certs, address, asked)
    refuse_busy([asked.port, *([asked.es2_port] if asked.es2_port else [])], "smdp serve")
    group = Group()
    group.heed_signals()
    code = 1
    try:
        said = _start(group, asked)
        _tell(said, json)
        code = group.watch()
    except (Exception, KeyboardInterrupt):
        if not group.stopping:
            raise
        code = INTERRUPTED
    finally:
        group.stop()
    raise typer.Exit(code)


def _environment(certs: Path | None, address: list[str] | None, asked: _Asked) -> None:
    """What the processes are to know, before Django's settings are read from it."""
    os.environ["LINEAVIVA_PROGRAM"] = "carrier"
    if certs is not None:
        os.environ["LINEAVIVA_SMDP_CERTS"] = str(certs.resolve())
    if not os.environ.get("LINEAVIVA_SMDP_CERTS"):
        raise InvalidInput("Say where the certificates are, with --certs.", field="certs", code="certs_missing")
    if address:
        if any("$" in one or "," in one or "/" in one for one in address):
            raise InvalidInput("An address is a host, or host:port.", field="address", code="address_invalid")
        os.environ["LINEAVIVA_SMDP_ADDRESS"] = ",".join(address)


def _start(group: Group, asked: _Asked) -> dict[str, Any]:
    output.setup_django()
    from django.conf import settings

    store = _store(settings.SMDP_CERTS)
    addresses = settings.SMDP_ADDRESSES or _addresses(asked, store)
    os.environ["LINEAVIVA_SMDP_ADDRESS"] = ",".join(addresses)
    identity = _identity(store, Path(settings.HOME), addresses, needed=not asked.plain or bool(asked.es2_port))
    migrate_database()
    group.start(*_programs(asked, identity, Path(settings.HOME) / "log"))
    group.wait_until_up()
    return _facts(asked, store, addresses, identity, Path(settings.SMDP_CLIENTS))


def _programs(asked: _Asked, identity: Identity | None, log: Path) -> list[Program]:
    found = [Program("worker", worker_argv(), output=log / "smdp-worker.log")]
    if asked.plain:
        argv = es9plus_argv(asked.host, asked.port, asked.workers)
        found.append(Program("es9plus", argv, output=log / "smdp-es9plus.log", port=asked.port))
    elif identity:
        argv = listener_argv("es9plus", asked.host, asked.port, identity.file)
        for nth in range(asked.workers):
            found.append(Program(f"es9plus {nth}", argv, output=log / "smdp-es9plus.log", port=asked.port))
    if asked.es2_port and identity:
        argv = listener_argv("es2plus", asked.host, asked.es2_port, identity.file)
        found.append(Program("es2plus", argv, output=log / "smdp-es2plus.log", port=asked.es2_port))
    return found


def _store(folder: str) -> CertificateStore:
    from lineaviva.carrier.smdp.certs import CertificateError, CertificateStore

    try:
        return CertificateStore.load(folder, clock.now())
    except CertificateError as error:
        raise InvalidInput(_sentence(error), field="certs", code="certs_unusable") from None


def _identity(store: CertificateStore, home: Path, addresses: list[str], *, needed: bool) -> Identity | None:
    from lineaviva.carrier.smdp.certs import CertificateError
    from lineaviva.carrier.smdp.tls import tls_identity

    if not needed:
        return None
    hosts = [*(_host(address) for address in addresses), *_LOOPBACK]
    try:
        return tls_identity(store=store, kept=home / "smdp" / "tls", hosts=hosts, now=clock.now())
    except CertificateError as error:
        raise InvalidInput(_sentence(error), field="certs", code="tls_missing") from None


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text[:1].upper() + text[1:] + "."


def _addresses(asked: _Asked, store: CertificateStore) -> list[str]:
    """Without one that was given: this machine, and what the certificates call it, each with and without the port."""
    from cryptography import x509

    names = list(_LOOPBACK)
    for server in store.servers:
        try:
            found = server.auth.certificate.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            continue
        names += found.value.get_values_for_type(x509.DNSName)
    hosts = list(dict.fromkeys(names))
    return [f"{host}:{asked.port}" for host in hosts] + hosts


def _host(address: str) -> str:
    return address.rpartition(":")[0] if address.rpartition(":")[2].isdigit() and ":" in address else address


def es9plus_argv(host: str, port: int, workers: int) -> list[str]:
    """The web server of ES9+ without TLS. Many threads: each waits for one phone's body, and few work at a time."""
    # Its log says nothing below errors: there, it warns of threads for which there are no cores.
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1", "--log-level", "error"]
    argv += ["--host", host, "--port", str(port), "--workers", str(workers), "--blocking-threads", "32"]
    argv += ["--http1-header-read-timeout", "10000", "--workers-kill-timeout", "6", "--respawn-failed-workers"]
    return [*argv, "lineaviva.config.smdp:application"]


def listener_argv(interface: str, host: str, port: int, identity: Path) -> list[str]:
    """One process that speaks TLS itself; of ES9+ several may share a port."""
    argv = [sys.executable, "-m", "lineaviva.config.smdp", interface, "--host", host, "--port", str(port)]
    return [*argv, "--identity", str(identity)]


def _facts(
    asked: _Asked, store: CertificateStore, addresses: list[str], identity: Identity | None, clients: Path
) -> dict[str, Any]:
    scheme = "http" if asked.plain else "https"
    return {
        "address": addresses[0],
        "es9plus": f"{scheme}://{_url_host(asked.host)}:{asked.port}/gsma/rsp2/es9plus/",
        "es2plus": f"https://{_url_host(asked.host)}:{asked.es2_port}/gsma/rsp2/es2plus/" if asked.es2_port else "",
        "oid": store.servers[0].oid,
        "ci": [server.ci.subject_key_id.hex() for server in store.servers],
        "left_out": list(store.left_out),
        "tls": "" if identity is None or asked.plain else "issued here" if identity.issued else "from the folder",
        "tls_until": identity.not_after if identity else None,
        "operators": sorted(path.stem for path in clients.glob("*.pem")),
    }


def _url_host(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - read, not listened on


def _tell(said: dict[str, Any], json: bool) -> None:
    if json:
        output.print_json_line(said)
        return
    for name, value in said.items():
        text = ", ".join(value) if isinstance(value, list) else value
        if text:
            output.console.print(f"[bold]{name.replace('_', ' '):>10}[/]  {text}", soft_wrap=True, highlight=False)
    if not said["operators"] and said["es2plus"]:
        output.console.print("No operator may order yet: lineaviva smdp clients add --help", style="dim")
    output.console.print("Ctrl-C stops everything.", style="dim")
