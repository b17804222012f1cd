"""TMF622's CancelProductOrder: kept and answered, but always too late, since orders are carried out or refused at once.

Why it came to nothing has no attribute in v4; `stateReason` is an extension, named by `@type` and `@baseType`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import AwareDatetime

from lineaviva.carrier.hub.actions import event_publish
from lineaviva.carrier.orders.models import CancelRequest, ServiceOrder, Status
from lineaviva.carrier.orders.queries import service_orders
from lineaviva.carrier.tmf.common import ORDERING, Part, Ref, Resource, Text, dump, href
from lineaviva.carrier.tmf.door import operator, requester
from lineaviva.carrier.tmf.rest import (
    Fields,
    Json,
    Paging,
    Source,
    created,
    found,
    list_rows,
    number_of,
    numbered,
    row_or_404,
)
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput

router = Router(tags=["TMF622 Product Ordering"])
_WHY = {
    Status.COMPLETED.value: "The order was completed; what is completed cannot be cancelled.",
    Status.FAILED.value: "The order was rejected; there is nothing to cancel.",
}


class CancelProductOrderCreate(Part):
    product_order: Ref
    cancellation_reason: Text | None = None
    requested_cancellation_date: AwareDatetime | None = None


class CancelProductOrder(Resource):
    type: str = "ExplainedCancelProductOrder"
    base_type: str = "CancelProductOrder"
    state: Literal["terminatedWithError"] = "terminatedWithError"
    state_reason: str
    product_order: Ref
    cancellation_reason: str | None = None
    requested_cancellation_date: datetime | None = None


def _shown(row: CancelRequest) -> Json:
    order = str(row.order_id)
    resource = CancelProductOrder(
        id=str(row.pk),
        href=href(ORDERING, "cancelProductOrder", str(row.pk)),
        state_reason=_WHY[row.order.status],
        product_order=Ref(id=order, href=href(ORDERING, "productOrder", order), referred_type="ProductOrder"),
        cancellation_reason=row.reason or None,
        requested_cancellation_date=row.wanted_at,
    )
    return dump(resource)


def _requests() -> Source:
    rows = CancelRequest.objects.filter(operator=operator()).select_related("order").order_by("id")
    lookups = {
        "id": numbered(""),
        "productOrder.id": lambda value: {"order_id": pk} if (pk := number_of("", value)) is not None else None,
        "state": lambda value: {} if value == "terminatedWithError" else None,
    }
    return Source(rows, lookups, _shown)


@router.get("/cancelProductOrder", response=list[CancelProductOrder])
def cancel_product_order_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_rows(request, page, _requests())


@router.get("/cancelProductOrder/{id}", response=CancelProductOrder)
def cancel_product_order(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    return found(_shown(row_or_404(_requests().rows, "", id)), fields)


@router.post("/cancelProductOrder", response={201: CancelProductOrder})
def cancel_product_order_create(request: HttpRequest, wish: CancelProductOrderCreate) -> HttpResponse:
    """Ask for an order to be undone. The answer says why it is not."""
    with transaction.atomic():
        row = CancelRequest.objects.create(
            operator=operator(),
            requester=requester(),
            order=_order(wish.product_order.id),
            reason=wish.cancellation_reason or "",
            wanted_at=wish.requested_cancellation_date,
            received_at=clock.now(),
        )
        shown = _shown(row)
        for what in ("Create", "StateChange"):
            event_publish(
                operator=row.operator,
                api="order",
                event_type=f"CancelProductOrder{what}Event",
                resource=shown,
                now=row.received_at,
            )
    return created(shown)


def _order(identity: str) -> ServiceOrder:
    pk = number_of("", identity)
    order = service_orders(operator(), "plan").filter(pk=pk).first() if pk is not None else None
    if order is None:
        raise InvalidInput("There is no such order.", field="productOrder.id", code="order_unknown")
    return order
