"""`lineaviva till`: the shop's cash, day by day, and cash that is called off with a second person's consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.keeper.accounts.models import User
    from lineaviva.keeper.till.models import Cancellation, TillDay

app = typer.Typer(name="till", help="Cash: the till's days with counted cash and difference, and cash called off.")

By = Annotated[str, typer.Option("--by", help="E-mail of the clerk or the person of operations who does it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept for ever.")]
Number = Annotated[int, typer.Argument(help="Its number in `lineaviva till cancellations`.")]
_DAYS = ["#", "Opened", "Closed", "Float", "Cash in", "Cash out", "Expected", "Counted", "Difference", "To the bank"]
_CANCELLATIONS = ["#", "Order", "Amount", "Asked by", "Asked", "Reason", "State", "Decided by"]


@app.callback(invoke_without_command=True)
def _root(context: typer.Context, json: Json = False) -> None:
    """Cash: the till's days with counted cash and difference, and cash called off."""
    if not context.invoked_subcommand:
        show(json=json)


@app.command()
def show(
    every: Annotated[bool, typer.Option("--all", help="Every day, the last one first.")] = False, json: Json = False
) -> None:
    """Show what has to be in the till now, and its last day; `--all` for every day.

    Examples: `lineaviva till`, `lineaviva till show --all --json`
    """
    output.setup_django()
    from lineaviva.keeper.till import queries

    found = list(queries.days()) if every else list(queries.days()[:1])
    if json:
        facts = {"expected_minor": queries.expected_cash().minor, "open": queries.open_day() is not None}
        output.print_json({**facts, "days": [_facts(day) for day in found]})
        return
    output.console.print(f"By the books {queries.expected_cash()} are in the till.", highlight=False)
    output.print_table("", _DAYS, map(_cells, found), empty="No day was opened yet.")


@app.command("open")
def open_(
    cash: Annotated[str, typer.Argument(help="What is in the till now, counted, in EUR: 150.00.")],
    by: By,
    brought: Annotated[str, typer.Option("--brought", help="Of it, what came from the bank just now.")] = "0",
    reason: Annotated[str, typer.Option("--reason", help="Why it is not what stayed in the till.")] = "",
    json: Json = False,
) -> None:
    """Open a day of the till with the cash that is in it.

    From the first day on, no cash is taken or given back at the counter while the till is closed.

    Example: `lineaviva till open 150.00 --by chen@example.org`
    """
    output.setup_django()
    from lineaviva.keeper.till.actions import till_open

    amounts = {"cash": Money.parse(cash, field="cash"), "brought": Money.parse(brought, field="brought")}
    _report(till_open(by=_person(by), reason=reason, now=clock.now(), **amounts), json)


@app.command()
def close(
    by: By,
    counted: Annotated[str, typer.Option("--counted", help="What is in the till, as a sum in EUR: 184.50.")] = "",
    pieces: Annotated[str, typer.Option("--pieces", help="The same by notes and coins in EUR: 50x2,20x4,0.50x9.")] = "",
    banked: Annotated[str, typer.Option("--banked", help="Of it, what is taken to the bank.")] = "0",
    reason: Annotated[str, typer.Option("--reason", help="Why it is not what the books say; kept for ever.")] = "",
    json: Json = False,
) -> None:
    """Close the open day with the cash that was counted. What differs from the books is posted with its reason.

    Examples: `lineaviva till close --counted 184.50 --banked 34.50 --by chen@example.org`,
    `lineaviva till close --pieces 50x2,20x4,0.50x9 --by chen@example.org --reason "a coin too little"`
    """
    output.setup_django()
    from lineaviva.keeper.till import errors, queries, rules
    from lineaviva.keeper.till.actions import till_close

    if bool(counted) == bool(pieces):
        raise InvalidInput("Say either --counted or --pieces.", field="counted")
    number_of = _pieces(pieces)
    amount = Money.parse(counted, field="counted") if counted else rules.counted(number_of)
    day = queries.open_day()
    if day is None:
        raise errors.till_closed()
    facts: dict[str, Any] = {"counted": amount, "banked": Money.parse(banked, field="banked"), "pieces": number_of}
    _report(till_close(day=day, by=_person(by), reason=reason, now=clock.now(), **facts), json)


def _pieces(text: str) -> dict[int, int]:
    """50x2,0.20x3 -> how many of each, by cents. InvalidInput (pieces_invalid)."""
    found: dict[int, int] = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        piece, times, number = part.partition("x")
        if not times or not number.isdecimal():
            raise InvalidInput("Write notes and coins like 50x2,0.20x3.", code="pieces_invalid", field="pieces")
        cents = Money.parse(piece, field="pieces").minor
        found[cents] = found.get(cents, 0) + int(number)
    return found


