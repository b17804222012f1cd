"""POST, PATCH and DELETE of TMF620: what the operator makes itself. What it sells changes by announcement only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from lineaviva import rulebook
from lineaviva.carrier.catalogue import queries
from lineaviva.carrier.catalogue.actions import (
    offer_change_announce,
    resource_change,
    resource_create,
    resource_delete,
    resource_locked,
)
from lineaviva.carrier.catalogue.models import CatalogueResource, OfferChange
from lineaviva.carrier.catalogue.rules import PlanTerms
from lineaviva.carrier.hub.actions import event_publish
from lineaviva.carrier.tmf import catalog_parts as parts
from lineaviva.carrier.tmf.common import Part, Resource, dump
from lineaviva.carrier.tmf.rest import Json, merged, validated
from lineaviva.carrier.tmf.selling import is_discount, sale_of, wants_sale
from lineaviva.carrier.tmf.shelf import Kind, Shelf, specification_ref
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound

DRAFT, OBSOLETE = "In Design", "Obsolete"
_PRICES = "productOfferingPrice"
_FIXED = ("id", "href", "lastUpdate", "@type", "@baseType")
_SUCCESSORS = {"replacedby", "substitution", "migration"}


class Shape(NamedTuple):
    """What a POST must have, what a PATCH may, what is shown, and in which attribute a bundle names its members."""

    create: type[Part]
    update: type[Part]
    shown: type[Resource]
    members: str = ""


SHAPES: dict[str, Shape] = {
    Kind.CATALOG: Shape(parts.CatalogCreate, parts.CatalogUpdate, parts.Catalog),
    Kind.CATEGORY: Shape(parts.CategoryCreate, parts.CategoryUpdate, parts.Category),
    Kind.OFFERING: Shape(
        parts.ProductOfferingCreate, parts.ProductOfferingUpdate, parts.ProductOffering, "bundledProductOffering"
    ),
    Kind.PRICE: Shape(
        parts.ProductOfferingPriceCreate,
        parts.ProductOfferingPriceUpdate,
        parts.ProductOfferingPrice,
        "bundledPopRelationship",
    ),
    Kind.SPECIFICATION: Shape(
        parts.ProductSpecificationCreate,
        parts.ProductSpecificationUpdate,
        parts.ProductSpecification,
        "bundledProductSpecification",
    ),
}


@transaction.atomic
def create(operator: str, kind: str, sent: Json, now: datetime) -> Json:
    """The new resource as it is shown. Raises InvalidInput and Conflict."""
    body, status = _checked(kind, sent)
    is_sold = kind == Kind.OFFERING and wants_sale(_offering(body, status))
    terms = _first_terms(operator, _offering(body, status), now) if is_sold else None
    row = resource_create(operator=operator, kind=kind, body=body, lifecycle_status=status, terms=terms, now=now)
    return _told(row, "Create", now)


@transaction.atomic
def change(operator: str, kind: str, key: str, patch: Json, now: datetime) -> Json:
    """The resource after the patch. Raises NotFound, InvalidInput and Conflict, and then nothing was changed."""
    try:
        row = resource_locked(operator=operator, kind=kind, key=key)
    except NotFound:
        return _derived(operator, kind, key, patch, now)
    before, before_status = Shelf(operator, now).own(row), row.lifecycle_status
    patch = _allowed(patch, before)
    body, status = _checked(kind, merged({**row.body, "lifecycleStatus": row.lifecycle_status}, patch))
    if kind == Kind.OFFERING:
        _change_offering(row, body, status, _PRICES in patch, now)
    else:
        if kind == Kind.PRICE:
            _refuse_in_use(row, body)
        resource_change(row=row, body=body, lifecycle_status=status, terms=None, now=now)
    if status != before_status:
        _told(row, "StateChange", now)
    return _told(row, "AttributeValueChange", now) if status == before_status else Shelf(operator, now).own(row)


@transaction.atomic
def delete(operator: str, kind: str, key: str, now: datetime) -> None:
    """Raises NotFound, and Conflict for what is sold, is used, or follows from the rulebook."""
    try:
        row = resource_locked(operator=operator, kind=kind, key=key)
    except NotFound:
        _refuse_derived(Shelf(operator, now), kind, key)
        raise
    if kind == Kind.PRICE:
        _refuse_in_use(row, None)
    _told(row, "Delete", now)
    resource_delete(row=row)


# --- what was sent ------------------------------------------------------------------------------------------------


def _checked(kind: str, sent: Json) -> tuple[Json, str]:
    """The body to be kept and its lifecycleStatus, with what TM Forum makes mandatory. Raises InvalidInput."""
    shape = SHAPES[kind]
    body = dump(validated(shape.create, sent))
    if shape.members and body.get("isBundle") and not body.get(shape.members):
        raise InvalidInput(f"A bundle names its members in {shape.members}.", field=shape.members)
    if shape.members and not body.get("isBundle"):
        if kind == Kind.OFFERING:
            body.setdefault("productSpecification", dump(specification_ref("plan")))
        elif kind == Kind.PRICE:
            body.setdefault("priceType", "recurring" if "recurringChargePeriodType" in body else "oneTime")
    return body, str(body.pop("lifecycleStatus", DRAFT))


def _allowed(patch: Json, shown: Json) -> Json:
    """The patch without what is as it was. Raises InvalidInput (not_patchable) for what is not the sender's."""
    for name in _FIXED:
        if name in patch and patch[name] != shown.get(name):
            raise InvalidInput(f"{name} cannot be changed.", code="not_patchable", field=name)
    return {name: value for name, value in patch.items() if name not in _FIXED}


