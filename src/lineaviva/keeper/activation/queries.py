"""Reads of activations."""

from __future__ import annotations

from datetime import date

from lineaviva.keeper.activation import rules
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.ports import Request
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.keeper.orders.models import ProductOrder

DATES = ("full_service_until", "receive_only_until", "number_kept_until")


def activation_of(order: ProductOrder) -> Activation | None:
    """The order's activation, or None before it was paid."""
    return next(iter(Activation.objects.filter(order=order)), None)


def is_begun(order: ProductOrder) -> bool:
    """Whether the operator may know of this order already; see `rules.begun`."""
    found = activation_of(order)
    return found is not None and rules.begun(found.state, sends=found.sends, with_profile=order.with_profile)


def request_of(activation: Activation) -> Request:
    """What the gateway is asked to do; the same whenever it is asked."""
    order = activation.order
    return Request(
        reference=activation.reference,
        operator=order.line.operator,
        msisdn=order.line.msisdn,
        kind="topup" if order.offering.kind == "topup" else "plan",
        offering_id=order.offering.external_id,
        # The discount is between holder, us and the operator's promotion: the line gets what was offered.
        amount_minor=order.quote.price_minor,
        currency=order.currency,
    )


def dates_of(line: Line, as_of: date) -> dict[str, str | None]:
    """The line's three last days as ISO days."""
    dates = line_deadlines(line, as_of)
    days: dict[str, date | None] = {name: getattr(dates, name) for name in DATES}
    return {name: day.isoformat() if day else None for name, day in days.items()}
