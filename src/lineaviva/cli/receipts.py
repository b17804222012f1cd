"""Commands about receipts: list, show, pdf, resend."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import Conflict, InvalidInput
from lineaviva.kernel.mask import masked
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.keeper.receipts.models import Receipt

app = typer.Typer(name="receipts", help="Receipts: list, show, PDF, send again.", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="The receipt's number, as LV-2026-000123.")]


@app.command("list")
def list_(
    year: Annotated[int | None, typer.Option(help="Only those numbered in this year.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1, max=100_000)] = 50,
    json: Json = False,
) -> None:
    """The receipts, newest first.

    Example: `lineaviva receipts list --year 2026`
    """
    output.setup_django()
    from lineaviva.keeper.receipts.queries import receipts

    found = receipts().filter(**({"year": year} if year else {}))[:limit]
    if json:
        output.print_json({"receipts": [_brief(receipt) for receipt in found]})
        return
    columns = ["Number", "Issued", "Line", "Operator", "Total", "Order"]
    output.print_table("", columns, [_row(receipt) for receipt in found], empty="No receipts yet.")


def _brief(receipt: Receipt) -> dict[str, Any]:
    facts = receipt.facts
    return {
        "number": receipt.full_number,
        "issued_at": receipt.issued_at,
        "label": facts["label"],
        "line": masked(facts["msisdn"]),
        "operator": facts["operator"],
        "total_minor": facts["total_minor"],
        "currency": facts["currency"],
        "order": facts["order"],
    }


def _row(receipt: Receipt) -> list[str]:
    facts = receipt.facts
    line = f"{facts['label']} {masked(facts['msisdn'])}".strip()
    total = str(Money(facts["total_minor"], facts["currency"]))
    issued = f"{receipt.issued_at.astimezone(clock.ROME):%Y-%m-%d %H:%M}"
    return [receipt.full_number, issued, escape(line), facts["operator_name"], total, facts["order"]]


@app.command()
def show(number: Number, json: Json = False) -> None:
    """One receipt, in its own language; the phone number is masked.

    Example: `lineaviva receipts show LV-2026-000123`
    """
    output.setup_django()
    from lineaviva.keeper.receipts.queries import receipt_by_number, receipt_view

    receipt = receipt_by_number(number)
    # A terminal is read by staff, and its output is copied into tickets.
    view = receipt_view(receipt, own=False)
    mails = [{"to": m.to, "state": m.state, "sent_at": m.sent_at} for m in receipt.mails.order_by("pk")]
    if json:
        rows = [{"label": row.label, "value": row.value} for row in view.rows]
        shown = {"language": view.language, "rows": rows, "notes": view.notes, "mails": mails}
        output.print_json({**_brief(receipt), **shown})
        return
    output.print_table(view.title, ["", ""], [(escape(row.label), escape(row.value)) for row in view.rows])
    for note in view.notes:
        output.console.print(note, highlight=False)
    output.print_table("E-mails", ["To", "State", "Sent"], [tuple(mail.values()) for mail in mails])


@app.command()
def pdf(
    number: Number,
    out: Annotated[str, typer.Option("-o", "--output", help="File to write; - writes to standard output.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write a receipt's PDF, with the whole phone number where its recipient holds the line.

    Example: `lineaviva receipts pdf LV-2026-000123 -o receipt.pdf`
    """
    output.setup_django()
    from lineaviva.keeper.receipts.pdf import render
    from lineaviva.keeper.receipts.queries import receipt_by_number

    receipt = receipt_by_number(number)
    if out == "-":
        sys.stdout.buffer.write(render(receipt))
        return
    path = Path(out or f"{receipt.full_number}.pdf")
    if path.exists() and not yes:
        raise Conflict(f"{path} is there already; --yes overwrites it.", code="file_exists", field="output")
    content = render(receipt)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.", field="output") from error
    if json:
        output.print_json({"number": receipt.full_number, "file": str(path), "bytes": len(content)})
    else:
        output.console.print(f"{path}: {len(content)} bytes", highlight=False)


@app.command()
def resend(number: Number, json: Json = False) -> None:
    """Send a receipt by e-mail once more, to the address it went to; the worker sends it.

    Example: `lineaviva receipts resend LV-2026-000123`
    """
    output.setup_django()
    from lineaviva.keeper.receipts.actions import receipt_resend
    from lineaviva.keeper.receipts.queries import receipt_by_number

    receipt = receipt_by_number(number)
    mail = receipt_resend(receipt=receipt, now=clock.now())
    if json:
        output.print_json({"number": receipt.full_number, "to": mail.to, "state": mail.state})
    else:
        output.console.print(f"{receipt.full_number} goes to {mail.to}.", highlight=False)
