"""How orders are printed: as one document for programs, as tables and sentences for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from lineaviva.cli import output
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.mask import masked
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.keeper.catalogue.models import Quote
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.keeper.payments.models import Dispute, PaymentAttempt, Refund

COLUMNS = ["Order", "Placed", "Line", "Offering", "Total", "State", "For"]


def code(order: ProductOrder) -> str:
    from lineaviva.keeper.orders.rules import code_grouped

    return code_grouped(order.code)


def total(order: ProductOrder) -> str:
    return str(Money(order.total_minor, order.currency))


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(ROME):%Y-%m-%d %H:%M}" if at else ""


def brief(order: ProductOrder) -> dict[str, Any]:
    """What a list says of an order."""
    return {
        "code": order.code,
        "state": order.state,
        "reason": order.reason,
        "line": masked(order.line.msisdn),
        "operator": order.line.operator,
        "offering": order.offering.key,
        "total_minor": order.total_minor,
        "currency": order.currency,
        "with_profile": order.with_profile,
        "placed_by": order.placed_by.email,
        "placed_at": order.placed_at,
        "expires_at": order.expires_at,
        "paid_at": order.paid_at,
        "active_at": order.active_at,
        "closed_at": order.closed_at,
    }


def cells(order: ProductOrder) -> list[str]:
    line = f"{order.line.operator} {masked(order.line.msisdn)}"
    who = order.placed_by.email
    return [code(order), _when(order.placed_at), line, order.offering.name, total(order), str(order.state), who]


def document(order: ProductOrder) -> dict[str, Any]:
    """Everything about an order, for `--json`."""
    from lineaviva.keeper.delivery.queries import delivery_of
    from lineaviva.keeper.payments.queries import attempts_of, refunds_of

    activation, receipt = getattr(order, "activation", None), getattr(order, "receipt", None)
    delivery = delivery_of(order)
    return {
        **brief(order),
        "dates_before": order.dates_before,
        "dates_after": order.dates_after,
        "attempts": [_attempt(attempt) for attempt in attempts_of(order)],
        "refunds": [_refund(refund) for refund in refunds_of(order)],
        "activation": {
            "state": activation.state,
            "reference": activation.reference,
            "operator_reference": activation.operator_reference,
            "reason": activation.reason,
            "stuck_reason": activation.stuck_reason,
        }
        if activation
        else None,
        "delivery": {"code": delivery.code, "state": delivery.state, "phone": delivery.phone} if delivery else None,
        "receipt": receipt.full_number if receipt else None,
    }


def _attempt(attempt: PaymentAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "provider": attempt.provider,
        "state": attempt.state,
        "reason": attempt.reason,
        "surplus": attempt.surplus,
        "url": attempt.redirect_url if attempt.state == "open" else "",
        "reference": attempt.charge_ref or attempt.provider_ref,
        "created_at": attempt.created_at,
        "expires_at": attempt.expires_at,
        "finished_at": attempt.finished_at,
        "stuck_reason": attempt.stuck_reason,
    }


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "attempt": refund.attempt.number,
        "state": refund.state,
        "reason": refund.reason,
        "reference": refund.provider_ref,
        "number": refund.number,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "requested_at": refund.requested_at,
        "finished_at": refund.finished_at,
        "stuck_reason": refund.stuck_reason,
    }


def _amount(facts: dict[str, Any]) -> str:
    return str(Money(facts["amount_minor"], facts["currency"]))


def question(quote: Quote, with_profile: bool = False) -> str:
    price = Money(quote.total_minor, quote.currency)
    less = f" ({Money(quote.discount_minor, quote.currency)} off)" if quote.discount_minor else ""
    profile = ", with a new eSIM profile" if with_profile else ""
    return (
        f"Order {quote.offering.name} for {masked(quote.line.msisdn)} ({quote.line.operator}): {price}{less}{profile}?"
    )


def progress(order: ProductOrder) -> str:
    from lineaviva.keeper.activation.queries import activation_of

    said = {"placed": "waiting for the payment", "paid": "paid, being activated", "failed": "giving the money back"}
    activation = activation_of(order) if order.with_profile else None
    if activation and activation.state == "held":
        return f"{code(order)}: paid, waiting for its eSIM profile to be installed ..."
    return f"{code(order)}: {said.get(str(order.state), str(order.state))} ..."


def print_next_step(order: ProductOrder) -> None:
    """What the person does now: open the bank's page, say a code, wait, or nothing."""
    from lineaviva.keeper.payments.queries import attempts_of

    say = output.console.print
    say(f"Order [bold]{code(order)}[/]: {order.offering.name}, {total(order)}", highlight=False)
    attempt = attempts_of(order).last()
    if order.state != "placed" or attempt is None:
        print_order(order)
    elif attempt.state == "failed":
        say("The provider did not take this payment; try again, or pay in cash.")
    elif attempt.provider == "cash":
        say(f"Say this code at the counter and pay {total(order)}, until {_when(attempt.expires_at)}.", highlight=False)
    elif attempt.redirect_url:
        say(f"Pay here, until {_when(attempt.expires_at)}:", highlight=False)
        say(attempt.redirect_url, soft_wrap=True, highlight=False)
    else:
        say(f"The bank does not answer at the moment; we go on asking. See: lineaviva orders show {code(order)}")


