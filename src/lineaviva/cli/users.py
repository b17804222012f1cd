"""The people who may sign in: add, list, role, and a link that signs one of them in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lineaviva.keeper.accounts.models import User

app = typer.Typer(name="users", help="The people who may sign in.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="E-mail address of the account.")]
MOST_HOURS = 24 * 30


@app.command()
def add(
    email: Email,
    language: Annotated[str, typer.Option(help="zh-hans, zh-hant, it or en.")] = "zh-hans",
    role: Annotated[str, typer.Option(help="holder, clerk, agent or operations.")] = "holder",
    name: Annotated[str, typer.Option(help="Name, for receipts and shared lines.")] = "",
    json: Json = False,
) -> None:
    """Make an account; nobody needs a password. An account that exists is left as it is.

    Example: `lineaviva users add chen@shop.example --role clerk --language zh-hans`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.actions import user_get_or_create

    user = user_get_or_create(email=email, language=language, role=role, name=name, now=clock.now())
    if json:
        output.print_json(_row(user))
        return
    output.console.print(f"{escape(user.email)}: {user.role}, reads {user.language}.", highlight=False)


@app.command("list")
def list_(json: Json = False) -> None:
    """Everybody who has an account.

    Example: `lineaviva users list --json`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.queries import users

    rows = [_row(user) for user in users()]
    if json:
        output.print_json({"users": rows})
        return
    columns = ["E-mail", "Name", "Role", "Language", "Active"]
    table = [
        (escape(row["email"]), escape(row["name"]), row["role"], row["language"], "yes" if row["active"] else "no")
        for row in rows
    ]
    output.print_table("", columns, table, empty="No accounts yet: lineaviva users add EMAIL.")


@app.command()
def role(
    email: Email,
    role: Annotated[str, typer.Argument(help="holder, clerk, agent or operations.")],
    json: Json = False,
) -> None:
    """Give an account another role; it is written to the audit list.

    Example: `lineaviva users role chen@shop.example operations`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.actions import role_set
    from lineaviva.keeper.accounts.queries import user_by_email

    user = role_set(user=user_by_email(email), role=role, by=None, now=clock.now())
    if json:
        output.print_json(_row(user))
        return
    output.console.print(f"{escape(user.email)} is {user.role} now.", highlight=False)


@app.command()
def link(
    email: Email,
    hours: Annotated[int, typer.Option(help="How long the link is good for.")] = 24,
    json: Json = False,
) -> None:
    """Make a link that signs this account in once. Whoever has the link has the account: hand it to its holder only.

    Example: `lineaviva users link anna@example.org --hours 1`
    """
    if not 1 <= hours <= MOST_HOURS:
        raise InvalidInput(f"A link is good for 1 to {MOST_HOURS} hours.", code="hours_invalid", field="hours")
    output.setup_django()
    from django.conf import settings
    from django.db import transaction

    from lineaviva.keeper.accounts.actions import audit, one_time_link_create
    from lineaviva.keeper.accounts.queries import user_by_email

    user, now = user_by_email(email), clock.now()
    with transaction.atomic():
        path = one_time_link_create(user=user, now=now, valid_for=timedelta(hours=hours))
        audit(actor=None, act="link_made", subject=f"user:{user.pk}", detail={"hours": hours}, now=now)
    url, until = f"{settings.PUBLIC_URL}{path}", now + timedelta(hours=hours)
    if json:
        output.print_json({"email": user.email, "url": url, "until": until})
        return
    # Not wrapped by the terminal's width: it must be fit for copying.
    output.console.print(url, soft_wrap=True, highlight=False)


def _row(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "language": user.language,
        "active": user.is_active,
    }
