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
    found = order_by_code(code)
    if not _may_see(found, user):
        raise errors.not_found()
    return found


def _may_see(order: ProductOrder, user: User) -> bool:
    """As `orders_for` has it, for one order that is there already."""
    if has_role(user, *STAFF) or user.pk in {order.placed_by_id, order.line.holder_id}:
        return True
    return LineShare.objects.filter(line=order.line_id, user=user, right=LineShare.Right.PAY).exists()


def order_by_code(code: str) -> ProductOrder:
    """The order with this code, as typed by a person. NotFound (order_unknown)."""
    try:
        return ProductOrder.objects.select_related("line", "offering", "placed_by").get(code=code_read(code) or None)
    except ProductOrder.DoesNotExist:
        raise errors.not_found() from None
