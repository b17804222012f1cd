"""What the four APIs share: the base of their resources, and small ones that several of them use.

Attribute names are TM Forum's (camelCase, `@type`); the Python names are ours. Money on the wire is a JSON number of
euros, by TM Forum's schema: it is made from cents in `Money.of` and turned back exactly in `Amount`, and nowhere else.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from django.conf import settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

CATALOG = "/tmf-api/productCatalogManagement/v4"
ORDERING = "/tmf-api/productOrderingManagement/v4"
INVENTORY = "/tmf-api/productInventory/v4"
BALANCE = "/tmf-api/prepayBalanceManagement/v4"

Id = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Text = Annotated[str, StringConstraints(max_length=500)]
# Printable ASCII without blanks: it goes into addresses, logs and other people's systems.
Reference = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[!-~]+$")]


def href(base: str, resource: str, identity: str) -> str:
    """The absolute address of a resource."""
    return f"{settings.PUBLIC_URL}{base}/{resource}/{identity}"


def cents(value: Any) -> Any:
    """A JSON number of euros as cents; anything else is left for pydantic to refuse."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number")
    minor = Decimal(str(value)) * 100
    if not minor.is_finite() or minor != minor.to_integral_value() or abs(minor) >= 10**11:
        raise ValueError("must be an amount of whole cents")
    return int(minor)


Cents = Annotated[int, BeforeValidator(cents)]
_META = {
    "type": "@type",
    "base_type": "@baseType",
    "schema_location": "@schemaLocation",
    "referred_type": "@referredType",
}


def _spelling(name: str) -> str:
    """TM Forum's name of an attribute of ours."""
    return _META.get(name) or to_camel(name)


class Part(BaseModel):
    """A JSON object in TM Forum's spelling. What it does not know it ignores, as TMF630 asks of readers."""

    model_config = ConfigDict(alias_generator=_spelling, populate_by_name=True)


class Ref(Part):
    id: Id
    href: Text | None = None
    name: Text | None = None
    role: Text | None = None
    value: Text | None = None
    referred_type: Text | None = None


class Money(Part):
    unit: str = "EUR"
    value: float

    @classmethod
    def of(cls, minor: int, unit: str = "EUR") -> Money:
        return cls(unit=unit, value=float(Decimal(minor).scaleb(-2)))


class Quantity(Part):
    amount: float
    units: str

    @classmethod
    def of_money(cls, minor: int, currency: str) -> Quantity:
        return cls(amount=Money.of(minor).value, units=currency)


class TimePeriod(Part):
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None


class Price(Part):
    """TMF620's ProductPriceValue and TMF637's Price: what they have in common."""

    tax_included_amount: Money | None = None
    percentage: float | None = None


class Characteristic(Part):
    name: str
    value_type: str
    value: Any


def _only_what_is_always_there(schema: dict[str, Any]) -> None:
    # `fields` leaves out all else.
    schema["required"] = ["id", "href", "@type"]


class Resource(Part):
    """A resource with its own address, as it is shown."""

    model_config = ConfigDict(json_schema_extra=_only_what_is_always_there)

    id: str
    href: str
    type: str


class Error(Part):
    """TMF630's error body."""

    code: str
    reason: str
    message: str | None = None
    status: str
    type: str = "Error"


def dump(part: Part) -> dict[str, Any]:
    """The resource as JSON; attributes without a value are left out."""
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
