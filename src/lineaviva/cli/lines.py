"""Lines: add, list, show, import, export, remove, restore, share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import line_sheets, line_texts, output
from lineaviva.cli.line_sheets import Full, Holder, Yes, holder_of, lines_of
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from datetime import date

    from lineaviva.keeper.accounts.models import User
    from lineaviva.keeper.lines.models import Line

app = typer.Typer(name="lines", help="The lines that are kept alive.", no_args_is_help=True)

Msisdn = Annotated[str, typer.Argument(help="Italian mobile number, with or without +39.")]
Day = Annotated[str, typer.Option(help="A day: 2026-03-31 or 31/03/2026.")]


@app.command()
def add(
    msisdn: Msisdn,
    operator: Annotated[str, typer.Option(help="Operator, as in the rulebook: tim, vodafone, windtre, ...")],
    holder: Holder = "",
    label: Annotated[str, typer.Option(help="What you call it.")] = "",
    last_topup: Day = "",
    esim: Annotated[bool, typer.Option("--esim", help="It is an eSIM.")] = False,
    iccid: Annotated[str, typer.Option(help="18 to 20 digits on the card.")] = "",
    eid: Annotated[str, typer.Option(help="32 digits of the eSIM chip.")] = "",
    plan: Annotated[str, typer.Option(help="Name of its plan.")] = "",
    plan_expires_on: Day = "",
    auto_renew: Annotated[bool, typer.Option("--auto-renew", help="The plan renews by itself.")] = False,
    json: Json = False,
) -> None:
    """Add a line. A holder who has no account yet gets one.

    Example: `lineaviva lines add 3471234567 --operator tim --holder anna@example.org --last-topup 31/03/2026`
    """
    output.setup_django()
    from django.db import transaction

    from lineaviva.keeper.accounts.actions import user_get_or_create
    from lineaviva.keeper.lines.actions import line_register

    now = clock.now()
    # One transaction: a line that is refused must not leave a new account behind.
    with transaction.atomic():
        line = line_register(
            holder=user_get_or_create(email=holder, now=now) if holder else _only_holder(),
            msisdn=msisdn,
            operator=operator,
            sim_type="esim" if esim else "physical",
            iccid=iccid,
            eid=eid,
            label=label,
            last_topup=_day(last_topup, "last_topup"),
            plan=plan,
            plan_expires_on=_day(plan_expires_on, "plan_expires_on"),
            auto_renew=auto_renew,
            by=None,
            now=now,
        )
    _report(line, json)


@app.command("list")
def list_(
    holder: Holder = "",
    operator: Annotated[str, typer.Option(help="Only lines of this operator.")] = "",
    full: Full = False,
    json: Json = False,
) -> None:
    """All lines, the one whose date comes next first.

    Example: `lineaviva lines list --operator tim`
    """
    output.setup_django()
    from django.db.models import F

    from lineaviva.keeper.lines.queries import line_deadlines

    lines = lines_of(holder)
    if operator:
        lines = lines.filter(operator=operator.strip().lower())
    today = rome_date(clock.now())
    ordered = lines.order_by(F("next_deadline_on").asc(nulls_last=True), "pk")
    rows = [line_texts.line_row(line, line_deadlines(line, today), full=full) for line in ordered]
    if json:
        output.print_json({"as_of": today, "lines": rows})
        return
    output.print_table(
        "", line_texts.COLUMNS, map(line_texts.line_cells, rows), empty="No lines yet: lineaviva lines add --help"
    )


@app.command()
def show(msisdn: Msisdn, holder: Holder = "", as_of: Day = "", full: Full = False, json: Json = False) -> None:
    """One line: its three dates with reasons, what happens if nobody acts, and its history.

    Example: `lineaviva lines show 3471234567`
    """
    output.setup_django()
    from lineaviva.keeper.lines import queries

    line = queries.line_by_number(msisdn, holder=holder_of(holder))
    dates = queries.line_deadlines(line, _day(as_of, "as_of") or rome_date(clock.now()))
    document = {
        **line_texts.line_row(line, dates, full=full),
        "iccid": line_texts.number(line.iccid, full),
        "eid": line_texts.number(line.eid, full),
        "plan": line.plan,
        "plan_expires_on": line.plan_expires_on,
        "auto_renew": line.auto_renew,
        "last_topup": queries.last_topup(line),
        "deadlines": dates.as_dict(),
        "if_nobody_acts": line_texts.fate(dates),
        "shared_with": {share.user.email: share.right for share in queries.shares_of(line)},
        "history": [
            {
                "kind": event.kind,
                "on": event.on,
                "reference": event.reference,
                "by": event.recorded_by.email if event.recorded_by else None,
                "detail": event.detail,
            }
            for event in queries.history(line)
        ],
    }
    if json:
        output.print_json(document)
        return
    _print_line(document, dates)


def _print_line(document: dict[str, Any], dates: Any) -> None:
    output.print_table("", line_texts.COLUMNS, [line_texts.line_cells(document)])
    output.print_table("Dates", ["", "Last day", ""], line_texts.date_rows(dates))
    for sentence in [*map(str, dates.why), *document["if_nobody_acts"]]:
        output.console.print(escape(sentence), highlight=False)
    history = [
        [event["on"], event["kind"], event["reference"], event["by"] or "", escape(str(event["detail"] or ""))]
        for event in document["history"]
    ]
    output.print_table("History", ["On", "What", "Known from", "By", "Detail"], history)


app.command("import")(line_sheets.import_)
app.command()(line_sheets.export)


@app.command()
def told(
    msisdn: Msisdn,
    kind: Annotated[str, typer.Argument(help="topup, activation, plan, use or sim_change.")],
    on: Annotated[str, typer.Option(help="The day it happened: 2026-03-31 or 31/03/2026.")],
    holder: Holder = "",
    json: Json = False,
) -> None:
    """Say what happened to a line elsewhere; said again, the last word of each kind counts.

    Example: `lineaviva lines told 3471234567 topup --on 2026-03-31`
    """
    output.setup_django()
    from lineaviva.keeper.lines.actions import line_tell
    from lineaviva.keeper.lines.queries import line_by_number

    line = line_by_number(msisdn, holder=holder_of(holder))
    day = _day(on, "on")
    if day is None:
        raise InvalidInput("Say on which day.", code="date_invalid", field="on")
    _report(line_tell(line=line, kind=kind, on=day, by=None, now=clock.now()), json)


@app.command()
def remove(msisdn: Msisdn, holder: Holder = "", yes: Yes = False, json: Json = False) -> None:
    """Take a line off the list. Its history stays; `lines restore` puts it back.

    Example: `lineaviva lines remove 3471234567`
    """
    output.setup_django()
    from lineaviva.keeper.lines.actions import line_remove
    from lineaviva.keeper.lines.queries import line_by_number

    line = line_by_number(msisdn, holder=holder_of(holder))
    if sys.stdin.isatty() and not yes:
        typer.confirm(f"Remove {line.label or line.operator} {line}?", abort=True, err=True)
    _report(line_remove(line=line, by=None, now=clock.now()), json, "Removed")


@app.command()
def restore(msisdn: Msisdn, holder: Holder = "", json: Json = False) -> None:
    """Put the line of this number that was removed last back on the list.

    Example: `lineaviva lines restore 3471234567`
    """
    output.setup_django()
    from lineaviva.keeper.lines.actions import line_restore
    from lineaviva.keeper.lines.queries import removed_line_by_number

    line = removed_line_by_number(msisdn, holder=holder_of(holder))
    _report(line_restore(line=line, by=None, now=clock.now()), json, "Restored")


@app.command()
def share(
    msisdn: Msisdn,
    email: Annotated[str, typer.Argument(help="E-mail of the other person.")],
    right: Annotated[str, typer.Option(help="read: may see it; pay: may renew it too.")] = "read",
    stop: Annotated[bool, typer.Option("--stop", help="Take the right back.")] = False,
    holder: Holder = "",
    json: Json = False,
) -> None:
    """Let somebody else see a line, or pay for it too.

    Example: `lineaviva lines share 3471234567 bo@example.org --right pay`
    """
    output.setup_django()
    from lineaviva.keeper.lines.actions import line_share, line_unshare
    from lineaviva.keeper.lines.queries import line_by_number

    line = line_by_number(msisdn, holder=holder_of(holder))
    if stop:
        line_unshare(line=line, with_email=email, by=None, now=clock.now())
    else:
        line_share(line=line, with_email=email, right=right, by=None, now=clock.now())
    _report(line, json, "No longer shared" if stop else f"Shared ({right})")


def _report(line: Line, json: bool, done: str = "") -> None:
    from lineaviva.keeper.lines.queries import line_deadlines

    row = line_texts.line_row(line, line_deadlines(line, rome_date(clock.now())), full=False)
    if json:
        output.print_json(row)
        return
    output.print_table(done, line_texts.COLUMNS, [line_texts.line_cells(row)])


def _only_holder() -> User:
    """The one holder there is, for a household of one."""
    from lineaviva.keeper.accounts.models import User

    found = list(User.objects.filter(role="holder", is_active=True)[:2])
    if not found:
        raise NotFound("There is no holder yet: add --holder EMAIL.", code="holder_missing", field="holder")
    if len(found) > 1:
        raise Conflict("There are several holders: add --holder EMAIL.", code="holder_ambiguous", field="holder")
    return found[0]


def _day(text: str, field: str) -> date | None:
    from lineaviva.keeper.lines.sheet.cells import day

    return day(text, field=field)