def _offering(body: Json, status: str) -> parts.ProductOfferingUpdate:
    return parts.ProductOfferingUpdate.model_validate({**body, "lifecycleStatus": status})


def _own_prices(operator: str) -> dict[str, parts.ProductOfferingPriceUpdate]:
    return {
        row.key: parts.ProductOfferingPriceUpdate.model_validate(row.body)
        for row in queries.resources(operator, Kind.PRICE)
    }


# --- what is sold -------------------------------------------------------------------------------------------------


def _first_terms(operator: str, offering: parts.ProductOfferingUpdate, now: datetime) -> PlanTerms:
    """The terms of what was never sold before. Raises InvalidInput where there is more than one price in it."""
    sale = sale_of(offering, _own_prices(operator), rulebook.operator(operator), now)
    if sale.later or any(is_discount(one) for one in offering.product_offering_price or []):
        raise InvalidInput(
            "A new offering has one price. Another one is announced later; a discount is a promotion.",
            code="offering_not_sellable",
            field=_PRICES,
        )
    return sale.terms


def _change_offering(row: CatalogueResource, body: Json, status: str, prices_sent: bool, now: datetime) -> None:
    was_sold = row.key in queries.offerings(row.operator)
    offering = _offering(body, status)
    terms = None
    if wants_sale(offering) and was_sold:
        terms = _terms_on(row, offering, prices_sent, now)
    elif wants_sale(offering):
        terms = _first_terms(row.operator, offering, now)
    elif was_sold and prices_sent:
        raise Conflict("Put it on sale again first: its price is announced to those who have it.", code="terms_fixed")
    if was_sold:
        # What it cost when it was first sold; all that came after is in the announcements.
        body[_PRICES] = row.body[_PRICES]
    ends = was_sold and status == OBSOLETE != row.lifecycle_status
    resource_change(row=row, body=body, lifecycle_status=status, terms=terms, now=now)
    if ends:
        _announce_end(row, offering, now)


def _terms_on(
    row: CatalogueResource, offering: parts.ProductOfferingUpdate, announce: bool, now: datetime
) -> PlanTerms:
    """The terms of what was sold before; a price that differs from the present one is announced."""
    changes = [one for one in queries.offer_changes(row.operator) if one.offering_id == row.key]
    if any(one.kind == OfferChange.Kind.WITHDRAWN for one in changes):
        raise Conflict("Its end was announced. Make a new offering.", code="terms_fixed")
    sale = sale_of(offering, _own_prices(row.operator), rulebook.operator(row.operator), now)
    if not announce:
        return sale.terms
    begun = [one.price_minor for one in changes if one.from_on <= rome_date(now)]
    present = begun[-1] if begun else queries.offerings(row.operator)[row.key].price_minor
    differs = sale.has_present and sale.terms.price_minor != present
    if differs and sale.later:
        raise InvalidInput(
            "The present price cannot be changed. Send it as it is, or only the one that follows.", field=_PRICES
        )
    if sale.later:
        _announce_price(row, *sale.later, now)
    elif differs:
        _announce_price(row, sale.terms.price_minor, None, now)
    return sale.terms


