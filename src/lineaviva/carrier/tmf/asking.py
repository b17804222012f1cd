"""From a posted resource to an order of ours, and from its outcome to an answer."""

from __future__ import annotations

from collections.abc import Callable

from lineaviva.carrier.orders.actions import service_order_perform
from lineaviva.carrier.orders.models import ServiceOrder, Status
from lineaviva.carrier.orders.ports import screening
from lineaviva.carrier.orders.rules import Ask
from lineaviva.kernel import clock
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotAllowed

# TMF654 and TMF622 know 400, 403 and 409 for a POST that is not carried out, and no 404.
_KINDS: dict[str, type[LineavivaError]] = {
    "line_off": Conflict,
    "line_suspended": Conflict,
    "line_closed": Conflict,
    "refused": NotAllowed,
}


def perform(ask: Ask, tell: Callable[[ServiceOrder], object]) -> ServiceOrder:
    """The completed order. Raises the refusal of one that was refused, now or when its reference was first used.

    `tell` publishes a new order's events, in its transaction.
    """
    order = service_order_perform(ask=ask, screening=screening(), now=clock.now(), tell=tell)
    if order.status == Status.FAILED:
        raise _KINDS.get(order.code, InvalidInput)(order.reason, code=order.code)
    return order
