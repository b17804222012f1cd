"""TMF637 Product Inventory v4: what a number has, read only.

A line is a product of its own, each plan on it another. A product is found by its number through
`realizingResource.value`, which the schema describes as "a public key (e.g.: a tel nr, an msisdn)". The line's phase
and its three dates stand on every one of its products as productCharacteristic.
"""

from __future__ import annotations

from datetime import date, datetime
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
from lineaviva.carrier.tmf.lines import (
    attach_lines,
    lines,
    midnight,
    midnight_or_none,
    of_number,
    plan_numbered,
    plan_or_404,
    plans,
)
from lineaviva.carrier.tmf.rest import Fields, Json, Paging, Source, found, list_rows, numbered, row_or_404, same
from lineaviva.kernel import clock
from lineaviva.kernel.clock import rome_date

router = Router(tags=["TMF637 Product Inventory"])
LINE, PLAN = "line-", "plan-"
State = Literal["active", "suspended", "terminated", "pendingActive"]
# Receive-only still receives, so the product is active; the characteristic lineState says which phase it is in.
_WORDS = {"off": "off_recoverable", "free": "lost"}  # as the deadlines of a rulebook call them
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
    line: Subscription = plan.line  # type: ignore[attr-defined]  # attach_lines gives it
    identity = f"{PLAN}{line.pk}-{plan.number}"
    resource = Product(
        id=identity,
        href=href(INVENTORY, "product", identity),
        name=plan.name,
        status=_plan_status(plan, rome_date(clock.now())),
        start_date=midnight(plan.started_on),
        termination_date=midnight_or_none(plan.paid_until),
        product_offering=Ref(id=plan.offering_id, href=href(CATALOG, "productOffering", plan.offering_id)),
        product_price=[
            ProductPrice(
                name=plan.name,
                price_type="recurring" if plan.paid_until else "oneTime",
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


def _plan_status(plan: Plan, today: date) -> State:
    """What is paid for runs on, whatever became of its renewal; an unpaid one waits for the next top-up."""
    if plan.paid_until is None or plan.paid_until > today:
        return "active" if plan.started_on <= today else "pendingActive"
    if plan.status == "active" and plan.auto_renew:
        return "active"  # a courtesy day, or tonight's run is still to come
    return "terminated" if plan.status in {"ended", "active"} else "suspended"


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
    state = _WORDS.get(line.phase, line.phase)
    return state, [Characteristic(name="lineState", value_type="string", value=state), *known]


def _lines() -> Source:
    lookups = {
        "id": numbered(LINE),
        "realizingResource.value": same("msisdn"),
        "realizingResource.id": same("msisdn"),
        "productOffering.id": lambda _value: None,
    }
    return Source(lines(), lookups, _line)


def _plans() -> Source:
    lookups = {
        "id": plan_numbered(PLAN),
        "realizingResource.value": of_number,
        "realizingResource.id": of_number,
        "productOffering.id": same("offering_id"),
    }
    return Source(plans(), lookups, _plan, attach_lines)


@router.get("/product", response=list[Product])
def product_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_rows(request, page, _lines(), _plans())


@router.get("/product/{id}", response=Product)
def product(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    if id.startswith(LINE):
        return found(_line(row_or_404(lines(), LINE, id)), fields)
    return found(_plan(plan_or_404(plan_numbered(PLAN)(id))), fields)
