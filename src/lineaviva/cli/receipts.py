"""Commands about receipts and credit notes: list, credit-notes, show, pdf, resend."""

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
    from lineaviva.keeper.receipts.models import CreditNote, Receipt

app = typer.Typer(name="receipts", help="Receipts and credit notes: list, show, PDF, send again.", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="The receipt's number, as LV-2026-000123.")]
Either = Annotated[
    str, typer.Argument(help="A receipt's number (LV-2026-000123) or a credit note's (LV-NC-2026-000001).")
]


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
def credit_notes(
    year: Annotated[int | None, typer.Option(help="Only those numbered in this year.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1, max=100_000)] = 50,
    json: Json = False,
) -> None:
    """The credit notes, newest first: what was given back of receipts.

    Example: `lineaviva receipts credit-notes --year 2026`
    """
    output.setup_django()
    from lineaviva.keeper.receipts.queries import credit_notes

    found = credit_notes().filter(**({"year": year} if year else {}))[:limit]
    if json:
        output.print_json({"credit_notes": [_credit(note) for note in found]})
        return
    columns = ["Number", "Issued", "Given back", "Receipt", "Order"]
    rows = [
        (
            *(note.full_number, f"{note.issued_at.astimezone(clock.ROME):%Y-%m-%d %H:%M}"),
            str(Money(note.facts["amount_minor"], note.facts["currency"])),
            *(note.facts["receipt"], note.facts["order"]),
        )
        for note in found
    ]
    output.print_table("", columns, rows, empty="No credit notes yet.")


def _credit(note: CreditNote) -> dict[str, Any]:
    names = ("receipt", "amount_minor", "currency", "order", "refund_reference")
    shown = {name: note.facts[name] for name in names}
    return {"number": note.full_number, "issued_at": note.issued_at, "line": masked(note.facts["msisdn"]), **shown}


def _document(number: str) -> Receipt | CreditNote:
    from lineaviva.keeper.receipts.models import CREDIT_NOTES
    from lineaviva.keeper.receipts.queries import credit_note_by_number, receipt_by_number

    is_credit = f"-{CREDIT_NOTES}-" in number.upper()
    return credit_note_by_number(number) if is_credit else receipt_by_number(number)


@app.command()
def show(number: Either, json: Json = False) -> None:
    """One receipt or credit note, in its own language; the phone number is masked.

    Example: `lineaviva receipts show LV-2026-000123`
    """
    output.setup_django()
    from lineaviva.keeper.receipts.credit_view import credit_view
    from lineaviva.keeper.receipts.models import Receipt
    from lineaviva.keeper.receipts.queries import receipt_view

    found = _document(number)
    # A terminal is read by staff, and its output is copied into tickets.
    if isinstance(found, Receipt):
        view, brief, sent = receipt_view(found, own=False), _brief(found), found.mails.filter(credit_note=None)
    else:
        view, brief, sent = credit_view(found, own=False), _credit(found), found.mails.all()
    mails = [{"to": m.to, "state": m.state, "sent_at": m.sent_at} for m in sent.order_by("pk")]
    if json:
        rows = [{"label": row.label, "value": row.value} for row in view.rows]
        shown = {"language": view.language, "rows": rows, "notes": view.notes, "mails": mails}
        output.print_json({**brief, **shown})
        return
    output.print_table(view.title, ["", ""], [(escape(row.label), escape(row.value)) for row in view.rows])
    for note in view.notes:
        output.console.print(note, highlight=False)
    output.print_table("E-mails", ["To", "State", "Sent"], [tuple(mail.values()) for mail in mails])


@app.command()
def pdf(
    number: Either,
    out: Annotated[str, typer.Option("-o", "--output", help="File to write; - writes to standard output.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write the PDF of a receipt or credit note, with the whole phone number where its recipient holds the line.

    Example: `lineaviva receipts pdf LV-2026-000123 -o receipt.pdf`
    """
    output.setup_django()
    from lineaviva.keeper.receipts.pdf import render

    receipt = _document(number)
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