def print_order(order: ProductOrder) -> None:
    facts = document(order)
    output.print_table("", COLUMNS, [cells(order)])
    steps = [(name, _when(facts[f"{name}_at"])) for name in ("placed", "paid", "active", "closed")]
    output.print_table("Way", ["Step", "When"], [step for step in steps if step[1]])
    if facts["attempts"]:
        columns = ["#", "By", "State", "Why", "Reference", "Until"]
        rows = [
            (a["number"], a["provider"], a["state"], a["reason"], a["url"] or a["reference"], _when(a["expires_at"]))
            for a in facts["attempts"]
        ]
        output.print_table("Payment", columns, rows)
    if facts["refunds"]:
        columns = ["Payment", "Amount", "State", "Why", "Reference"]
        back = [(r["attempt"], _amount(r), r["state"], r["reason"], r["reference"]) for r in facts["refunds"]]
        output.print_table("Given back", columns, back)
    if facts["activation"]:
        a = facts["activation"]
        row = (a["state"], a["reference"], a["operator_reference"], a["reason"] or a["stuck_reason"])
        output.print_table("Operator", ["State", "Our reference", "Theirs", "Why"], [row])
    if facts["delivery"]:
        d = facts["delivery"]
        output.print_table("eSIM profile", ["Profile", "State", "Phone"], [(d["code"], d["state"], d["phone"])])
    if facts["receipt"]:
        output.console.print(f"Receipt {facts['receipt']}", highlight=False)


def dispute_row(row: Dispute) -> dict[str, Any]:
    """A dispute by its provider's name, and the order it is about, where that is ours."""
    return {
        "dispute": f"{row.provider}:{row.provider_ref}",
        "order": code(row.attempt.order) if row.attempt else "",
        "amount": str(Money(row.amount_minor, row.currency)),
        "state": row.state,
        "reason": row.reason,
        "opened_at": row.opened_at,
        "answer_by": row.answer_by,
        "finished_at": row.finished_at,
    }


def dispute_cells(row: Dispute) -> list[str]:
    facts = dispute_row(row)
    shown = [str(facts[name]) for name in ("dispute", "order", "amount", "state", "reason")]
    return [*shown, _when(row.answer_by)]


def stuck_row(row: Any) -> dict[str, str]:
    """A stuck row with the order it belongs to, where it belongs to one."""
    found: Any = row
    for name in ("attempt", "delivery", "order"):
        # A profile that took another's place has no order of its own.
        found = getattr(found, name, None) or found
    name = f"{row._meta.model_name}:{row.pk}"
    order = code(found) if found._meta.model_name == "productorder" else ""
    return {"row": name, "order": order, "state": str(getattr(row, "state", "")), "reason": row.stuck_reason}
