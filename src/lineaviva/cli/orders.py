"""`lineaviva renew`: order a renewal and pay for it. `lineaviva orders`: what there is, and what a counter does."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineaviva.cli import order_texts, output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput, Temporary

if TYPE_CHECKING:
    from lineaviva.keeper.accounts.models import User
    from lineaviva.keeper.catalogue.models import Offering
    from lineaviva.keeper.lines.models import Line
    from lineaviva.keeper.orders.models import ProductOrder

app = typer.Typer()
orders = typer.Typer(name="orders", help="Orders and the money for them.", no_args_is_help=True)
app.add_typer(orders)

Code = Annotated[str, typer.Argument(help="The order's code, as printed: K2M7-F5PW.")]
Clerk = Annotated[str, typer.Option("--clerk", help="E-mail of the clerk who has the money in hand.")]
Holder = Annotated[str, typer.Option("--holder", help="E-mail of the holder; needed where several keep this number.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_LOOK_SECONDS = 0.3


@app.command()
def renew(
    msisdn: Annotated[str, typer.Argument(help="Italian mobile number, with or without +39.")],
    offering: Annotated[
        str,
        typer.Option(help="What to buy, as `lineaviva catalogue list` names it: tim:topup-5. Default: the cheapest."),
    ] = "",
    pay: Annotated[
        str, typer.Option(help="stripe (card), paypal, cash, wallet (the holder's balance) or account (the owner's).")
    ] = "stripe",
    esim: Annotated[
        bool | None,
        typer.Option(
            "--esim/--no-esim",
            help="With a new eSIM profile for a phone, or without. Default: with, where the line has none of ours yet.",
        ),
    ] = None,
    code: Annotated[str, typer.Option(help="A promotion code.")] = "",
    holder: Holder = "",
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the line is active.")] = False,
    patience: Annotated[int, typer.Option(help="Seconds to stay at most with --wait.", min=1)] = 3600,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Pay also where somebody is renewing the line at this moment.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Renew a line: order the smallest act that keeps it, or another one, and begin to pay.

    By card it prints the bank's page to open, in cash the code to say at the counter. With --wait the exit code is 1
    when the line does not become active. A plan that comes with a new eSIM profile waits until that is installed, for a
    day at most.

    Examples: `lineaviva renew 3391234567 --yes`, `lineaviva renew 3391234567 --offering tim:topup-10 --pay cash`,
    `lineaviva renew 3391234567 --no-esim --yes`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.lines.queries import line_by_number

    line = line_by_number(msisdn, holder=user_by_email(holder) if holder else None)
    with_profile = _with_profile(line, esim)
    order = _ordered(line, _offering(line, offering), pay, with_profile, code=code, anyway=anyway, yes=yes)
    if order is None:
        raise typer.Abort
    if wait:
        order = _wait(order, patience)
    if json:
        output.print_json(order_texts.document(order))
    else:
        order_texts.print_next_step(order)
    if wait and order.state != "active":
        raise typer.Exit(1)


def _offering(line: Line, wanted: str) -> Offering:
    """The offering with this name, or the cheapest that keeps the line; a catalogue never read is read first."""
    from lineaviva.keeper.catalogue.actions import catalogue_refresh
    from lineaviva.keeper.catalogue.queries import cheapest_keepalive, offering_for, offerings_for

    now = clock.now()
    if not offerings_for(line.operator, now):
        with suppress(Temporary):  # what the rulebook knows is there even then
            catalogue_refresh(operator=line.operator, now=now)
    if wanted:
        operator, _, name = wanted.rpartition(":")
        return offering_for(operator=operator or line.operator, external_id=name, now=now)
    keepalive = cheapest_keepalive(line=line, now=now)
    if keepalive is None:
        message = "No act with a known price keeps this line; say which --offering."
        raise InvalidInput(message, code="offering_needed", field="offering")
    return keepalive.offering


def _with_profile(line: Line, esim: bool | None) -> bool:
    """Whether the line gets a new eSIM profile; unasked for as its page would have it."""
    from lineaviva.keeper.delivery.queries import profile_choice

    choice = profile_choice(line)
    if esim and not choice.offered:
        message = "No new eSIM profile can be had here for this line: it is a SIM card, or its operator gives us none."
        raise InvalidInput(message, code="esim_not_offered", field="esim")
    return choice.offered and (choice.default if esim is None else esim)


def _ordered(
    line: Line, offering: Offering, pay: str, with_profile: bool, *, code: str, anyway: bool, yes: bool
) -> ProductOrder | None:
    """Quote, ask, order and begin to pay; None where the person says no."""
    from lineaviva.keeper.catalogue.actions import quote_make
    from lineaviva.keeper.orders.actions import order_place
    from lineaviva.keeper.payments.actions import payment_begin
    from lineaviva.keeper.payments.ports import provider
    from lineaviva.keeper.payments.queries import being_paid

    provider(pay)  # refuse a wrong word before anything is ordered
    now = clock.now()
    quote = quote_make(line=line, offering=offering, by=line.holder, now=now, code=code)
    if not yes and not typer.confirm(order_texts.question(quote, with_profile), err=True):
        return None
    order = order_place(quote=quote, by=line.holder, language=line.holder.language, with_profile=with_profile, now=now)
    beside = being_paid(line.pk).values_list("code", flat=True) if anyway else ()
    payment_begin(order=order, provider=pay, now=now, beside=tuple(beside))
    order.refresh_from_db()
    return order


def _wait(order: ProductOrder, patience: int) -> ProductOrder:
    """Stay until the order is active or closed, with one line on stderr that says where it is."""
    until = time.monotonic() + patience
    with output.errors.status("") as status:
        while order.state in {"placed", "paid", "failed"} and time.monotonic() < until:
            status.update(order_texts.progress(order))
            time.sleep(_LOOK_SECONDS)
            order.refresh_from_db()
    return order


@orders.command("list")
def list_(
    state: Annotated[str, typer.Option(help="Only those in this state: placed, paid, active, failed, ...")] = "",
    holder: Annotated[str, typer.Option(help="Only those that this person may see.")] = "",
    limit: Annotated[int, typer.Option(help="Newest orders shown.", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """List orders, newest first.

    Examples: `lineaviva orders list`, `lineaviva orders list --state placed --json`
    """
    output.setup_django()
    from lineaviva.keeper.accounts.queries import user_by_email
    from lineaviva.keeper.orders.models import OrderState
    from lineaviva.keeper.orders.queries import orders as all_orders
    from lineaviva.keeper.orders.queries import orders_for

    if state and state not in OrderState.values:
        raise InvalidInput(f"A state is one of {', '.join(OrderState.values)}, not {state!r}.", field="state")
    found = orders_for(user_by_email(holder)) if holder else all_orders()
    rows = list((found.filter(state=state) if state else found)[:limit])
    if json:
        output.print_json({"orders": [order_texts.brief(row) for row in rows]})
    else:
        output.print_table("Orders", order_texts.COLUMNS, map(order_texts.cells, rows), empty="No orders yet.")


@orders.command()
def show(code: Code, json: Json = False) -> None:
    """Show one order: its line, its money, its way.

    Example: `lineaviva orders show K2M7-F5PW`
    """
    _report(_order(code), json)


@orders.command()
def confirm_cash(
    code: Code,
    clerk: Clerk,
    given: Annotated[str, typer.Option("--given", help="What was handed over, as 20.00. Default: the total.")] = "",
    json: Json = False,
) -> None:
    """A clerk has the order's cash in hand: it is paid. The second time changes nothing.

    Example: `lineaviva orders confirm-cash K2M7-F5PW --clerk chen@example.org --given 20.00`
    """
    output.setup_django()
    from lineaviva.keeper.till.actions import cash_take
    from lineaviva.kernel.money import Money

    person = _person(clerk)
    handed = Money.parse(given, _order(code).currency, field="given") if given else None
    _report(cash_take(code=code, clerk=person, given=handed, now=clock.now()), json)


@orders.command()
def confirm_refund(
    code: Code,
    clerk: Clerk,
    out_of: Annotated[
        Literal["till", "bank"],
        typer.Option("--from", help="till: in cash. bank: operations sent it to the customer's account."),
    ] = "till",
    json: Json = False,
) -> None:
    """A clerk has given the order's money back by hand: in cash, or what the provider could not give back.

    Examples: `lineaviva orders confirm-refund K2M7-F5PW --clerk chen@example.org`,
    `lineaviva orders confirm-refund K2M7-F5PW --from bank --clerk dora@example.org`
    """
    output.setup_django()
    from lineaviva.keeper.till.actions import cash_return

    cash_return(code=code, clerk=_person(clerk), out_of=out_of, now=clock.now())
    _report(_order(code), json)


@orders.command()
def refund(
    code: Code,
    by: Annotated[str, typer.Option("--by", help="E-mail of the person of operations who gives it back.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, as it is kept and audited.")],
    amount: Annotated[str, typer.Option("--amount", help="As 3.00, in the order's currency. Default: all of it.")] = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give back money of an order for which something was delivered; the order stays active.

    It goes by the way it came. The same amount for the same reason is given back once. Where nothing was delivered the
    money goes back by itself.

    Example: `lineaviva orders refund K2M7-F5PW --amount 3.00 --reason "topped up late" --by dora@example.org`
    """
    order = _order(code)
    from lineaviva.keeper.payments.errors import refund_not_paid
    from lineaviva.keeper.payments.queries import paying_attempt
    from lineaviva.keeper.payments.refunding import refund_request
    from lineaviva.kernel.money import Money

    part, attempt = Money.parse(amount, order.currency) if amount else None, paying_attempt(order)
    if attempt is None:
        raise refund_not_paid()
    what = f"Give {part or 'all that is left'} of order {order_texts.code(order)} back?"
    if not yes and not typer.confirm(what, err=True):
        raise typer.Abort
    refund_request(attempt=attempt, reason=reason, amount=part, by=_person(by), now=clock.now())
    _report(order, json)


