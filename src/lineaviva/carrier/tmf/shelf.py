"""What stands in an operator's catalogue: what follows from its rulebook file, and what it made itself, as JSON.

Each list has first what follows from the rulebook (read only), then the operator's own in the order of their making.
An offering that is sold shows the prices that count, however it was sent: the present one, what is announced, and
promotions as discounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

from lineaviva import rulebook
from lineaviva.carrier.catalogue import queries
from lineaviva.carrier.catalogue.models import CatalogueResource, OfferChange, Promotion
from lineaviva.carrier.catalogue.rules import Offering
from lineaviva.carrier.tmf import catalog_parts as parts
from lineaviva.carrier.tmf.common import CATALOG, Money, dump, href
from lineaviva.carrier.tmf.lines import midnight, midnight_or_none
from lineaviva.carrier.tmf.rest import Json
from lineaviva.kernel.clock import ROME, rome_date

Kind = CatalogueResource.Kind
CATEGORIES = {"topup": "Top-up", "plan": "Plan"}
SPECIFICATIONS = {"topup": "Prepaid credit", "plan": "Prepaid plan"}
_UNITS = {"data_mb": "MB", "minutes": "minutes", "sms": "messages", "eu_roaming_mb": "MB"}
_TYPES = {bool: "boolean", int: "number", str: "string"}
_WITHDRAWN = OfferChange.Kind.WITHDRAWN


@dataclass(frozen=True)
class Shelf:
    """One operator's catalogue at one moment; read from the database as far as it is asked for."""

    operator: str
    now: datetime

    def resources(self, kind: str) -> list[Json]:
        derived: list[Json] = {
            Kind.CATALOG: self._catalogs,
            Kind.CATEGORY: self._categories,
            Kind.OFFERING: self._offerings,
            Kind.PRICE: self._prices,
            Kind.SPECIFICATION: self._specifications,
        }[Kind(kind)]()
        return derived + [self.own(row) for row in queries.resources(self.operator, kind)]

    def derived_ids(self, kind: str) -> set[str]:
        """Ids of what nobody made here."""
        own = set(queries.resources(self.operator, kind).values_list("key", flat=True))
        return {resource["id"] for resource in self.resources(kind)} - own

    def own(self, row: CatalogueResource) -> Json:
        """What the operator made itself, as it is shown."""
        base = {"id": row.key, "href": href(CATALOG, row.kind, row.key)}
        shown = {**base, **row.body, "lifecycleStatus": row.lifecycle_status, "lastUpdate": _text(row.last_update)}
        shown.setdefault("@type", row.kind[0].upper() + row.kind[1:])
        if row.kind == Kind.OFFERING:
            shown |= self._sold(row.key, row.body)
        return shown

    def _sold(self, key: str, body: Mapping[str, Any]) -> Json:
        offering = self._known.get(key)
        if offering is None:
            return {"isSellable": False}
        category = [one for one in body.get("category", []) if one["id"] != "plan"]
        return {
            "isSellable": key in self._on_sale,
            "category": [*category, dump(_category_ref("plan"))],
            "productOfferingPrice": self._listed_prices(offering),
            **self._window(offering, body.get("validFor", {})),
        }

    # --- what it is made of --------------------------------------------------------------------------------------

    @cached_property
    def _book(self) -> rulebook.Operator:
        return rulebook.operator(self.operator)

    @cached_property
    def _known(self) -> dict[str, Offering]:
        return queries.offerings(self.operator)

    @cached_property
    def _on_sale(self) -> dict[str, Offering]:
        return queries.offerings_on_sale(self.operator, self.now)

    @cached_property
    def _own_since(self) -> dict[str, datetime]:
        """The operator's own offerings, sold or not, and when each was last changed."""
        return dict(queries.resources(self.operator, Kind.OFFERING).values_list("key", "last_update"))

    @cached_property
    def _changes(self) -> list[OfferChange]:
        return queries.offer_changes(self.operator)

    @cached_property
    def _promotions(self) -> list[Promotion]:
        return list(queries.promotions_listed(self.operator, self.now))

    @cached_property
    def _since(self) -> datetime:
        """When what follows from the rulebook was last changed: the day on which its facts were collected."""
        return datetime.combine(self._book.collected_on, time(), ROME)

    # --- what follows from the rulebook ----------------------------------------------------------------------------

    def _catalogs(self) -> list[Json]:
        catalog = parts.Catalog(
            **_named("catalog", "prepaid", f"{self._book.name} prepaid"),
            last_update=self._since,
            category=[_category_ref(key) for key in CATEGORIES],
        )
        return [dump(catalog)]

    def _categories(self) -> list[Json]:
        return [
            dump(
                parts.Category(
                    **_named("category", key, name),
                    last_update=self._since,
                    is_root=True,
                    product_offering=[
                        parts.EntityRef(id=one.id, href=href(CATALOG, "productOffering", one.id), name=one.name)
                        for one in self._known.values()
                        if one.kind == key
                    ],
                )
            )
            for key, name in CATEGORIES.items()
        ]

    def _specifications(self) -> list[Json]:
        return [
            dump(
                parts.ProductSpecification(
                    **_named("productSpecification", f"prepaid-{key}", name),
                    last_update=self._since,
                    is_bundle=False,
                    product_spec_characteristic=_characteristics_of(key),
                )
            )
            for key, name in SPECIFICATIONS.items()
        ]

    def _offerings(self) -> list[Json]:
        return [self._offering(one) for key, one in self._known.items() if key not in self._own_since]

    def _offering(self, offering: Offering) -> Json:
        resource = parts.ProductOffering(
            **_named("productOffering", offering.id, offering.name),
            last_update=self._since,
            is_bundle=False,
            is_sellable=offering.id in self._on_sale,
            category=[_category_ref(offering.kind)],
            product_specification=specification_ref(offering.kind),
            prod_spec_char_value_use=_uses(offering),
        )
        return {
            **dump(resource),
            "productOfferingPrice": self._listed_prices(offering),
            **self._window(offering, {}),
        }

    # --- prices ----------------------------------------------------------------------------------------------------

    def _prices(self) -> list[Json]:
        return [dump(price) for offering in self._known.values() for price in self._prices_of(offering)]

    def _listed_prices(self, offering: Offering) -> list[Json]:
        return [_inside(price) for price in self._prices_of(offering)]

    def _prices_of(self, offering: Offering) -> list[parts.ProductOfferingPrice]:
        """The price that counts, those that are announced, and the discounts on it."""
        discounts = [_discount(one) for one in self._promotions if one.offering_id == offering.id]
        return [*self._charges(offering), *discounts]

    def _charges(self, offering: Offering) -> Iterable[parts.ProductOfferingPrice]:
        today = rome_date(self.now)
        changes = [one for one in self._changes if one.offering_id == offering.id and one.price_minor is not None]
        begun = [one.price_minor for one in changes if one.from_on <= today]
        coming = [one for one in changes if one.from_on > today]
        steps: list[tuple[date | None, int | None]] = [(None, begun[-1] if begun else offering.price_minor)]
        steps += [(one.from_on, one.price_minor) for one in coming]
        ends = [day for day, _ in steps[1:]] + [None]
        for (begins, minor), end in zip(steps, ends, strict=True):
            yield _charge(offering, minor or 0, begins, end, self._own_since.get(offering.id, self._since))

    def _window(self, offering: Offering, sent: Json) -> Json:
        """Until when those who have it keep it, once its end was announced, and what has become of it."""
        ended = next((c.from_on for c in self._changes if (c.offering_id, c.kind) == (offering.id, _WITHDRAWN)), None)
        if ended is None:
            return {}
        told = {"validFor": {**sent, "endDateTime": _text(midnight(ended))}}
        return {**told, "lifecycleStatus": "Obsolete"} if ended <= rome_date(self.now) else told


