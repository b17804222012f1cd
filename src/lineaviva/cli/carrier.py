"""The carrier side's own commands: prove the books, open numbers, let programs in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from lineaviva.cli import output
from lineaviva.cli.carrier_clients import app as clients
from lineaviva.cli.carrier_home import Home, carrier, operator_or_ours
from lineaviva.cli.carrier_nightly import nightly
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.money import Money

app = typer.Typer(
    name="carrier", help="The operator's side: its books, its numbers, its API clients.", no_args_is_help=True
)
app.add_typer(clients)
app.command()(nightly)


@app.command()
def audit(home: Home = None, json: Json = False) -> None:
    """Add up every ledger entry and compare it with credits, orders and transactions; exit code 1 if anything is off.

    Example: `lineaviva carrier audit --home var/sandbox/tim --json`
    """
    with carrier(home):
        from lineaviva.carrier.orders.queries import books_audit
        from lineaviva.carrier.subscriptions.queries import operators

        found = {operator: books_audit(operator) for operator in operators()}
    if json:
        output.print_json(
            {
                "balanced": all(one.balanced for one in found.values()),
                "operators": {
                    name: {"balanced": one.balanced, "accounts": one.accounts, "problems": one.problems}
                    for name, one in found.items()
                },
            }
        )
    else:
        rows = [
            (name, account, str(Money(minor, "EUR")))
            for name, one in found.items()
            for account, minor in one.accounts.items()
        ]
        output.print_table(
            "Accounts, debits above zero", ["Operator", "Account", "Balance"], rows, empty="The books are empty."
        )
        for name, one in found.items():
            for sentence in one.problems:
                output.errors.print(f"[bold red]{name}:[/] {sentence}", highlight=False)
    if not all(one.balanced for one in found.values()):
        raise typer.Exit(1)


@app.command(name="open")
def open_(
    msisdns: Annotated[list[str], typer.Argument(help="Italian mobile numbers.")],
    operator: Annotated[str, typer.Option(help="Else LINEAVIVA_CARRIER_OPERATOR.")] = "",
    extended_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the last top-up; else not known.")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Open numbers at the carrier, all of them or none; a number that is open stays as it is.

    Example: `lineaviva carrier open +393391234567 --operator tim --extended-on 2026-01-31`
    """
    with carrier(home):
        opened = _open(operator_or_ours(operator), msisdns, extended_on)
    if json:
        output.print_json({"opened": opened, "known": len(msisdns) - opened})
    else:
        output.console.print(f"{opened} opened, {len(msisdns) - opened} were open before.")


def _open(operator: str, msisdns: list[str], extended_on: datetime | None) -> int:
    from django.db import transaction

    from lineaviva.carrier.subscriptions.actions import subscription_open

    day, now = extended_on.date() if extended_on else None, clock.now()
    with transaction.atomic():
        return sum(
            subscription_open(operator=operator, msisdn=msisdn, extended_on=day, now=now)[1] for msisdn in msisdns
        )
