"""The sandbox's people and lines, and its fault knobs."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.cli.sandbox_phone import app as phone
from lineaviva.kernel import clock
from lineaviva.kernel.calendar import add_months
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, InvalidInput, Temporary
from lineaviva.sandbox.world import CARRIERS, World

if TYPE_CHECKING:
    from lineaviva.keeper.accounts.models import User

app = typer.Typer(
    name="sandbox", help="The pretend outside world: its people, its faults, its phone.", no_args_is_help=True
)
app.add_typer(phone)

# Of some seconds each, when nobody answers.
_TRIES = 6
HOLDER, CLERK = "anna@lineaviva.test", "chen@lineaviva.test"


def sandbox_lines(today: date) -> list[dict[str, Any]]:
    """Anna's three lines: TIM five days before its date, a Vodafone eSIM half way, a WindTre line just topped up."""
    return [
        {
            "msisdn": "+393391234567",
            "operator": "tim",
            "label": "妈妈 · Mamma",
            "last_topup": add_months(today + timedelta(5), -12),
        },
        {
            "msisdn": "+393471238812",
            "operator": "vodafone",
            "label": "eSIM Milano",
            "sim_type": "esim",
            "last_topup": add_months(today, -6),
        },
        {
            "msisdn": "+393291232046",
            "operator": "windtre",
            "label": "Casa",
            "last_topup": add_months(today, -2),
        },
    ]


def people_make(*, language: str, now: datetime, renewed_before: bool = False) -> tuple[User, User]:
    """Anna and Chen the clerk, with Anna's lines if she has none yet; the second time changes nothing.

    `renewed_before`: the last top-up of each line was an order here, with its receipt.
    """
    from lineaviva.keeper.accounts.actions import user_get_or_create
    from lineaviva.keeper.lines.queries import lines_for

    anna = user_get_or_create(email=HOLDER, language=language, now=now)
    clerk = user_get_or_create(email=CLERK, language=language, role="clerk", now=now)
    if not lines_for(anna).exists():
        for operator in CARRIERS:
            _catalogue_read(operator, now)
        _lines_make(anna, clerk if renewed_before else None, now)
    return anna, clerk


def _lines_make(anna: User, clerk: User | None, now: datetime) -> None:
    """All or none; without a clerk their last top-ups were made elsewhere."""
    from django.db import transaction

    from lineaviva.cli.sandbox_past import renewed
    from lineaviva.keeper.lines.actions import line_register

    with transaction.atomic():
        for facts in sandbox_lines(rome_date(now)):
            if clerk is None:
                line_register(holder=anna, by=anna, now=now, **facts)
            else:
                line = line_register(holder=anna, by=anna, now=now, **{**facts, "last_topup": None})
                renewed(line=line, on=facts["last_topup"], by=anna, clerk=clerk)


def _catalogue_read(operator: str, now: datetime) -> None:
    """As soon as its carrier answers: it listens before it is ready, on a busy machine for long."""
    from lineaviva.keeper.catalogue.actions import catalogue_refresh

    for _ in range(_TRIES - 1):
        try:
            catalogue_refresh(operator=operator, now=now)
        except Temporary:
            time.sleep(1)
        else:
            return
    catalogue_refresh(operator=operator, now=now)


@app.command()
def faults(
    part: Annotated[str, typer.Argument(help="tim, vodafone, windtre or provider.")],
    knobs: Annotated[list[str] | None, typer.Argument(help="knob=value, as printed without any.")] = None,
    port: Annotated[int, typer.Option(help="The port that `lineaviva serve` was given.")] = 8000,
    json: Json = False,
) -> None:
    """Show or set how one part of the sandbox misbehaves.

    Examples: `lineaviva sandbox faults tim`, `lineaviva sandbox faults tim lost_answer_percent=100`
    """
    import httpx

    url = f"{_part_url(part, port)}/sandbox/knobs"
    try:
        wanted = dict(pair.split("=", 1) for pair in knobs or [])
    except ValueError:
        raise InvalidInput("Each knob is written knob=value.", field="knobs") from None
    try:
        reply = (
            httpx.post(url, json={k: _value(v) for k, v in wanted.items()}, timeout=5)
            if wanted
            else httpx.get(url, timeout=5)
        )
    except httpx.HTTPError:
        raise Conflict(
            f"The sandbox does not answer at {url}; start it with: lineaviva serve --sandbox",
            code="not_running",
        ) from None
    document = reply.json()
    if reply.status_code >= 400:
        raise InvalidInput(str(document.get("message") or document), field="knobs")
    if json:
        output.print_json(document)
    else:
        output.print_table(f"{part}: faults", ["Knob", "Value"], document.items())


def _value(text: str) -> int | float | bool | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"yes": True, "no": False, "true": True, "false": False}.get(text, text)


def _part_url(part: str, port: int) -> str:
    from pathlib import Path

    world = World(Path("var"), port)
    if part == "provider":
        return world.provider_url
    if part not in CARRIERS:
        raise InvalidInput(f"The parts are {', '.join(CARRIERS)} and provider, not '{part}'.", field="part")
    return world.carrier_url(part)


@app.command()
def people(
    language: Annotated[str, typer.Option(help="zh-hans, zh-hant, it or en.")] = "en",
    json: Json = False,
) -> None:
    """Make the sandbox's holder and clerk, with three lines, in this database.

    Example: `lineaviva sandbox people --language it`
    """
    output.setup_django()
    anna, clerk = people_make(language=language, now=clock.now(), renewed_before=True)
    if json:
        output.print_json({"holder": anna.email, "clerk": clerk.email})
    else:
        output.console.print(f"Holder {anna.email}, clerk {clerk.email}.")