def specification_ref(kind: str) -> parts.SpecificationRef:
    """The specification of everything of that kind that is sold here."""
    identity = f"prepaid-{kind}"
    return parts.SpecificationRef(
        id=identity, href=href(CATALOG, "productSpecification", identity), name=SPECIFICATIONS[kind]
    )


def _named(kind: str, identity: str, name: str) -> dict[str, Any]:
    return {
        "id": identity,
        "href": href(CATALOG, kind, identity),
        "name": name,
        "lifecycle_status": "Active",
        "version": "1",
    }


def _category_ref(key: str) -> parts.EntityRef:
    return parts.EntityRef(id=key, href=href(CATALOG, "category", key), name=CATEGORIES[key])


def _charge(
    offering: Offering, minor: int, begins: date | None, ends: date | None, since: datetime
) -> parts.ProductOfferingPrice:
    identity = f"{offering.id}-price-{begins}" if begins else f"{offering.id}-price"
    months, days = offering.period_months, offering.period_days
    window = parts.Period(start_date_time=midnight_or_none(begins), end_date_time=midnight_or_none(ends))
    return parts.ProductOfferingPrice(
        **_named("productOfferingPrice", identity, offering.name),
        last_update=since,
        price_type="recurring" if months or days else "oneTime",
        recurring_charge_period_type="month" if months else "day" if days else None,
        recurring_charge_period_length=months or days,
        price=parts.Amount(unit="EUR", value=Money.of(minor).value),
        valid_for=window if begins or ends else None,
    )