def _announce_price(row: CatalogueResource, minor: int, from_on: Any, now: datetime) -> None:
    offer_change_announce(
        operator=row.operator,
        offering_id=row.key,
        kind=OfferChange.Kind.PRICE,
        price_minor=minor,
        from_on=from_on,
        now=now,
    )


def _announce_end(row: CatalogueResource, offering: parts.ProductOfferingUpdate, now: datetime) -> None:
    """It ends for those who have it, from validFor's end or as soon as the law allows."""
    ends = offering.valid_for.end_date_time if offering.valid_for else None
    successors = [
        one.id
        for one in offering.product_offering_relationship or []
        if (one.relationship_type or "").lower() in _SUCCESSORS and one.id
    ]
    offer_change_announce(
        operator=row.operator,
        offering_id=row.key,
        kind=OfferChange.Kind.WITHDRAWN,
        from_on=rome_date(ends) if ends else None,
        replaced_by=successors[0] if successors else "",
        now=now,
    )


_CHARGED = ("price", "priceType", "recurringChargePeriodType", "recurringChargePeriodLength", "percentage")


def _refuse_in_use(row: CatalogueResource, body: Json | None) -> None:
    """Raises Conflict (price_in_use) where an offering that is sold refers to this price, and it would not be it."""
    if body is not None and all(row.body.get(name) == body.get(name) for name in _CHARGED):
        return
    sold = queries.offerings(row.operator)
    for offering in queries.resources(row.operator, Kind.OFFERING):
        refers = any(one.get("id") == row.key and "price" not in one for one in offering.body.get(_PRICES, []))
        if refers and offering.key in sold:
            raise Conflict(
                f"Offering {offering.key} is sold at this price. Announce another one by a PATCH of the offering's "
                f"{_PRICES}.",
                code="price_in_use",
            )


# --- what follows from something else -----------------------------------------------------------------------------


def _derived(operator: str, kind: str, key: str, patch: Json, now: datetime) -> Json:
    """The price of an own offering, which has no row, may be patched: that announces it. All else is refused."""
    shelf = Shelf(operator, now)
    offering = key.removesuffix("-price")
    if (
        kind == Kind.PRICE
        and key.endswith("-price")
        and queries.resources(operator, Kind.OFFERING).filter(key=offering)
    ):
        shown = next((one for one in shelf.resources(kind) if one["id"] == key), None)
        if shown is not None:
            return _patch_price(operator, offering, shown, patch, now)
    _refuse_derived(shelf, kind, key)
    raise NotFound("There is no such resource.")


def _patch_price(operator: str, offering: str, shown: Json, patch: Json, now: datetime) -> Json:
    patch = _allowed(patch, shown)
    other = {name for name in patch if name not in {"price", "validFor"} and patch[name] != shown.get(name)}
    if other:
        raise InvalidInput(
            f"Of a price only price and validFor can be changed, not {', '.join(sorted(other))}.",
            code="not_patchable",
            field=sorted(other)[0],
        )
    wanted = validated(parts.ProductOfferingPriceUpdate, merged({"price": shown["price"]}, patch))
    window = dump(wanted.valid_for) if wanted.valid_for and "validFor" in patch else {}
    amount = dump(wanted.price) if wanted.price else {}
    inline = {
        "price": {"taxIncludedAmount": amount},
        "priceType": shown["priceType"],
        "recurringChargePeriod": shown.get("recurringChargePeriodType"),
        "recurringChargePeriodLength": shown.get("recurringChargePeriodLength"),
        "validFor": {name: value for name, value in window.items() if name == "startDateTime"},
    }
    change(operator, Kind.OFFERING, offering, {_PRICES: [inline]}, now)
    return next(one for one in Shelf(operator, now).resources(Kind.PRICE) if one["id"] == shown["id"])


def _refuse_derived(shelf: Shelf, kind: str, key: str) -> None:
    if key in shelf.derived_ids(kind):
        raise Conflict(
            "It follows from the operator's rulebook, a promotion or an offering, and is not changed here.",
            code="derived",
        )


# --- who is told --------------------------------------------------------------------------------------------------


def _told(row: CatalogueResource, what: str, now: datetime) -> Json:
    shown = Shelf(row.operator, now).own(row)
    name = row.kind[0].upper() + row.kind[1:]
    event_publish(operator=row.operator, api="catalog", event_type=f"{name}{what}Event", resource=shown, now=now)
    return shown
