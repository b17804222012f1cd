"""`lineaviva smdp clients`: the operators that may order over ES2+."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineaviva.cli import output
from lineaviva.cli.carrier_home import Home, carrier
from lineaviva.cli.output import Json

if TYPE_CHECKING:
    from lineaviva.carrier.smdp.clients import Client

app = typer.Typer(name="clients", help="Operators that may order over ES2+.", no_args_is_help=True)


@app.command()
def add(
    operator: Annotated[str, typer.Argument(help="Who it is, such as tim.")],
    certificate: Annotated[
        Path, typer.Option(help="PEM file with its TLS client certificate.", exists=True, dir_okay=False)
    ],
    home: Home = None,
    json: Json = False,
) -> None:
    """Let an operator in by its very certificate, beside those it has; nobody has to start anything again.

    Example: `lineaviva smdp clients add tim --certificate tim.pem`
    """
    with carrier(home):
        from lineaviva.carrier.smdp.clients import client_add

        added = client_add(folder=_folder(), operator=operator, pem=certificate.read_bytes())
    _show(added, json)


@app.command(name="list")
def list_(home: Home = None, json: Json = False) -> None:
    """List the certificates that open ES2+, with the day on which each ends.

    Example: `lineaviva smdp clients list --json`
    """
    with carrier(home):
        from lineaviva.carrier.smdp.clients import clients

        found = clients(_folder())
    _show(found, json)


def _folder() -> Path:
    from django.conf import settings

    return Path(settings.SMDP_CLIENTS)


def _show(clients: list[Client], json: bool) -> None:
    found: list[dict[str, Any]] = [
        {
            "operator": one.operator,
            "subject": one.certificate.subject.rfc4514_string(),
            "not_after": one.certificate.not_valid_after_utc,
            "sha256": one.fingerprint,
        }
        for one in clients
    ]
    if json:
        output.print_json({"clients": found})
        return
    rows = [(one["operator"], one["subject"], one["not_after"].date(), one["sha256"][:16]) for one in found]
    output.print_table("Operators", ["Operator", "Subject", "Until", "SHA-256"], rows, empty="No operator may order.")
