"""Reads of orders."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.lines.models import LineShare
from lineaviva.keeper.orders import errors
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.rules import code_read

STAFF = (Role.CLERK, Role.AGENT, Role.OPERATIONS)


def orders() -> QuerySet[ProductOrder]:
    """All orders with what a page shows of them, newest first."""
    return ProductOrder.objects.select_related("line", "offering", "placed_by").order_by("-placed_at", "-id")


def orders_for(user: User) -> QuerySet[ProductOrder]:
    """The orders that `user` may see: placed by them, or for a line they hold or may pay for; all of them for staff."""
    if has_role(user, *STAFF):
        return orders()
    shared = LineShare.objects.filter(user=user, right=LineShare.Right.PAY).values("line")
    return orders().filter(Q(placed_by=user) | Q(line__holder=user) | Q(line__in=shared))


def order_for(*, user: User, code: str) -> ProductOrder:
    """The order with this code, as typed by a person.

    NotFound (order_unknown) where there is none that `user` may see.
    """
    return _one(orders_for(user), code)


def order_by_code(code: str) -> ProductOrder:
    """The order with this code, as typed by a person. NotFound (order_unknown)."""
    return _one(orders(), code)


def _one(rows: QuerySet[ProductOrder], code: str) -> ProductOrder:
    found = rows.filter(code=code_read(code) or None).first()
    if found is None:
        raise errors.not_found()
    return found