@orders.command()
def cancel(code: Code, yes: Yes = False, json: Json = False) -> None:
    """Give up an order that is not paid. Money that is on its way goes back by itself.

    Example: `lineaviva orders cancel K2M7-F5PW --yes`
    """
    output.setup_django()
    from lineaviva.keeper.orders.actions import order_cancel

    order = _order(code)
    if not yes and not typer.confirm(f"Cancel order {order_texts.code(order)}?", err=True):
        raise typer.Abort
    _report(order_cancel(order=order, by=None, now=clock.now()), json)


@orders.command()
def decide(
    code: Code,
    by: Annotated[str, typer.Option("--by", help="E-mail of the person of operations who asked the operator.")],
    activated: Annotated[str, typer.Option(help="The operator did it; its own number of the act.")] = "",
    refused: Annotated[str, typer.Option(help="The operator did not do it; its reason. The money goes back.")] = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Write down what the operator said of an activation that is on the stuck list. It cannot be taken back.

    Example: `lineaviva orders decide K2M7-F5PW --activated 88123 --by dora@example.org`
    """
    if bool(activated) == bool(refused):
        raise InvalidInput("Say either --activated or --refused.", field="activated")
    order = _order(code)
    from lineaviva.keeper.activation.actions import activation_decide

    said = "activated" if activated else "refused, and give the money back"
    if not yes and not typer.confirm(f"Order {order_texts.code(order)} is {said}?", err=True):
        raise typer.Abort
    outcome: Literal["succeeded", "failed"] = "succeeded" if activated else "failed"
    person = _person(by)
    activation_decide(code=code, outcome=outcome, reference=activated or refused, by=person, now=clock.now())
    _report(order, json)


@orders.command()
def disputes(
    every: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False, json: Json = False
) -> None:
    """List payments that payers want back, by their bank or by PayPal; what must be answered soonest comes first.

    Nothing of such a payment is given back here until it is decided. They are answered at the provider.

    Examples: `lineaviva orders disputes`, `lineaviva orders disputes --all --json`
    """
    output.setup_django()
    from lineaviva.keeper.payments import queries

    rows = queries.disputes(every=every)
    if json:
        output.print_json({"disputes": [order_texts.dispute_row(row) for row in rows]})
    else:
        heads = ["Dispute", "Order", "Amount", "State", "Reason", "Answer by"]
        output.print_table("Disputes", heads, map(order_texts.dispute_cells, rows), empty="Nothing is disputed.")


@orders.command()
def stuck(json: Json = False) -> None:
    """List what only a person can move on, with the order it belongs to and what to do. Exit code 1 when there is any.

    Example: `lineaviva orders stuck`. When it is dealt with: `lineaviva stuck --release ROW`
    """
    output.setup_django()
    from lineaviva.kernel import agenda

    rows = [order_texts.stuck_row(row) for row in agenda.stuck()]
    if json:
        output.print_json({"stuck": rows})
    else:
        cells = [(row["row"], row["order"], row["state"], row["reason"]) for row in rows]
        output.print_table("Stuck", ["Row", "Order", "State", "What to do"], cells, empty="Nothing is stuck.")
    if rows:
        raise typer.Exit(1)


def _order(code: str) -> ProductOrder:
    output.setup_django()
    from lineaviva.keeper.orders.queries import order_by_code

    return order_by_code(code)


def _person(email: str) -> User:
    from lineaviva.keeper.accounts.queries import user_by_email

    return user_by_email(email)


def _report(order: ProductOrder, json: bool) -> None:
    order.refresh_from_db()
    if json:
        output.print_json(order_texts.document(order))
    else:
        order_texts.print_order(order)
