"""`lineaviva esim`: profiles on their way to phones. No activation code is ever printed: who has it has the line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lineaviva.cli import esim_texts, output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lineaviva.keeper.accounts.models import User
    from lineaviva.keeper.delivery.models import Delivery

app = typer.Typer(name="esim", help="eSIM profiles on their way to phones.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(help="The profile's code, as `lineaviva esim list` prints it.")]
By = Annotated[str, typer.Option("--by", help="E-mail of the person of staff who does it; left out: the owner.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="Only those in this state: waiting, ordered, released, ...")] = "",
    number: Annotated[str, typer.Option(help="Only those of this mobile number.")] = "",
    limit: Annotated[int, typer.Option(help="Newest profiles shown.", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """List profiles, newest first.

    Examples: `lineaviva esim list --state released`, `lineaviva esim list --number 3391234567 --json`
    """
    output.setup_django()
    from lineaviva.keeper.delivery.models import DeliveryState
    from lineaviva.keeper.delivery.queries import deliveries
    from lineaviva.kernel.phone import parse_msisdn

    if state and state not in DeliveryState.values:
        raise InvalidInput(f"A state is one of {', '.join(DeliveryState.values)}, not {state!r}.", field="state")
    found = deliveries()
    if state:
        found = found.filter(state=state)
    if number:
        found = found.filter(line__msisdn=parse_msisdn(number, field="number"))
    rows = list(found[:limit])
    if json:
        output.print_json({"deliveries": [esim_texts.brief(row) for row in rows]})
    else:
        cells = map(esim_texts.cells, rows)
        output.print_table("eSIM profiles", esim_texts.COLUMNS, cells, empty="No eSIM profiles yet.")


@app.command()
def show(code: Code, json: Json = False) -> None:
    """Show one profile: its line, how far it is, what was told about it. ICCID and EID are masked.

    Example: `lineaviva esim show K2M7F5PW`
    """
    _report(_delivery(code), json)


@app.command()
def resend(code: Code, by: By = "", json: Json = False) -> None:
    """Send the message with the way to install it once more, to the line's holder; the worker sends it.

    Example: `lineaviva esim resend K2M7F5PW`
    """
    delivery = _delivery(code)
    from lineaviva.keeper.delivery.actions import delivery_resend

    mail = delivery_resend(delivery=delivery, by=_person(by), now=clock.now())
    if json:
        output.print_json({"code": delivery.code, "to": mail.to, "state": mail.state})
    else:
        output.console.print(f"The way to install {delivery.code} goes to {mail.to}.", highlight=False)


@app.command()
def replace(code: Code, by: By = "", yes: Yes = False, json: Json = False) -> None:
    """Have a lost or deleted profile replaced: it is withdrawn at once, and a new one is ordered.

    Example: `lineaviva esim replace K2M7F5PW --yes`
    """
    _renew(code, "replacement", by, yes, json)


@app.command()
def transfer(code: Code, by: By = "", yes: Yes = False, json: Json = False) -> None:
    """Order a profile for another phone: the old one works until the new one is installed.

    Example: `lineaviva esim transfer K2M7F5PW --yes`
    """
    _renew(code, "transfer", by, yes, json)


@app.command()
def installed(code: Code, by: By = "", yes: Yes = False, json: Json = False) -> None:
    """Write down that a profile is installed, where its holder says so and no report came. A plan that waits begins.

    Example: `lineaviva esim installed K2M7F5PW --yes`
    """
    delivery = _delivery(code)
    from lineaviva.keeper.delivery.actions import delivery_say_installed

    _ask(f"The holder says that {esim_texts.name(delivery)} is installed?", yes)
    delivery_say_installed(delivery=delivery, by=_person(by), now=clock.now())
    _report(delivery, json)


def _renew(code: str, reason: str, by: str, yes: bool, json: bool) -> None:
    delivery = _delivery(code)
    from lineaviva.keeper.delivery.actions import delivery_replace

    _ask(esim_texts.question(delivery, reason), yes)
    _report(delivery_replace(delivery=delivery, reason=reason, by=_person(by), now=clock.now()), json)


def _ask(question: str, yes: bool) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise typer.Abort


def _delivery(code: str) -> Delivery:
    output.setup_django()
    from lineaviva.keeper.delivery.queries import delivery_by_code

    return delivery_by_code(code)


def _person(email: str) -> User | None:
    if not email:
        return None
    from lineaviva.keeper.accounts.queries import user_by_email

    return user_by_email(email)


def _report(delivery: Delivery, json: bool) -> None:
    delivery.refresh_from_db()
    if json:
        output.print_json(esim_texts.document(delivery))
    else:
        esim_texts.print_delivery(delivery)
