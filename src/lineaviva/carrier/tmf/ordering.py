"""TMF622 Product Ordering Management v4: ProductOrder. One plan for one number, carried out at once or refused.

`externalId` is the requester's reference ("ID given by the consumer ... to facilitate his searches afterwards"): an
order that is sent again with it is the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import AwareDatetime, Field, model_validator

from lineaviva.carrier.hub.actions import event_publish
from lineaviva.carrier.orders.models import ServiceOrder, Status
from lineaviva.carrier.orders.queries import service_orders
from lineaviva.carrier.orders.rules import Ask
from lineaviva.carrier.subscriptions.models import Plan
from lineaviva.carrier.tmf.asking import perform
from lineaviva.carrier.tmf.common import (
    CATALOG,
    INVENTORY,
    ORDERING,
    Characteristic,
    Money,
    Part,
    Price,
    Ref,
    Reference,
    Resource,
    Text,
    dump,
    href,
)
from lineaviva.carrier.tmf.door import operator, requester
from lineaviva.carrier.tmf.lines import attach_lines, midnight, midnight_or_none
from lineaviva.carrier.tmf.products import AUTO_RENEW, plan_shown
from lineaviva.carrier.tmf.rest import (
    Fields,
    Json,
    Paging,
    Source,
    created,
    found,
    list_rows,
    merged,
    numbered,
    row_or_404,
    same,
    sent,
    validated,
)
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.phone import parse_msisdn

router = Router(tags=["TMF622 Product Ordering"])
State = Literal["completed", "rejected"]
# Refused orders are kept as rejected: TMF622 keeps "failed" for those that were begun.
_STATES: dict[str, State] = {Status.COMPLETED.value: "completed", Status.FAILED.value: "rejected"}


class AutoRenew(Part):
    """Whether the plan renews itself from the line's credit. Other characteristics are not known here."""

    name: Text
    value: Any

    @model_validator(mode="after")
    def _is_yes_or_no(self) -> AutoRenew:
        if self.name == AUTO_RENEW and not isinstance(self.value, bool):
            raise ValueError(f"{AUTO_RENEW} is true or false")
        return self


class OrderedProductCreate(Part):
    realizing_resource: list[Ref] = Field(min_length=1, max_length=1)
    product_characteristic: list[AutoRenew] = Field(default_factory=list, max_length=20)


class OrderItemCreate(Part):
    """A plan is added to a number; changing and ending plans is not offered."""

    id: Text
    action: Literal["add"]
    quantity: Literal[1] | None = None
    product_offering: Ref
    product: OrderedProductCreate
    product_order_item: None = None


class NoteCreate(Part):
    text: Text
    id: Text | None = None
    author: Text | None = None
    date: AwareDatetime | None = None


class ProductOrderUpdate(Part):
    """What may be said of an order afterwards."""

    description: Text | None = None
    category: Text | None = None
    note: list[NoteCreate] | None = Field(None, max_length=20)


class ProductOrderCreate(Part):
    external_id: Reference | None = None
    product_order_item: list[OrderItemCreate] = Field(min_length=1, max_length=1)
    description: Text | None = None
    category: Text | None = None
    note: list[NoteCreate] | None = Field(None, max_length=20)


class OrderPrice(Part):
    name: str
    price_type: str
    price: Price


class OrderedProduct(Part):
    id: str | None = None
    href: str | None = None
    name: str | None = None
    start_date: datetime | None = None
    termination_date: datetime | None = None
    realizing_resource: list[Ref]
    product_characteristic: list[Characteristic] | None = None


class OrderItem(Part):
    id: str
    action: Literal["add"] = "add"
    quantity: int = 1
    state: State
    product_offering: Ref
    item_price: list[OrderPrice] | None = None
    product: OrderedProduct


class ProductOrder(Resource):
    type: str = "ProductOrder"
    external_id: str | None = None
    state: State
    order_date: datetime
    completion_date: datetime | None = None
    description: str | None = None
    category: str | None = None
    order_total_price: list[OrderPrice] | None = None
    note: list[NoteCreate] | None = None
    product_order_item: list[OrderItem]


def _order(order: ServiceOrder) -> Json:
    done = order.status == Status.COMPLETED
    resource = ProductOrder(
        id=str(order.pk),
        href=href(ORDERING, "productOrder", str(order.pk)),
        external_id=order.reference,
        state=_STATES[order.status],
        order_date=order.received_at,
        completion_date=order.received_at if done else None,
        order_total_price=_prices(order) if done else None,
        note=_notes(order) or None,
        product_order_item=[_item(order)],
        **{name: order.body.get(name) for name in ("description", "category")},
    )
    return dump(resource)


def _notes(order: ServiceOrder) -> list[NoteCreate]:
    """Why it was refused, and what its requester noted."""
    refusal = [] if order.status == Status.COMPLETED else [NoteCreate(id="1", author=order.code, text=order.reason)]
    return [*refusal, *map(NoteCreate.model_validate, order.body.get("note") or [])]


def _item(order: ServiceOrder) -> OrderItem:
    return OrderItem(
        id=order.body.get("item", "1"),
        state=_STATES[order.status],
        product_offering=Ref(id=order.offering_id, href=href(CATALOG, "productOffering", order.offering_id)),
        item_price=_prices(order) if order.status == Status.COMPLETED else None,
        product=OrderedProduct(
            realizing_resource=[Ref(id=order.msisdn, value=order.msisdn)],
            product_characteristic=[Characteristic(name=AUTO_RENEW, value_type="boolean", value=True)]
            if order.body.get("auto_renew")
            else None,
            **_plan(order),
        ),
    )


