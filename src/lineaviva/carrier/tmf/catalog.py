"""TMF620 Product Catalog Management v4: ProductOffering and ProductOfferingPrice, read only.

Prices are told inside the offering (4.1's RefOrValue) as well as at their own address (4.0 knows only references).
"""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from lineaviva.carrier.catalogue import queries
from lineaviva.carrier.catalogue.models import Promotion
from lineaviva.carrier.catalogue.rules import Offering
from lineaviva.carrier.tmf.common import CATALOG, Money, Part, Price, Ref, Resource, TimePeriod, dump, href
from lineaviva.carrier.tmf.door import operator
from lineaviva.carrier.tmf.rest import Fields, Json, Paging, found, list_of
from lineaviva.kernel import clock
from lineaviva.kernel.errors import NotFound

router = Router(tags=["TMF620 Product Catalog"])
_CATEGORIES = {"topup": "Top-up", "plan": "Plan"}


class ListedPrice(Resource):
    """A ProductOfferingPrice inside its offering."""

    type: str = "ProductOfferingPrice"
    name: str
    price_type: Literal["oneTime", "recurring", "discount"]
    recurring_charge_period: str | None = None
    recurring_charge_period_length: int | None = None
    price: Price
    valid_for: TimePeriod | None = None


class ProductOfferingPrice(Resource):
    type: str = "ProductOfferingPrice"
    name: str
    lifecycle_status: str = "Active"
    price_type: Literal["oneTime", "recurring", "discount"]
    recurring_charge_period_type: str | None = None
    recurring_charge_period_length: int | None = None
    price: Money | None = None
    percentage: float | None = None
    pop_relationship: list[Json] | None = None
    valid_for: TimePeriod | None = None


class CharacteristicValue(Part):
    is_default: bool = True
    value: int | bool | str


class CharacteristicUse(Part):
    name: str
    value_type: str
    product_spec_characteristic_value: list[CharacteristicValue]


class ProductOffering(Resource):
    type: str = "ProductOffering"
    name: str
    lifecycle_status: str = "Active"
    is_bundle: bool = False
    is_sellable: bool = True
    category: list[Ref]
    product_offering_price: list[ListedPrice]
    prod_spec_char_value_use: list[CharacteristicUse]


def _offerings() -> list[Json]:
    promotions = list(queries.promotions_listed(operator(), clock.now()))
    offerings = queries.offerings(operator()).values()
    return [_offering(one, [p for p in promotions if p.offering_id == one.id]) for one in offerings]


def _prices() -> list[Json]:
    promotions = queries.promotions_listed(operator(), clock.now())
    offerings = queries.offerings(operator())
    discounts = [dump(_as_resource(_discount(p))) for p in promotions if p.offering_id in offerings]
    return [dump(_as_resource(_base_price(one))) for one in offerings.values()] + discounts


def _offering(offering: Offering, promotions: list[Promotion]) -> Json:
    resource = ProductOffering(
        id=offering.id,
        href=href(CATALOG, "productOffering", offering.id),
        name=offering.name,
        category=[Ref(id=offering.kind, name=_CATEGORIES[offering.kind])],
        product_offering_price=[_base_price(offering), *map(_discount, promotions)],
        prod_spec_char_value_use=_characteristics(offering),
    )
    return dump(resource)


def _base_price(offering: Offering) -> ListedPrice:
    months = offering.period_months
    identity = f"{offering.id}-price"
    return ListedPrice(
        id=identity,
        href=href(CATALOG, "productOfferingPrice", identity),
        name=offering.name,
        price_type="recurring" if months else "oneTime",
        recurring_charge_period="month" if months else None,
        recurring_charge_period_length=months,
        price=Price(tax_included_amount=Money.of(offering.price_minor)),
    )


def _discount(promotion: Promotion) -> ListedPrice:
    percent = promotion.off_percent
    return ListedPrice(
        id=promotion.key,
        href=href(CATALOG, "productOfferingPrice", promotion.key),
        name=promotion.name,
        price_type="discount",
        price=Price(percentage=percent) if percent else Price(tax_included_amount=Money.of(promotion.off_minor)),
        valid_for=TimePeriod(start_date_time=promotion.valid_from, end_date_time=promotion.valid_until),
    )


def _as_resource(listed: ListedPrice) -> ProductOfferingPrice:
    return ProductOfferingPrice(
        id=listed.id,
        href=listed.href,
        name=listed.name,
        price_type=listed.price_type,
        recurring_charge_period_type=listed.recurring_charge_period,
        recurring_charge_period_length=listed.recurring_charge_period_length,
        price=listed.price.tax_included_amount,
        percentage=listed.price.percentage,
        valid_for=listed.valid_for,
    )


def _characteristics(offering: Offering) -> list[CharacteristicUse]:
    """The allowances that are known, and whether buying it moves the line's dates."""
    known: dict[str, int | bool | str] = {k: v for k, v in offering.allowances.items() if v is not None}
    if offering.calls_to_china:
        known["calls_to_china"] = offering.calls_to_china
    known["extends"] = offering.extends
    return [
        CharacteristicUse(
            name=name,
            value_type={bool: "boolean", int: "number", str: "string"}[type(value)],
            product_spec_characteristic_value=[CharacteristicValue(value=value)],
        )
        for name, value in known.items()
    ]


@router.get("/productOffering", response=list[ProductOffering])
def product_offering_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_of(request, page, _offerings())


@router.get("/productOffering/{id}", response=ProductOffering)
def product_offering(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    return _one(_offerings(), id, fields)


@router.get("/productOfferingPrice", response=list[ProductOfferingPrice])
def product_offering_price_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_of(request, page, _prices())


@router.get("/productOfferingPrice/{id}", response=ProductOfferingPrice)
def product_offering_price(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    return _one(_prices(), id, fields)


def _one(resources: list[Json], identity: str, fields: str) -> HttpResponse:
    for resource in resources:
        if resource["id"] == identity:
            return found(resource, fields)
    raise NotFound("There is no such resource.")
