"""Offerings, quotes and orders for tests, made by the same actions that pages use."""

from __future__ import annotations

from datetime import datetime

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.catalogue.models import Offering, Quote
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.models import ProductOrder
from tests import factories
from tests.conftest import NOON


def offering(external_id: str = "topup-5", *, operator: str = "tim", price: int = 500) -> Offering:
    """A top-up on sale; asked again, the same one."""
    found, _ = Offering.objects.get_or_create(
        key=f"{operator}:{external_id}",
        defaults={
            "operator": operator,
            "external_id": external_id,
            "kind": "topup",
            "name": f"{operator.upper()} {price // 100} €",
            "price_minor": price,
            "extends": True,
            "sellable": True,
            "source": "rulebook",
        },
    )
    return found


def quote(*, line: Line | None = None, by: User | None = None, price: int = 500, now: datetime = NOON) -> Quote:
    line = line or factories.line(now=now)
    return quote_make(line=line, offering=offering(f"topup-{price // 100}", price=price), by=by or line.holder, now=now)


def order(
    *,
    line: Line | None = None,
    by: User | None = None,
    price: int = 500,
    language: str = "it",
    now: datetime = NOON,
) -> ProductOrder:
    """Anna's order of a 5 EUR top-up for a TIM line of hers, unless told otherwise."""
    made = quote(line=line, by=by, price=price, now=now)
    return order_place(quote=made, by=by or made.line.holder, language=language, now=now)