def _plan(order: ServiceOrder) -> dict[str, Any]:
    plan: Plan | None = order.plan  # type: ignore[attr-defined]  # _attach_plans gives it
    if plan is None:
        return {}
    identity = f"plan-{plan.subscription_id}-{plan.number}"
    return {
        "id": identity,
        "href": href(INVENTORY, "product", identity),
        "name": plan.name,
        "start_date": midnight(plan.started_on),
        "termination_date": midnight_or_none(plan.paid_until),
    }


def _attach_plans(orders: Sequence[ServiceOrder]) -> None:
    """Give each order its plan as `plan` (None where it has none), read at once for all."""
    wanted = [(order.subscription_id, order.plan_number) for order in orders if order.plan_number]
    known = {plan.pk: plan for plan in Plan.objects.filter(pk__in=wanted)} if wanted else {}
    for order in orders:
        order.plan = known.get((order.subscription_id, order.plan_number))  # type: ignore[attr-defined]


def _shown(order: ServiceOrder) -> Json:
    _attach_plans([order])
    return _order(order)


def _prices(order: ServiceOrder) -> list[OrderPrice]:
    lines = [("Plan", "oneTime", order.price_minor), ("Promotion", "discount", order.discount_minor)]
    return [
        OrderPrice(name=name, price_type=kind, price=Price(tax_included_amount=Money.of(minor)))
        for name, kind, minor in lines
        if minor
    ]


def _orders() -> Source:
    by_state = {name: status for status, name in _STATES.items()}
    lookups = {
        "id": numbered(""),
        "externalId": same("reference"),
        "state": lambda value: {"status": by_state[value]} if value in by_state else None,
    }
    return Source(service_orders(operator(), "plan"), lookups, _order, _attach_plans)


def _told(order: ServiceOrder, *what: str) -> Json:
    shown = _shown(order)
    for one in what:
        event_publish(
            operator=order.operator, api="order", event_type=f"ProductOrder{one}Event", resource=shown, now=clock.now()
        )
    return shown


def _told_of_new(order: ServiceOrder) -> None:
    """An order is decided at once, so that it is made and reaches its state at the same time."""
    _told(order, "Create", "StateChange")
    plan: Plan | None = order.plan  # type: ignore[attr-defined]  # _shown gives it
    if plan is not None:
        attach_lines([plan])
        event_publish(
            operator=order.operator,
            api="inventory",
            event_type="ProductCreateEvent",
            resource=plan_shown(plan),
            now=order.received_at,
        )


@router.get("/productOrder", response=list[ProductOrder])
def product_order_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_rows(request, page, _orders())


@router.get("/productOrder/{id}", response=ProductOrder)
def product_order(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    return found(_shown(row_or_404(service_orders(operator(), "plan"), "", id)), fields)


@router.post("/productOrder", response={201: ProductOrder})
def product_order_create(request: HttpRequest, order: ProductOrderCreate) -> HttpResponse:
    """Start a plan on a number, paid for by the requester. The same externalId again changes nothing."""
    (item,) = order.product_order_item
    (number,) = item.product.realizing_resource
    ask = Ask(
        operator=operator(),
        requester=requester(),
        reference=order.external_id,
        kind="plan",
        msisdn=parse_msisdn(number.value or number.id, "productOrderItem.product.realizingResource.value"),
        offering_id=item.product_offering.id,
        body={
            "item": item.id,
            "auto_renew": any(one.value for one in item.product.product_characteristic if one.name == AUTO_RENEW),
            **_kept(ProductOrderUpdate.model_validate(order.model_dump())),
        },
    )
    return created(_shown(perform(ask, _told_of_new)))


@router.patch("/productOrder/{id}", response=ProductOrder, openapi_extra={"x-body": ProductOrderUpdate.__name__})
def product_order_change(request: HttpRequest, id: str) -> HttpResponse:
    """Say something about an order. What was ordered is done, and stays as it is."""
    patch = sent(request)
    with transaction.atomic():
        order: ServiceOrder = row_or_404(service_orders(operator(), "plan").select_for_update(), "", id)
        shown = _shown(order)
        for name in patch.keys() - ProductOrderUpdate.model_fields.keys():
            if patch[name] != shown.get(name):
                raise InvalidInput(
                    f"{name[:60]} cannot be changed: orders are carried out at once and kept. "
                    "Only description, category and note can be.",
                    code="not_patchable",
                    field=name[:60],
                )
        said = {name: value for name, value in patch.items() if name in ProductOrderUpdate.model_fields}
        after = {**order.body, **_kept(validated(ProductOrderUpdate, merged(_kept_of(order), said)))}
        if after != order.body:
            order.body = after
            order.save(update_fields=["body"])
            shown = _told(order, "AttributeValueChange")
    return found(shown, "")


def _kept(said: ProductOrderUpdate) -> Json:
    return said.model_dump(mode="json")


def _kept_of(order: ServiceOrder) -> Json:
    return {name: order.body[name] for name in ProductOrderUpdate.model_fields if order.body.get(name) is not None}