def _discount(promotion: Promotion) -> parts.ProductOfferingPrice:
    percent = promotion.off_percent
    return parts.ProductOfferingPrice(
        **_named("productOfferingPrice", promotion.key, promotion.name),
        last_update=promotion.valid_from,
        price_type="discount",
        percentage=percent or None,
        price=None if percent else parts.Amount(unit="EUR", value=Money.of(promotion.off_minor).value),
        valid_for=parts.Period(start_date_time=promotion.valid_from, end_date_time=promotion.valid_until),
    )


def _inside(price: parts.ProductOfferingPrice) -> Json:
    """A price as v4.1 has it inside its offering."""
    found = parts.InlinePrice(
        id=price.id,
        href=price.href,
        type="ProductOfferingPrice",
        name=price.name,
        price_type=price.price_type,
        recurring_charge_period=price.recurring_charge_period_type,
        recurring_charge_period_length=price.recurring_charge_period_length,
        price=parts.PriceValue(tax_included_amount=price.price, percentage=price.percentage),
        valid_for=price.valid_for,
    )
    return dump(found)


def _uses(offering: Offering) -> list[parts.CharacteristicUse]:
    """The allowances that are known, and whether buying it moves the line's dates."""
    known: dict[str, int | bool | str] = {k: v for k, v in offering.allowances.items() if v is not None}
    if offering.calls_to_china:
        known["calls_to_china"] = offering.calls_to_china
    known["extends"] = offering.extends
    return [
        parts.CharacteristicUse(
            name=name,
            value_type=_TYPES[type(value)],
            product_spec_characteristic_value=[parts.CharacteristicChoice(is_default=True, value=value)],
        )
        for name, value in known.items()
    ]


def _characteristics_of(key: str) -> list[parts.SpecificationCharacteristic]:
    allowances = _UNITS if key == "plan" else {}
    found = [
        parts.SpecificationCharacteristic(
            name=name,
            value_type="number",
            description="-1 is without limit.",
            configurable=False,
            product_spec_characteristic_value=[parts.CharacteristicChoice(unit_of_measure=unit)],
        )
        for name, unit in allowances.items()
    ]
    moves = "Whether buying it moves the dates until which the line lives."
    return [*found, parts.SpecificationCharacteristic(name="extends", value_type="boolean", description=moves)]


def _text(value: datetime | None) -> str:
    return dump(parts.Period(start_date_time=value))["startDateTime"] if value else ""
