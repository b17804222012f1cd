"""POST and PATCH of TMF637: a line is opened, blocked and let go on. It ends by its life, never by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from django.db import transaction
from pydantic import Field

from lineaviva import rulebook
from lineaviva.carrier.hub.actions import event_publish
from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.ledger.models import Kind, Origin
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.carrier.tmf.common import Part, Ref, Text
from lineaviva.carrier.tmf.lines import lines, plan_numbered, plan_or_404
from lineaviva.carrier.tmf.products import LINE, LINE_OFFERING, PLAN, line_shown, plan_shown
from lineaviva.carrier.tmf.rest import Json, row_or_404, validated
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, InvalidInput
from lineaviva.kernel.phone import parse_msisdn

_NUMBER, _EXTENDED = "msisdn", "extendedOn"


class CharacteristicValue(Part):
    name: Text
    value: Any


class ProductCreate(Part):
    """The number is named by realizingResource or by the characteristic `msisdn`.

    The characteristic `extendedOn` is the day of the last event that extended a line that comes from elsewhere.
    """

    status: Literal["active"]
    product_offering: Ref | None = None
    realizing_resource: list[Ref] = Field(default_factory=list, max_length=1)
    product_characteristic: list[CharacteristicValue] = Field(default_factory=list, max_length=20)


class ProductUpdate(Part):
    status: Literal["active", "suspended"]


@transaction.atomic
def line_open(operator: str, product: ProductCreate, now: datetime) -> Json:
    """The new line. Raises InvalidInput, and Conflict (line_exists) where the number has one."""
    if product.product_offering and product.product_offering.id != LINE_OFFERING:
        raise InvalidInput(
            "A line is opened here; what runs on it is ordered (TMF622).",
            code="offering_not_opened",
            field="productOffering.id",
        )
    line, is_new = subscription_open(
        operator=operator, msisdn=_number(product), extended_on=_extended_on(operator, product, now), now=now
    )
    if not is_new:
        raise Conflict("This number has a line.", code="line_exists", field="realizingResource")
    event_record(subscription=line, kind=Kind.OPENED, origin=Origin.STAFF, now=now)
    return _told("ProductCreateEvent", line, now)


def _number(product: ProductCreate) -> str:
    named = {parse_msisdn(one.value or one.id, "realizingResource.value") for one in product.realizing_resource}
    spelled = _value(product, _NUMBER)
    if spelled is not None:
        named.add(parse_msisdn(str(spelled), f"productCharacteristic.{_NUMBER}"))
    if len(named) != 1:
        raise InvalidInput("Name one number in realizingResource.", code="line_missing", field="realizingResource")
    return named.pop()


def _extended_on(operator: str, product: ProductCreate, now: datetime) -> date | None:
    """The day that the line's dates are counted from. A new line's is today, where opening one extends it."""
    sent = _value(product, _EXTENDED)
    if sent is None:
        return rome_date(now) if rulebook.operator(operator).extends("activation") else None
    try:
        return date.fromisoformat(str(sent))
    except ValueError:
        raise InvalidInput(f"{_EXTENDED} is no day, such as 2026-11-22.", field=_EXTENDED) from None


def _value(product: ProductCreate, name: str) -> Any:
    return next((one.value for one in product.product_characteristic if one.name == name), None)


@transaction.atomic
def product_change(operator: str, identity: str, patch: Json, now: datetime) -> Json:
    """The product after the patch. Raises NotFound, InvalidInput and Conflict, and then nothing was changed."""
    if not identity.startswith(LINE):
        shown = plan_shown(plan_or_404(plan_numbered(PLAN)(identity)))
        _refuse_others(patch, shown, set())
        return shown
    line: Subscription = row_or_404(lines().select_for_update(), LINE, identity)
    shown = line_shown(line)
    _refuse_others(patch, shown, {"status"})
    if patch.get("status", shown["status"]) == shown["status"] and shown["status"] in {line.status, "terminated"}:
        return shown
    wanted = validated(ProductUpdate, {"status": patch["status"]}).status
    if line.status == "closed":
        raise Conflict("The line was closed; its number is not ours any more.", code="line_closed")
    if wanted == line.status:
        raise Conflict("The line is off by its validity rules, not by hand.", code="line_off")
    line.status = wanted
    line.save(update_fields=["status"])
    event_record(subscription=line, kind=Kind.CHANGED, origin=Origin.STAFF, now=now)
    return _told("ProductStateChangeEvent", line, now)


def _refuse_others(patch: Json, shown: Json, changeable: set[str]) -> None:
    """Raises InvalidInput (not_patchable) for what would change beyond that."""
    for name, value in patch.items():
        if name not in changeable and value != shown.get(name):
            raise InvalidInput(
                f"{name[:60]} cannot be changed here: a plan is ordered, and of a line only status is patched.",
                code="not_patchable",
                field=name[:60],
            )


def _told(event_type: str, line: Subscription, now: datetime) -> Json:
    shown = line_shown(line)
    event_publish(operator=line.operator, api="inventory", event_type=event_type, resource=shown, now=now)
    return shown
