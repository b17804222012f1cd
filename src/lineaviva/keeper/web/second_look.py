"""Whether a payer is asked to look at the number once more: before the first order for it, and after a change."""

from __future__ import annotations

from datetime import datetime

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.models import Quote
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.receipts.models import Receipt


def tail(line: Line) -> str:
    """The last four digits: what a person is asked to compare, and what the form sends back."""
    return line.msisdn[-4:]


def needed(*, quote: Quote, by: User, said: str, now: datetime) -> bool:
    """`said` is what the form sent: whoever has just looked at these four digits is not asked again.

    Nor is whoever ordered the same already and only goes on, or had this number renewed before and finds it as it was.
    """
    line = quote.line
    if said == tail(line):
        return False
    mine = ProductOrder.objects.filter(line=line, placed_by=by)
    if mine.filter(offering=quote.offering_id, state=OrderState.PLACED, expires_at__gt=now).exists():
        return False
    return not _as_it_was(line, by)


def _as_it_was(line: Line, by: User) -> bool:
    """By the newest receipt of what `by` ordered for the line."""
    last = Receipt.objects.filter(order__line=line, order__placed_by=by).order_by("-pk").first()
    if last is None:
        return False
    facts = last.facts
    return (facts["msisdn"], facts["operator"], facts["label"]) == (line.msisdn, line.operator, line.label)
