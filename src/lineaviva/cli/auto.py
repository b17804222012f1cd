"""`auto`: automatic renewals: list, show what will happen, switch on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import line_texts, output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.keeper.renewals.models import AutoRenewal

app = typer.Typer(name="auto", help="Automatic renewals: what will be charged when, and how to stop it.")

Number = Annotated[str, typer.Argument(help="The line's number.")]
Holder = Annotated[str, typer.Option(help="E-mail of the line's holder, where several keep this number.")]
_COLUMNS = ["Line", "Number", "Paid by", "Card", "At most", "Days before", "State", "Next", "On", "Amount"]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also those that are switched off.")] = False,
    json: Json = False,
) -> None:
    """Every automatic renewal with the next thing that will happen by itself.

    Example: `lineaviva auto list --json`
    """
    output.setup_django()
    from lineaviva.keeper.renewals.models import AutoRenewal

    found = AutoRenewal.objects.select_related("line", "payer", "method").order_by("pk")
    rows = [_row(auto) for auto in (found if every else found.filter(state=AutoRenewal.State.ON))]
    if json:
        output.print_json({"autos": rows})
        return
    output.print_table("", _COLUMNS, map(_cells, rows), empty="No line is renewed by itself.")


@app.command()
def show(number: Number, holder: Holder = "", json: Json = False) -> None:
    """What will happen by itself for a line, and what has happened.

    Example: `lineaviva auto show +393471234567`
    """
    auto = _auto(number, holder)
    row = {**_row(auto), "steps": _steps(auto), "events": _events(auto)}
    if json:
        output.print_json(row)
        return
    output.print_table("", _COLUMNS, [_cells(row)])
    steps = [[step["on"], step["kind"], step["amount"] or ""] for step in row["steps"]]
    output.print_table("What will happen next", ["Day", "What", "Amount"], steps, empty="Nothing.")
    events = [[event["at"], event["kind"], event["by"], escape(str(event["detail"]))] for event in row["events"]]
    output.print_table("What happened", ["When", "What", "By", "Detail"], events)


@app.command()
def on(
    number: Number,
    ceiling: Annotated[str, typer.Option(help="The most that one renewal may cost, in EUR: 10.00.")],
    card: Annotated[
        str, typer.Option(help="Last four digits of the holder's saved card; the newest if left out.")
    ] = "",
    lead: Annotated[int, typer.Option(help="Days before the line's date.")] = 7,
    choice: Annotated[
        str, typer.Option(help="What is bought: keepalive (the smallest act that keeps the line) or plan (its plan).")
    ] = "keepalive",
    holder: Holder = "",
    json: Json = False,
) -> None:
    """Switch automatic renewal on for a line, in its holder's name and by a card that they saved themselves.

    Only where they asked for it: the act is audited.

    Example: `lineaviva auto on +393471234567 --ceiling 10.00`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.actions import audit
    from lineaviva.keeper.payments.errors import method_unknown
    from lineaviva.keeper.payments.queries import methods_of
    from lineaviva.keeper.renewals.actions import auto_switch_on

    line, now = _line(number, holder), clock.now()
    methods = methods_of(line.holder).filter(**({"last4": card} if card else {}))
    if (method := methods.first()) is None:
        raise method_unknown()
    facts: dict[str, Any] = {"line": line, "method": method, "by": line.holder, "words": "command-line"}
    terms: dict[str, Any] = {"ceiling": Money.parse(ceiling, field="ceiling"), "lead_days": lead, "choice": choice}
    auto = auto_switch_on(now=now, **facts, **terms)
    audit(actor=None, act="auto_on", subject=f"auto:{auto.pk}", detail={"line": line.pk}, now=now)
    _said(auto, "It is on.", json)


@app.command()
def off(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "command-line",
    holder: Holder = "",
    json: Json = False,
) -> None:
    """Switch automatic renewal off for a line: nothing more is charged, also not what was announced.

    Example: `lineaviva auto off +393471234567 --reason "asked by phone"`
    """
    auto = _auto(number, holder)
    from lineaviva.keeper.renewals.actions import auto_stop

    _said(auto_stop(auto=auto, by=None, reason=reason, now=clock.now()), "It is off.", json)


def _line(number: str, holder: str) -> Any:
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.lines.queries import line_by_number

    return line_by_number(number, holder=user_by_email(holder) if holder else None)


def _auto(number: str, holder: str) -> AutoRenewal:
    """The one that is on for the line. Raises NotFound (auto_unknown)."""
    output.setup_django()
    from lineaviva.keeper.renewals.errors import not_found
    from lineaviva.keeper.renewals.queries import auto_of

    if (auto := auto_of(_line(number, holder))) is None:
        raise not_found()
    return auto


def _said(auto: AutoRenewal, sentence: str, json: bool) -> None:
    if json:
        output.print_json(_row(auto))
    else:
        typer.echo(sentence)


def _row(auto: AutoRenewal) -> dict[str, Any]:
    steps = _steps(auto)
    return {
        "auto": auto.pk,
        "line": auto.line_id,
        "label": auto.line.label,
        "number": line_texts.number(auto.line.msisdn, full=False),
        "payer": auto.payer.email,
        "card": auto.method.last4,
        "ceiling": str(Money(auto.ceiling_minor, auto.currency)),
        "lead_days": auto.lead_days,
        "choice": auto.choice,
        "state": auto.state,
        "off_reason": auto.off_reason,
        "next": steps[0] if steps else None,
    }


def _cells(row: dict[str, Any]) -> list[Any]:
    after = row["next"] or {"kind": "", "on": "", "amount": ""}
    return [
        *(escape(row["label"]), row["number"], escape(row["payer"]), f"…{row['card']}", row["ceiling"]),
        *(row["lead_days"], row["state"], after["kind"], after["on"], after["amount"] or ""),
    ]


def _steps(auto: AutoRenewal) -> list[dict[str, Any]]:
    from lineaviva.keeper.renewals.queries import what_next

    found = what_next(auto, clock.now()).steps
    return [{"on": one.on, "kind": one.kind, "amount": str(one.amount) if one.amount else None} for one in found]


def _events(auto: AutoRenewal) -> list[dict[str, Any]]:
    rows = auto.events.select_related("by").order_by("pk")
    return [
        {"at": one.at, "kind": one.kind, "by": one.by.email if one.by else "", "detail": one.detail} for one in rows
    ]
