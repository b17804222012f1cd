"""`lineaviva books`: what became of every cent, month by month; the proof of it; and what an accountant needs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import Conflict, InvalidInput
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.keeper.books.models import Difference, Entry
    from lineaviva.keeper.books.queries import AccountRow

app = typer.Typer(name="books")
Month = Annotated[str, typer.Option("--month", help="The month, as 2026-11; by days in Rome.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")]
_COLUMNS = ["account", "currency", "opening", "debit", "credit", "closing"]
_JOURNAL = ["date", "number", "description", "account", "debit", "credit", "document", "currency"]
_WORDS = {
    "payment": "Payment for order",
    "sale": "Delivered, order",
    "refund": "Given back, order",
    "fee": "Provider's fee",
    "payout": "Paid out to the bank",
    "dispute": "Dispute",
    "voucher": "Vouchers",
    "correction": "Correction",
}


@app.callback(invoke_without_command=True)
def month(context: typer.Context, month: Month = "", as_csv: Csv = False, json: Json = False) -> None:
    """The books of one month (this one unless told otherwise): every account, and what was sold by VAT.

    Accounts: provider:NAME is money at a payment provider, till:cash is cash, held is paid for and not delivered yet,
    wallet:USER is a prepaid balance, vouchers are sold and not redeemed, sales:KIND is what was delivered, fees:NAME
    is what a provider took, bank is paid out. A debit is above zero.

    Examples: `lineaviva books --month 2026-11`, `lineaviva books --month 2026-11 --csv > november.csv`
    """
    if context.invoked_subcommand:
        return
    output.setup_django()
    from lineaviva.keeper.books import queries, rules

    start, end = rules.month_read(month or f"{clock.now().astimezone(clock.ROME):%Y-%m}")
    rows = queries.accounts(start, end)
    if as_csv:
        _write(sys.stdout, _COLUMNS, [_cells(row) for row in rows])
    elif json:
        output.print_json({"from": start, "until": end, "accounts": [_facts(row) for row in rows], "sales": _vat(rows)})
    else:
        title = f"{start:%Y-%m}"
        output.print_table(title, [name.title() for name in _COLUMNS], [_cells(row) for row in rows])
        _print_sales(_vat(rows))


def _cells(row: AccountRow) -> list[str]:
    amounts = (row.opening, row.debit, row.credit, row.closing)
    return [row.account, row.currency, *(_decimal(minor, row.currency) for minor in amounts)]


def _facts(row: AccountRow) -> dict[str, Any]:
    amounts = {f"{name}_minor": getattr(row, name) for name in _COLUMNS[2:]}
    return {"account": row.account, "currency": row.currency, **amounts}


def _vat(rows: Iterable[AccountRow]) -> list[dict[str, Any]]:
    """What was sold less what was given back of it, for each kind of VAT, with the VAT that is in it."""
    from lineaviva.keeper.books import rules, vat

    found = []
    for row in rows:
        if row.account.startswith(rules.SALES):
            kind = vat.kind(row.account.removeprefix(rules.SALES))
            sold = Money(row.credit - row.debit, row.currency)
            contained = rules.vat_contained(sold, kind.rate_percent) if kind.rate_percent is not None else None
            facts = {"vat": kind.name, "title": kind.title, "law": kind.law, "currency": row.currency}
            found.append({**facts, "sold_minor": sold.minor, "vat_minor": contained.minor if contained else None})
    return found


def _print_sales(sales: list[dict[str, Any]]) -> None:
    if not sales:
        return
    rows = [
        (
            one["title"],
            str(Money(one["sold_minor"], one["currency"])),
            "none" if one["vat_minor"] is None else str(Money(one["vat_minor"], one["currency"])),
            one["law"],
        )
        for one in sales
    ]
    output.print_table("Sold in the month, what was given back taken off", ["VAT", "Sold", "VAT in it", "Law"], rows)


@app.command()
def check(json: Json = False) -> None:
    """Prove that the books agree: each posting in itself, and all of them with payments, orders and refunds.

    Exit code 1 where they do not, so it can be a monitor's check.

    Example: `lineaviva books check`
    """
    output.setup_django()
    from lineaviva.cli.backups.dump import snapshot
    from lineaviva.keeper.payments.posting import disagreement, in_books

    with snapshot():  # however much is paid meanwhile
        problems, money = disagreement(), in_books()
    if json:
        sums = {f"{name}_minor": getattr(money, name) for name in ("collected", "refunded", "delivered", "held")}
        output.print_json({"agrees": not problems, "problems": problems, **sums})
    elif problems:
        for problem in problems:
            output.console.print(problem, highlight=False, markup=False, soft_wrap=True)
    else:
        parts = [(name, Money(getattr(money, name))) for name in ("collected", "delivered", "refunded", "held")]
        said = ", ".join(f"{name} {amount}" for name, amount in parts)
        output.console.print(f"The books agree: {said}.", highlight=False)
    if problems:
        raise typer.Exit(1)


@app.command()
def repair(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Post what payments have and the books have not, as of when it happened.

    There is something only where a program older than the books went on working after the upgrade.

    Example: `lineaviva books repair`
    """
    output.setup_django()
    from lineaviva.keeper.payments.posting import books_repair

    if not yes and not typer.confirm("Post what `lineaviva books check` says is not in the books?", err=True):
        raise typer.Abort
    done = books_repair(now=clock.now())
    if json:
        output.print_json({"posted": done})
    else:
        output.console.print(f"Posted: {len(done)}.", highlight=False)


