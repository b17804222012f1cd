"""`wallet`: prepaid balances: show them, put money in, take it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.keeper.wallets.models import WalletMovement

app = typer.Typer(name="wallet", help="Prepaid balances, of resellers and households.", no_args_is_help=True)

Person = Annotated[str, typer.Argument(help="E-mail of the account.")]
Amount = Annotated[str, typer.Argument(help="In EUR: 50.00.")]
Reason = Annotated[str, typer.Option(help="Why; the account's person reads it, too.")]
By = Annotated[str, typer.Option("--by", help="E-mail of who of operations does it.")]
Key = Annotated[
    str,
    typer.Option(help="A name for it, as the bank's reference: the same key is the same movement, run twice or not."),
]


@app.command()
def show(
    user: Annotated[str, typer.Argument(help="E-mail of the account; all of them without.")] = "", json: Json = False
) -> None:
    """The balance of one account with what moved it, or of all accounts that have one.

    Example: `lineaviva wallet show reseller@example.org`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.wallets.queries import balance_of, movements_of, wallets

    if not user:
        rows = [(one.user.email, str(Money(one.balance_minor, one.currency))) for one in wallets()]
        if json:
            output.print_json({"wallets": [{"email": email, "balance": balance} for email, balance in rows]})
        else:
            table = [(escape(email), balance) for email, balance in rows]
            output.print_table("", ["Account", "Balance"], table, empty="No account has a balance.")
        return
    person = user_by_email(user)
    balance, movements = balance_of(person), [_row(one) for one in movements_of(person)]
    if json:
        output.print_json({"email": person.email, "balance": str(balance), "movements": movements})
        return
    output.console.print(f"{escape(person.email)}: {balance}", highlight=False)
    columns = ["When", "What", "Amount", "After", "About", "Why", "By"]
    cells = [
        [row["at"], row["kind"], row["amount"], row["after"], row["about"], escape(row["reason"]), escape(row["by"])]
        for row in movements
    ]
    output.print_table("", columns, cells)


@app.command()
def credit(
    user: Person,
    amount: Amount,
    reason: Reason,
    by: By,
    paid: Annotated[str, typer.Option(help="Where it came in: till, bank, or gift for nowhere.")] = "bank",
    key: Key = "",
    json: Json = False,
) -> None:
    """Put money into a balance. Without --key the same amount for the same reason goes in once.

    Example: `lineaviva wallet credit reseller@example.org 500 --reason "transfer of 20 November" --by you@example.org`
    """
    _move("credit", user, amount, reason, by, paid, key, json)


@app.command()
def debit(
    user: Person,
    amount: Amount,
    reason: Reason,
    by: By,
    paid: Annotated[
        str, typer.Option(help="From where it leaves: till, bank, or gift for a gift taken back.")
    ] = "bank",
    key: Key = "",
    json: Json = False,
) -> None:
    """Take money out of a balance; never more than there is. Without --key as `credit`.

    Example: `lineaviva wallet debit reseller@example.org 20 --reason "paid out" --paid till --by you@example.org`
    """
    _move("debit", user, amount, reason, by, paid, key, json)


def _move(act: str, user: str, amount: str, reason: str, by: str, paid: str, key: str, json: bool) -> None:
    output.setup_django()
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.till.actions import till_held
    from lineaviva.keeper.wallets.actions import wallet_credit, wallet_debit
    from lineaviva.keeper.wallets.queries import balance_of

    action = wallet_credit if act == "credit" else wallet_debit
    person, who = user_by_email(user), user_by_email(by)
    money = Money.parse(amount, field="amount")
    with till_held() as cash_moved:
        movement, done = action(user=person, amount=money, paid=paid, reason=reason, by=who, key=key, now=clock.now())
        if done and paid == "till":
            cash_moved()
    if json:
        output.print_json({**_row(movement), "email": person.email, "done": done, "balance": str(balance_of(person))})
        return
    if not done:
        when = movement.at.astimezone(clock.ROME)
        output.console.print(
            f"Nothing was moved: this was done on {when:%Y-%m-%d %H:%M}. If it is another one, name it by --key.",
            highlight=False,
        )
        return
    output.console.print(f"{escape(person.email)} has {balance_of(person)} now.", highlight=False)


def _row(one: WalletMovement) -> dict[str, Any]:
    about = one.order.code if one.order else f"…{one.voucher.last4}" if one.voucher else ""
    return {
        "at": one.at,
        "kind": one.kind,
        "amount": str(Money(one.amount_minor)),
        "after": str(Money(one.after_minor)),
        "about": about,
        "reason": one.reason,
        "by": one.by.email if one.by else "",
    }