@app.command()
def cancellations(
    every: Annotated[bool, typer.Option("--all", help="Also those that were decided.")] = False, json: Json = False
) -> None:
    """List cash that somebody wants to call off and that waits for a second person. Exit code 1 when there is any.

    Example: `lineaviva till cancellations`
    """
    output.setup_django()
    from lineaviva.keeper.till import queries

    found = list(queries.cancellations() if every else queries.cancellations_asked())
    if json:
        output.print_json({"cancellations": [_cancellation(row) for row in found]})
    else:
        rows = [[escape(str(cell)) for cell in _cancellation_cells(row)] for row in found]
        output.print_table("", _CANCELLATIONS, rows, empty="Nothing waits for a second person.")
    if any(row.state == "asked" for row in found):
        raise typer.Exit(1)


@app.command()
def cancel(
    code: Annotated[str, typer.Argument(help="The order's code, as printed: K2M7-F5PW.")],
    by: By,
    reason: Reason,
    json: Json = False,
) -> None:
    """Ask for cash to be given back before the operator hears of its order. Somebody else has to agree.

    Example: `lineaviva till cancel K2M7-F5PW --by chen@example.org --reason "took it for the wrong order"`
    """
    output.setup_django()
    from lineaviva.keeper.till.cancelling import cancellation_ask

    _say(cancellation_ask(code=code, by=_person(by), reason=reason, now=clock.now()), json)


@app.command()
def consent(
    number: Number,
    by: By,
    refuse: Annotated[bool, typer.Option("--refuse", help="Do not agree; of one's own: take it back.")] = False,
    json: Json = False,
) -> None:
    """Agree, as a second person, that cash is given back; or refuse it.

    Then give the money back, and confirm it at the counter or with: lineaviva orders confirm-refund CODE

    Examples: `lineaviva till consent 3 --by dora@example.org`,
    `lineaviva till consent 3 --refuse --by dora@example.org`
    """
    output.setup_django()
    from lineaviva.keeper.till.cancelling import cancellation_consent, cancellation_end

    act = cancellation_end if refuse else cancellation_consent
    _say(act(pk=number, by=_person(by), now=clock.now()), json)


def _person(email: str) -> User:
    from lineaviva.keeper.accounts.queries import user_by_email

    return user_by_email(email)


def _report(day: TillDay, json: bool) -> None:
    from lineaviva.keeper.till import queries

    shown = queries.day_by_id(day.pk)
    if json:
        output.print_json(_facts(shown))
    else:
        output.print_table("", _DAYS, [_cells(shown)])


def _facts(day: TillDay) -> dict[str, Any]:
    from lineaviva.keeper.till.queries import sums_of

    sums = sums_of(day)
    return {
        **{"id": day.pk, "till": day.till, "currency": day.currency},
        **{"opened_at": day.opened_at, "opened_by": day.opened_by.email},
        **{"float_minor": day.float_minor, "brought_minor": day.brought_minor, "found_minor": day.found_minor},
        **{"opening_reason": day.opening_reason, "in_minor": sums.came, "out_minor": sums.went},
        **{"other_minor": sums.other, "expected_minor": sums.expected, "counted_minor": day.counted_minor},
        **{"pieces": day.pieces, "difference_minor": None if day.is_open else day.difference.minor},
        **{"banked_minor": day.banked_minor, "reason": day.reason, "closed_at": day.closed_at},
        "closed_by": day.closed_by.email if day.closed_by else "",
    }


def _cells(day: TillDay) -> list[Any]:
    facts = _facts(day)
    names = ("float", "in", "out", "expected", "counted", "difference", "banked")
    amounts = [facts[f"{name}_minor"] for name in names]
    when = [f"{at.astimezone(clock.ROME):%Y-%m-%d %H:%M}" if at else "" for at in (day.opened_at, day.closed_at)]
    return [day.pk, *when, *("" if minor is None else str(Money(minor)) for minor in amounts)]


def _say(row: Cancellation, json: bool) -> None:
    from lineaviva.keeper.till.queries import cancellations as found

    shown = found().get(pk=row.pk)
    if json:
        output.print_json(_cancellation(shown))
    else:
        rows = [[escape(str(cell)) for cell in _cancellation_cells(shown)]]
        output.print_table("", _CANCELLATIONS, rows)


def _cancellation(row: Cancellation) -> dict[str, Any]:
    attempt, by = row.attempt, row.consented_by or row.ended_by
    return {
        **{"id": row.pk, "order": attempt.order.code, "amount_minor": attempt.amount_minor},
        **{"currency": attempt.currency, "state": row.state, "reason": row.reason, "asked_at": row.asked_at},
        **{"asked_by": row.asked_by.email, "decided_by": by.email if by else "", "decided_at": row.decided_at},
    }


def _cancellation_cells(row: Cancellation) -> list[Any]:
    facts = _cancellation(row)
    when = f"{row.asked_at.astimezone(clock.ROME):%Y-%m-%d %H:%M}"
    amount = Money(facts["amount_minor"], facts["currency"])
    names = ("asked_by", "reason", "state", "decided_by")
    asked_by, reason, state, decided_by = (facts[name] for name in names)
    return [row.pk, facts["order"], amount, asked_by, when, reason, state, decided_by]
