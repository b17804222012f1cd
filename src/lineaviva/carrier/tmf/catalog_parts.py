"""TMF620's resources as somebody may send them, in the shapes of v4.0 and v4.1; what they do not name is ignored.

Each is what a PATCH may have (`...Update`, all optional), what a POST must (`...Create`) and what is shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from lineaviva.carrier.tmf.common import Id, Part, Resource
from lineaviva.kernel.clock import ROME

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Words = Annotated[str, StringConstraints(max_length=2000)]
Uri = Annotated[str, StringConstraints(max_length=500, pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$")]
Count = Annotated[int, Field(ge=-(2**31), lt=2**31, strict=True)]
Number = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]


def _a_text(value: Any) -> Any:
    if not isinstance(value, str | datetime):
        raise ValueError("must be a date and time as text")
    return value


def _in_utc(value: datetime) -> datetime:
    """Without a zone it is Rome's; years that no calendar here needs are slips."""
    if not 1970 <= value.year <= 2200:
        raise ValueError("must be between 1970 and 2200")
    return (value if value.tzinfo else value.replace(tzinfo=ROME)).astimezone(UTC)


Instant = Annotated[datetime, BeforeValidator(_a_text), AfterValidator(_in_utc)]


class Meta(Part):
    """How TM Forum's types are extended, and where that is described."""

    type: Word | None = None
    base_type: Word | None = None
    schema_location: Uri | None = None


class Period(Part):
    start_date_time: Instant | None = None
    end_date_time: Instant | None = None

    @model_validator(mode="after")
    def _forwards(self) -> Period:
        if self.start_date_time and self.end_date_time and self.end_date_time <= self.start_date_time:
            raise ValueError("must end after it begins")
        return self


class EntityRef(Meta):
    """A reference to anything: agreement, category, channel, market segment, place, specification, candidate, party."""

    id: Id
    href: Uri | None = None
    name: Name | None = None
    version: Word | None = None
    role: Word | None = None
    referred_type: Word | None = None


class PartyRef(EntityRef):
    referred_type: Word


class Entity(Meta):
    """What may have an id of its own inside another resource."""

    id: Id | None = None
    href: Uri | None = None
    name: Name | None = None
    description: Words | None = None
    version: Word | None = None
    lifecycle_status: Word | None = None
    valid_for: Period | None = None


class Amount(Part):
    """Money as it comes in, kept as it is shown again."""

    unit: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    value: Number | None = None


class Measure(Part):
    amount: Number | None = None
    units: Word | None = None


class Span(Part):
    amount: Count | None = None
    units: Word | None = None


class Attachment(Entity):
    attachment_type: Word | None = None
    content: Annotated[str, StringConstraints(max_length=32_768, pattern=r"^[A-Za-z0-9+/]*={0,2}$")] | None = None
    mime_type: Word | None = None
    url: Uri | None = None
    size: Measure | None = None
    referred_type: Word | None = None


class RelatedEntity(Entity):
    """Relationships between resources of one kind, and the members of a bundle."""

    relationship_type: Word | None = None
    role: Word | None = None
    char_spec_seq: Count | None = None
    referred_type: Word | None = None


class BundleOption(Meta):
    number_rel_offer_default: Count | None = None
    number_rel_offer_lower_limit: Count | None = None
    number_rel_offer_upper_limit: Count | None = None


class BundledOffering(Entity):
    bundled_product_offering_option: BundleOption | None = None
    referred_type: Word | None = None


class CharacteristicChoice(Meta):
    is_default: bool | None = None
    range_interval: Word | None = None
    regex: Words | None = None
    unit_of_measure: Word | None = None
    value_from: Count | None = None
    value_to: Count | None = None
    value_type: Word | None = None
    valid_for: Period | None = None
    value: Any = None


class SchemaRef(Part):
    type: Word
    schema_location: Uri


class SpecificationRef(EntityRef):
    target_product_schema: SchemaRef | None = None


class CharacteristicUse(Meta):
    id: Id | None = None
    name: Name
    description: Words | None = None
    max_cardinality: Count | None = None
    min_cardinality: Count | None = None
    value_type: Word | None = None
    product_spec_characteristic_value: list[CharacteristicChoice] | None = None
    product_specification: SpecificationRef | None = None
    valid_for: Period | None = None


class SpecificationCharacteristic(Meta):
    id: Id | None = None
    name: Name
    description: Words | None = None
    configurable: bool | None = None
    extensible: bool | None = None
    is_unique: bool | None = None
    max_cardinality: Count | None = None
    min_cardinality: Count | None = None
    regex: Words | None = None
    value_type: Word | None = None
    product_spec_char_relationship: list[RelatedEntity] | None = None
    product_spec_characteristic_value: list[CharacteristicChoice] | None = None
    valid_for: Period | None = None


class PriceValue(Meta):
    percentage: Number | None = None
    tax_category: Word | None = None
    tax_rate: Number | None = None
    duty_free_amount: Amount | None = None
    tax_included_amount: Amount | None = None


