"""`lineaviva carrier clients`: the programs that may speak to the operator's APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineaviva.cli import output
from lineaviva.cli.carrier_home import Home, carrier, operator_or_ours
from lineaviva.cli.output import Json
from lineaviva.kernel import clock

if TYPE_CHECKING:
    from lineaviva.carrier.access.models import Client

app = typer.Typer(name="clients", help="OAuth clients of the operator's APIs.", no_args_is_help=True)
ClientId = Annotated[str, typer.Argument(help="The client's id, as `list` shows it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose program it is, for people.")],
    operator: Annotated[str, typer.Option(help="Else LINEAVIVA_CARRIER_OPERATOR.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do, such as catalog.read; again for more; `all`. Else what a reseller needs."),
    ] = None,
    client_id: Annotated[str, typer.Option(help="Else one is made.")] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Let a program in. Its secret is shown once, and nowhere to be had again.

    Example: `lineaviva carrier clients add "Corner shop" --operator tim --scope catalog.read --scope order.write`
    """
    with carrier(home):
        from lineaviva.carrier.access.actions import client_add
        from lineaviva.carrier.access.rules import RESELLER, SCOPES

        scopes = SCOPES if scope == ["all"] else tuple(scope or RESELLER)
        client, secret = client_add(
            operator=operator_or_ours(operator), name=name, scopes=scopes, client_id=client_id, now=clock.now()
        )
    _show_secret(client, secret, json)


@app.command(name="list")
def list_(
    operator: Annotated[str, typer.Option(help="Only this operator's.")] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """List the clients; of a secret nothing is known any more.

    Example: `lineaviva carrier clients list --operator tim --json`
    """
    with carrier(home):
        from lineaviva.carrier.access.queries import clients_listed

        found = [_facts(client) for client in clients_listed(operator)]
    if json:
        output.print_json({"clients": found})
        return
    rows = [
        (one["operator"], one["client_id"], one["name"], " ".join(one["scopes"]), one["disabled_at"]) for one in found
    ]
    output.print_table("Clients", ["Operator", "Id", "Name", "Scopes", "Disabled"], rows, empty="There is no client.")


@app.command()
def disable(client_id: ClientId, yes: Yes = False, home: Home = None, json: Json = False) -> None:
    """Shut a program out at once: its tokens end now, and it gets no other.

    Example: `lineaviva carrier clients disable tim-9f2c41d07be3`
    """
    with carrier(home):
        from lineaviva.carrier.access.actions import client_disable

        if not yes:
            typer.confirm(f"Shut {client_id} out for good?", abort=True)
        client = client_disable(client_id=client_id, now=clock.now())
    if json:
        output.print_json(_facts(client))
    else:
        output.console.print(f"{client.client_id} is shut out.")


@app.command()
def rotate(client_id: ClientId, yes: Yes = False, home: Home = None, json: Json = False) -> None:
    """Give a program a new secret, shown once; the old one and its tokens end at once.

    Example: `lineaviva carrier clients rotate tim-9f2c41d07be3`
    """
    with carrier(home):
        from lineaviva.carrier.access.actions import client_rotate

        if not yes:
            typer.confirm(f"End the present secret of {client_id}?", abort=True)
        client, secret = client_rotate(client_id=client_id, now=clock.now())
    _show_secret(client, secret, json)


def _facts(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "operator": client.operator,
        "scopes": client.scopes.split(),
        "created_at": client.created_at,
        "secret_at": client.secret_at,
        "disabled_at": client.disabled_at,
    }


def _show_secret(client: Client, secret: str, json: bool) -> None:
    if json:
        output.print_json({**_facts(client), "client_secret": secret})
        return
    for label, value in (("client id", client.client_id), ("client secret", secret), ("scopes", client.scopes)):
        output.console.print(f"[bold]{label:>13}[/]  {value}", soft_wrap=True, highlight=False)
    output.console.print("The secret is shown this once.", style="dim")
