"""TMF637 Product Inventory v4: what a number has, read only.

A line is a product of its own, each plan on it another. A product is found by its number through
`realizingResource.value`, which the schema describes as "a public key (e.g.: a tel nr, an msisdn)". The line's phase
and its three dates stand on every one of its products as productCharacteristic.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.carrier.subscriptions.queries import subscription_deadlines
from lineaviva.carrier.tmf.common import (
    CATALOG,
    INVENTORY,
    Characteristic,
    Money,
    Part,
    Price,
    Ref,
    Resource,
    dump,
    href,
)
from lineaviva.carrier.tmf.door import operator
from lineaviva.carrier.tmf.rest import Fields, Json, Paging, Source, found, list_rows, numbered, row_or_404, same
from lineaviva.kernel import clock
from lineaviva.kernel.clock import rome_date

router = Router(tags=["TMF637 Product Inventory"])
LINE, PLAN = "line-", "plan-"
State = Literal["active", "suspended", "terminated", "pendingActive"]
# Receive-only still receives, so the product is active; the characteristic lineState says which phase it is in.
_OF_STATE: dict[str, State] = {"off_recoverable": "suspended", "lost": "terminated"}
_OF_STATUS: dict[str, State] = {"suspended": "suspended", "closed": "terminated"}


class ProductPrice(Part):
    name: str
    price_type: str
    price: Price


class Relationship(Part):
    relationship_type: str
    product: Ref


class Product(Resource):
    type: str = "Product"
    name: str
    status: State
    is_bundle: bool = False
    start_date: datetime
    termination_date: datetime | None = None
    product_offering: Ref | None = None
    product_price: list[ProductPrice] | None = None
    product_characteristic: list[Characteristic]
    product_relationship: list[Relationship] | None = None
    realizing_resource: list[Ref]


def _line(line: Subscription) -> Json:
    phase, characteristics = _life(line)
    resource = Product(
        id=f"{LINE}{line.pk}",
        href=href(INVENTORY, "product", f"{LINE}{line.pk}"),
        name="Prepaid line",
        status=_OF_STATUS.get(line.status) or _OF_STATE.get(phase, "active"),
        start_date=line.opened_at,
        product_characteristic=characteristics,
        realizing_resource=_resources(line),
    )
    return dump(resource)


def _plan(plan: Plan) -> Json:
    line = plan.subscription
    resource = Product(
        id=f"{PLAN}{plan.pk}",
        href=href(INVENTORY, "product", f"{PLAN}{plan.pk}"),
        name=plan.name,
        status=_plan_status(plan, clock.now()),
        start_date=plan.started_at,
        termination_date=plan.ends_at,
        product_offering=Ref(id=plan.offering_id, href=href(CATALOG, "productOffering", plan.offering_id)),
        product_price=[
            ProductPrice(
                name=plan.name,
                price_type="recurring" if plan.ends_at else "oneTime",
                price=Price(tax_included_amount=Money.of(plan.price_minor)),
            )
        ],
        product_characteristic=_life(line)[1],
        product_relationship=[
            Relationship(
                relationship_type="reliesOn",
                product=Ref(id=f"{LINE}{line.pk}", href=href(INVENTORY, "product", f"{LINE}{line.pk}")),
            )
        ],
        realizing_resource=_resources(line),
    )
    return dump(resource)


def _plan_status(plan: Plan, now: datetime) -> State:
    if plan.ends_at is not None and plan.ends_at <= now:
        return "terminated"
    return "active" if plan.started_at <= now else "pendingActive"


def _resources(line: Subscription) -> list[Ref]:
    return [Ref(id=line.msisdn, name="msisdn", value=line.msisdn, referred_type="MSISDN")]


def _life(line: Subscription) -> tuple[str, list[Characteristic]]:
    """The line's phase today, and what is known of its dates: a date that is not known is left out."""
    today = subscription_deadlines(line, rome_date(clock.now()))
    dates = {
        "extendedOn": line.extended_on,
        "fullServiceUntil": today.full_service_until,
        "receiveOnlyUntil": today.receive_only_until,
        "numberKeptUntil": today.number_kept_until,
    }
    known = [Characteristic(name=name, value_type="date", value=day.isoformat()) for name, day in dates.items() if day]
    return today.state, [Characteristic(name="lineState", value_type="string", value=today.state), *known]


def _lines() -> Source:
    lookups = {
        "id": numbered(LINE),
        "realizingResource.value": same("msisdn"),
        "realizingResource.id": same("msisdn"),
        "productOffering.id": lambda _value: None,
    }
    return Source(Subscription.objects.filter(operator=operator()).order_by("id"), lookups, _line)


def _plans() -> Source:
    rows = Plan.objects.filter(subscription__operator=operator()).select_related("subscription").order_by("id")
    lookups = {
        "id": numbered(PLAN),
        "realizingResource.value": same("subscription__msisdn"),
        "realizingResource.id": same("subscription__msisdn"),
        "productOffering.id": same("offering_id"),
    }
    return Source(rows, lookups, _plan)


@router.get("/product", response=list[Product])
def product_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_rows(request, page, _lines(), _plans())


@router.get("/product/{id}", response=Product)
def product(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    source, prefix = (_lines(), LINE) if id.startswith(LINE) else (_plans(), PLAN)
    return found(source.resource(row_or_404(source.rows, prefix, id)), fields)