@app.command()
def export(
    year: Annotated[int, typer.Option("--year", help="All of this year, by days in Rome.")] = 0,
    month: Month = "",
    out: Annotated[str, typer.Option("-o", "--output", help="File to write; default: standard output.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write every entry as CSV for an accountant: date, number, description, account, debit, credit, document.

    Lines with the same number belong together and balance. A number is never used twice; numbers may be missing.
    The document is the receipt, and of a refund its credit note.

    Examples: `lineaviva books export --year 2026 -o books-2026.csv`, `lineaviva books export --month 2026-11`
    """
    if bool(year) == bool(month):
        raise InvalidInput("Say either --year or --month.", field="year")
    output.setup_django()
    from lineaviva.keeper.books import queries, rules

    start, end = rules.year_read(year) if year else rules.month_read(month)
    lines = _lines(queries.journal(start, end).iterator(chunk_size=1000))
    if json and not out:
        output.print_json({"entries": [dict(zip(_JOURNAL, line, strict=True)) for line in lines]})
        return
    with _opened(out, yes) as file:
        written = _write(file, _JOURNAL, lines)
    if json:
        output.print_json({"file": out, "entries": written})


@app.command()
def differences(
    every: Annotated[bool, typer.Option("--all", help="Also those that agreed later or were settled.")] = False,
    json: Json = False,
) -> None:
    """List what differs between payment providers' own lists and our rows. Exit code 1 when something waits.

    A worker reads each provider's list day by day and compares it. What waits is also in `lineaviva stuck`.

    Example: `lineaviva books differences`
    """
    output.setup_django()
    from lineaviva.keeper.books import queries

    found = list(queries.differences(every=every))
    if json:
        output.print_json({"read_until": queries.read_until(), "differences": [_difference(row) for row in found]})
    else:
        rows = [
            (row.pk, row.day, row.provider, row.kind, row.reference or row.about, *_sides(row), row.state, row.reason)
            for row in found
        ]
        columns = ["#", "Day", "Provider", "Kind", "About", "Here", "There", "State", "Reason"]
        output.print_table("", columns, rows, empty="Nothing differs.")
        for name, day in queries.read_until().items():
            output.console.print(f"{name}: its list is read until {day}.", highlight=False)
    if any(row.state == "open" for row in found):
        raise typer.Exit(1)


def _sides(row: Difference) -> list[str]:
    return ["" if minor is None else str(Money(minor, row.currency)) for minor in (row.ours_minor, row.theirs_minor)]


def _difference(row: Difference) -> dict[str, Any]:
    names = ("day", "provider", "kind", "about", "reference", "ours_minor", "theirs_minor", "currency", "state")
    facts = {name: getattr(row, name) for name in names}
    by = row.settled_by.email if row.settled_by else ""
    return {"id": row.pk, **facts, "reason": row.reason, "settled_by": by, "what_to_do": row.stuck_reason}


@app.command()
def settle(
    difference: Annotated[int, typer.Argument(help="Its number in `lineaviva books differences`.")],
    by: Annotated[str, typer.Option("--by", help="E-mail of the person of operations who looked it up.")],
    reason: Annotated[str, typer.Option("--reason", help="What it was; kept for ever.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Settle a difference: our account of the provider gets what the provider has, against the account `difference`.

    Example: `lineaviva books settle 3 --by dora@example.org --reason "charged twice by hand, given back there"`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.payments.reconciling import difference_settle

    person = user_by_email(by)
    if not yes and not typer.confirm(f"Settle difference {difference}? It cannot be taken back.", err=True):
        raise typer.Abort
    row = difference_settle(pk=difference, reason=reason, by=person, now=clock.now())
    if json:
        output.print_json(_difference(row))
    else:
        output.console.print(f"Difference {row.pk} is settled: {row.reason}", highlight=False, markup=False)


@contextmanager
def _opened(out: str, yes: bool) -> Iterator[TextIO]:
    if not out:
        yield sys.stdout
        return
    path = Path(out)
    if path.exists() and not yes:
        raise Conflict(f"{path} is there already; --yes overwrites it.", code="file_exists", field="output")
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.", field="output") from error
    with file:
        yield file


def _lines(entries: Iterator[Entry]) -> Iterator[list[str]]:
    """In pieces, each with one look at the receipts of its orders and the credit notes of its refunds."""
    from lineaviva.keeper.receipts.queries import credit_note_numbers, numbers_of

    while piece := list(islice(entries, 1000)):
        receipts = numbers_of({entry.posting.reference for entry in piece})
        credits = credit_note_numbers(entry.posting.detail["row"] for entry in piece if "row" in entry.posting.detail)
        for entry in piece:
            posting, amount = entry.posting, _decimal(abs(entry.amount_minor), entry.currency)
            debit, credit = (amount, "") if entry.amount_minor > 0 else ("", amount)
            day = f"{posting.at.astimezone(clock.ROME):%Y-%m-%d}"
            is_sale = posting.kind in {"payment", "sale"}
            document = (receipts.get(posting.reference) if is_sale else credits.get(posting.detail.get("row"))) or ""
            described = f"{_WORDS[posting.kind]} {posting.reference}".strip()
            yield [day, str(posting.pk), described, entry.account, debit, credit, document, entry.currency]


def _write(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """How many rows there were below the columns' names."""
    writer, written = csv.writer(file, lineterminator="\n"), 0
    writer.writerow(columns)
    for row in rows:
        writer.writerow(row)
        written += 1
    return written


def _decimal(minor: int, currency: str) -> str:
    """12.50: as spreadsheets in every language read it once they are told that a point is a point."""
    return str(Money(minor, currency)).removesuffix(f" {currency}")
