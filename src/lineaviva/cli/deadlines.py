"""`lineaviva deadlines`: the three dates of a line, from its operator and its last top-up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lineaviva.rulebook.deadlines import Deadlines, Dispute

app = typer.Typer(name="deadlines")

# Before the first Italian GSM line nothing can have been topped up; far enough ahead nothing is promised.
FIRST, LAST = date(1992, 1, 1), date(2200, 12, 31)
LABELS = {
    "full_service_until": "Full service until",
    "receive_only_until": "Receives until",
    "number_kept_until": "Number kept until",
}
STATES = {
    "full_service": "full service",
    "receive_only": "receive only",
    "off_recoverable": "off, the number can be had back",
    "lost": "number lost",
    "unknown": "unknown",
}


@app.command()
def deadlines(
    operator: Annotated[str, typer.Option(help="Operator, as in: lineaviva rulebook list")],
    last_topup: Annotated[str, typer.Option(help="Day of the last top-up, YYYY-MM-DD.", metavar="DATE")],
    as_of: Annotated[str | None, typer.Option(help="See it on this day; without it, today.", metavar="DATE")] = None,
    json: Json = False,
) -> None:
    """The three dates of a line, with their reasons and sources. Each is the last day of a phase.

    Example: lineaviva deadlines --operator vodafone --last-topup 2025-03-31
    """
    from lineaviva import rulebook

    found_operator = rulebook.operator(operator.strip().lower())
    today = clock.rome_date(clock.now())
    seen_on = _day(as_of, "as_of") if as_of else today
    event = _day(last_topup, "last_topup")
    if event > seen_on:
        on_what = "the day it is seen on" if as_of else "today"
        raise InvalidInput(
            f"last_topup: {event} is after {on_what} ({seen_on})", field="last_topup", code="date_in_future"
        )
    found = rulebook.deadlines.deadlines(operator=found_operator, last_event=event, as_of=seen_on)
    if json:
        output.print_json(_document(found))
    else:
        _print(found)


def _day(text: str, field: str) -> date:
    """The date that was meant. InvalidInput, naming `field`, on anything else."""
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidInput(
            f"{field}: {text!r} is not a date; write it as YYYY-MM-DD, like 2025-03-31",
            field=field,
            code="date_invalid",
        ) from None
    if not FIRST <= day <= LAST:
        raise InvalidInput(f"{field}: {day} is not between {FIRST} and {LAST}", field=field, code="date_invalid")
    return day


def _document(found: Deadlines) -> dict[str, object]:
    document = found.as_dict()
    return {"operator": document.pop("operator"), "last_topup": document.pop("last_event"), **document}


def _print(found: Deadlines) -> None:
    rows = [
        [label, getattr(found, name) or f"unknown: {escape(str(found.reasons[name]))}"]
        for name, label in LABELS.items()
    ]
    output.print_table(f"{found.operator.name}, last top-up {found.last_event}", ["", "Last day"], rows)
    output.console.print(f"On {found.as_of}: [bold]{STATES[found.state]}[/]{_left(found.days_left)}", highlight=False)
    _print_list("Why", map(str, found.why))
    _print_list("Other answers", [_other(dispute) for dispute in (*found.disputed, *found.set_aside)])
    _print_list(
        "Sources", [f"{one.url} ({one.date}, {one.kind}, confidence {one.confidence})" for one in found.sources]
    )


def _left(days: int | None) -> str:
    if days is None:
        return ""
    return ", the last day" if days == 0 else f", {days} day{'' if days == 1 else 's'} left"


def _other(dispute: Dispute) -> str:
    who = "the law" if dispute.law else ", ".join(source.id for source in dispute.sources)
    when = f" {dispute.on}" if dispute.on else ""
    aside = f"; set aside: {dispute.set_aside}" if dispute.set_aside else ""
    return f"{LABELS[dispute.field]}{when} ({dispute.says}), says {who}{aside}"


def _print_list(title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        output.console.print(title + ":")
    for line in found:
        output.console.print("- " + line, markup=False, highlight=False, soft_wrap=True)
