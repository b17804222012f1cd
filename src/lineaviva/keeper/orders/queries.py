"""Reads of orders."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.lines.models import LineShare
from lineaviva.keeper.orders import errors, rules
from lineaviva.keeper.orders.limits import limits
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.orders.rules import Ordered, Reached, code_read
from lineaviva.kernel.money import Money

STAFF = (Role.CLERK, Role.AGENT, Role.OPERATIONS)
_COUNTED = (OrderState.PLACED, OrderState.PAID, OrderState.ACTIVE)
_LOOKED_AT = 500


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


def limit_reached(*, msisdn: str, amount: Money, now: datetime) -> Reached | None:
    """The limit of limits.toml that an order of `amount` for this number would pass; whoever keeps or kept the number.

    An amount in another currency than EUR is not limited.
    """
    if amount.currency != "EUR":
        return None
    live = ProductOrder.objects.filter(line__msisdn=msisdn, currency="EUR", state__in=_COUNTED).order_by("-placed_at")
    # More than so many in a week would have passed a limit long before.
    rows = list(live.values_list("state", "total_minor", "placed_at", "expires_at")[:_LOOKED_AT])
    known = any(state == OrderState.ACTIVE for state, *_rest in rows)
    ordered = [Ordered(minor, at) for state, minor, at, until in rows if _counts(state, at, until, now)]
    return rules.limit_reached(amount.minor, ordered, known=known, limits=limits(), now=now)


def _counts(state: str, placed_at: datetime, expires_at: datetime, now: datetime) -> bool:
    """What is paid counts until it is settled, what waits as long as it can be paid, what is active for a week."""
    if state == OrderState.PAID:
        return True
    return expires_at > now if state == OrderState.PLACED else placed_at > now - rules.WEEK
