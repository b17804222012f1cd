"""`vouchers`: make them, list them, make them void."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.keeper.wallets.models import VoucherBatch
    from lineaviva.keeper.wallets.vouchers import Made

app = typer.Typer(name="vouchers", help="Vouchers that fill a prepaid balance.", no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="E-mail of who of operations does it.")]
_COLUMNS = ["Batch", "Each", "Made", "Waiting", "Redeemed", "Void", "Expired", "Paid", "Good until"]


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="A name of its own for the batch: christmas-2026.")],
    amount: Annotated[str, typer.Option(help="What each is worth, in EUR: 10.00.")],
    count: Annotated[int, typer.Option(help="How many.")],
    paid: Annotated[str, typer.Option(help="Where the money for them came in: till, bank, or gift for none.")],
    by: By,
    until: Annotated[str, typer.Option(help="Last day on which they are good; else two years from now.")] = "",
    file: Annotated[Path | None, typer.Option("-o", "--output", help="CSV file for the PINs.")] = None,
    json: Json = False,
) -> None:
    """Make vouchers that are sold now, and print their PINs: as CSV, once. Nobody can show them again.

    Who loses the PINs makes the batch void and makes another.

    Example: `lineaviva vouchers make christmas --amount 10 --count 20 --paid till --by you@example.org -o pins.csv`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.till.actions import till_held
    from lineaviva.keeper.wallets.vouchers import voucher_batch_make

    if file is not None:
        _claim(file)  # before anything is made: what cannot be written down is lost
    try:
        with till_held() as cash_moved:
            made = voucher_batch_make(
                name=name,
                amount=Money.parse(amount, field="amount"),
                count=count,
                paid=paid,
                by=user_by_email(by),
                now=clock.now(),
                expires_on=_day(until) if until else None,
            )
            if paid == "till":
                cash_moved()
    except BaseException:
        if file is not None:
            file.unlink(missing_ok=True)
        raise
    if file is not None:
        with file.open("w", encoding="utf-8", newline="") as sheet:
            _write(csv.writer(sheet), made)
        if json:
            output.print_json({**_facts(made.batch), "file": str(file)})
        else:
            output.console.print(f"{len(made.pins)} vouchers are made; their PINs are in {file}.", highlight=False)
    elif json:
        output.print_json({**_facts(made.batch), "vouchers": list(_vouchers(made))})
    else:
        _write(csv.writer(sys.stdout), made)


def _claim(file: Path) -> None:
    """An empty new file that only we can read. Raises InvalidInput (file_exists, file_invalid)."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise InvalidInput(f"{file} is there already.", code="file_exists", field="output") from None
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be written: {error.strerror}.", code="file_invalid", field="output"
        ) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is not a day; write it as 2027-12-31.", code="date_invalid", field="until"
        ) from None


def _write(sheet: Any, made: Made) -> None:
    sheet.writerow(["number", "pin", "amount", "currency", "good_until"])
    for one in _vouchers(made):
        sheet.writerow([one["number"], one["pin"], one["amount"], one["currency"], one["good_until"]])


def _vouchers(made: Made) -> Iterable[dict[str, Any]]:
    from lineaviva.keeper.wallets.rules import pin_grouped

    batch = made.batch
    worth = Money(batch.amount_minor, batch.currency)
    for number, pin in enumerate(made.pins, 1):
        facts = {"amount": f"{worth.decimal:.2f}", "currency": worth.currency, "good_until": batch.expires_on}
        yield {"number": number, "pin": pin_grouped(pin), **facts}


@app.command("list")
def list_(json: Json = False) -> None:
    """Every batch, the newest first, with what became of its vouchers.

    Example: `lineaviva vouchers list`
    """
    output.setup_django()
    from lineaviva.keeper.wallets.queries import batches

    rows = [_row(batch) for batch in batches()]
    if json:
        output.print_json({"batches": rows})
        return
    output.print_table("", _COLUMNS, map(_cells, rows), empty="No vouchers yet.")


@app.command()
def void(
    name: Annotated[str, typer.Argument(help="The batch's name.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    by: By,
    number: Annotated[int | None, typer.Option(help="Only this one of it; else all that wait.")] = None,
    json: Json = False,
) -> None:
    """Make vouchers void that nobody has redeemed; what was paid for them goes back by where it came in.

    Example: `lineaviva vouchers void christmas-2026 --number 7 --reason "stolen" --by you@example.org`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.till.actions import till_held
    from lineaviva.keeper.wallets.queries import batch_by_name
    from lineaviva.keeper.wallets.vouchers import vouchers_void

    batch, person = batch_by_name(name), user_by_email(by)
    with till_held() as cash_moved:
        count, worth = vouchers_void(batch=batch, by=person, reason=reason, number=number, now=clock.now())
        if batch.paid == "till":
            cash_moved()
    if json:
        output.print_json({"batch": batch.name, "void": count, "worth": str(worth)})
        return
    what = "1 voucher is" if count == 1 else f"{count} vouchers are"
    output.console.print(f"{what} void now; give {worth} back ({batch.paid}).", highlight=False)


def _facts(batch: VoucherBatch) -> dict[str, Any]:
    return {
        "batch": batch.name,
        "each": str(Money(batch.amount_minor, batch.currency)),
        "count": batch.count,
        "paid": batch.paid,
        "good_until": batch.expires_on,
        "made_at": batch.made_at,
        "made_by": batch.made_by.email,
    }


def _row(batch: Any) -> dict[str, Any]:
    """A batch of `queries.batches`, with its counts."""
    counts = {"waiting": batch.n_active, "redeemed": batch.n_redeemed, "void": batch.n_void, "expired": batch.n_expired}
    return {**_facts(batch), **counts}


def _cells(row: dict[str, Any]) -> list[Any]:
    counts = [row[name] for name in ("waiting", "redeemed", "void", "expired")]
    return [escape(row["batch"]), row["each"], row["count"], *counts, row["paid"], row["good_until"]]