class Alteration(Entity):
    price_type: Word
    priority: Count | None = None
    recurring_charge_period: Word | None = None
    application_duration: Span | None = None
    price: PriceValue
    unit_of_measure: Measure | None = None


class Term(Meta):
    name: Name | None = None
    description: Words | None = None
    duration: Span | None = None
    valid_for: Period | None = None


class InlinePrice(Entity):
    """A price inside its offering (v4.1), or no more than the reference to one (v4.0)."""

    price_type: Word | None = None
    recurring_charge_period: Word | None = None
    recurring_charge_period_length: Count | None = None
    constraint: list[EntityRef] | None = None
    price: PriceValue | None = None
    price_alteration: list[Alteration] | None = None
    unit_of_measure: Measure | None = None
    last_update: Instant | None = None
    referred_type: Word | None = None


class Tax(Meta):
    id: Id | None = None
    href: Uri | None = None
    tax_category: Word | None = None
    tax_rate: Number | None = None
    tax_amount: Amount | None = None


class Algorithm(Entity):
    pla_spec_id: Word | None = None


# --- the five resources -------------------------------------------------------------------------------------------


class Body(Meta):
    """What all five have."""

    name: Name | None = None
    description: Words | None = None
    version: Word | None = None
    lifecycle_status: Word | None = None
    valid_for: Period | None = None


class CatalogUpdate(Body):
    catalog_type: Word | None = None
    category: list[EntityRef] | None = None
    related_party: list[PartyRef] | None = None


class CategoryUpdate(Body):
    is_root: bool | None = None
    parent_id: Id | None = None
    product_offering: list[EntityRef] | None = None
    sub_category: list[EntityRef] | None = None


class ProductOfferingUpdate(Body):
    is_bundle: bool | None = None
    is_sellable: bool | None = None
    status_reason: Words | None = None
    agreement: list[EntityRef] | None = None
    attachment: list[Attachment] | None = None
    bundled_product_offering: list[BundledOffering] | None = None
    category: list[EntityRef] | None = None
    channel: list[EntityRef] | None = None
    market_segment: list[EntityRef] | None = None
    place: list[EntityRef] | None = None
    prod_spec_char_value_use: list[CharacteristicUse] | None = None
    product_offering_price: list[InlinePrice] | None = None
    product_offering_relationship: list[RelatedEntity] | None = None
    product_offering_term: list[Term] | None = None
    product_specification: SpecificationRef | None = None
    resource_candidate: EntityRef | None = None
    service_candidate: EntityRef | None = None
    service_level_agreement: EntityRef | None = None


class ProductOfferingPriceUpdate(Body):
    is_bundle: bool | None = None
    percentage: Number | None = None
    price_type: Word | None = None
    recurring_charge_period_length: Count | None = None
    recurring_charge_period_type: Word | None = None
    bundled_pop_relationship: list[RelatedEntity] | None = None
    constraint: list[EntityRef] | None = None
    place: list[EntityRef] | None = None
    pop_relationship: list[RelatedEntity] | None = None
    price: Amount | None = None
    pricing_logic_algorithm: list[Algorithm] | None = None
    prod_spec_char_value_use: list[CharacteristicUse] | None = None
    product_offering_term: list[Term] | None = None
    tax: list[Tax] | None = None
    unit_of_measure: Measure | None = None


class ProductSpecificationUpdate(Body):
    brand: Word | None = None
    is_bundle: bool | None = None
    product_number: Word | None = None
    attachment: list[Attachment] | None = None
    bundled_product_specification: list[RelatedEntity] | None = None
    product_spec_characteristic: list[SpecificationCharacteristic] | None = None
    product_specification_relationship: list[RelatedEntity] | None = None
    related_party: list[PartyRef] | None = None
    resource_specification: list[EntityRef] | None = None
    service_specification: list[EntityRef] | None = None
    target_product_schema: SchemaRef | None = None


class CatalogCreate(CatalogUpdate):
    name: Name


class CategoryCreate(CategoryUpdate):
    name: Name


class ProductOfferingCreate(ProductOfferingUpdate):
    name: Name


class ProductOfferingPriceCreate(ProductOfferingPriceUpdate):
    name: Name


class ProductSpecificationCreate(ProductSpecificationUpdate):
    name: Name


class _Shown(Resource):
    last_update: datetime


class Catalog(CatalogUpdate, _Shown):
    type: str = "Catalog"


class Category(CategoryUpdate, _Shown):
    type: str = "Category"


class ProductOffering(ProductOfferingUpdate, _Shown):
    type: str = "ProductOffering"


class ProductOfferingPrice(ProductOfferingPriceUpdate, _Shown):
    type: str = "ProductOfferingPrice"


class ProductSpecification(ProductSpecificationUpdate, _Shown):
    type: str = "ProductSpecification"
