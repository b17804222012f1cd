"""TM Forum's resources as far as we read and write them: what is missing or odd is not known, and never guessed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from lineaviva.keeper.activation.ports import Request, Result, State
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

# The words of TMF654's ActionStatusType and TMF622's ProductOrderStateType.
_STATES: dict[str, State] = {
    "completed": "succeeded",
    "failed": "failed",
    "rejected": "failed",
    "cancelled": "failed",
    "created": "pending",
    "acknowledged": "pending",
    "pending": "pending",
    "held": "pending",
    "inProgress": "pending",
}
# Refusals that say that it is our client that may not, and not the order that cannot be.
OURS_TO_MEND = {"insufficient_scope", "operator_elsewhere"}
_DATES = {
    "fullServiceUntil": "full_service_until",
    "receiveOnlyUntil": "receive_only_until",
    "numberKeptUntil": "number_kept_until",
}


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Note(_Document):
    text: str = ""


class _Amount(_Document):
    """TM Forum's Quantity (amount, units) and its Money (value, unit)."""

    amount: Decimal | None = None
    units: str = ""
    value: Decimal | None = None
    unit: str = ""


class _Price(_Document):
    tax_included_amount: _Amount


class _OrderPrice(_Document):
    price: _Price


class _Done(_Document):
    """A TopupBalance or a ProductOrder."""

    id: str
    external_id: str | None = None
    status: str | None = None  # TMF654
    state: str | None = None  # TMF622
    reason: str | None = None
    note: list[_Note] = []
    # What it cost (TMF654, TMF622), read apart: nothing in it may put in doubt that the work is done.
    amount: Any = None
    order_total_price: Any = None
    confirmation_date: datetime | None = None
    completion_date: datetime | None = None


class _Refusal(_Document):
    code: str
    reason: str
    message: str | None = None


class _Characteristic(_Document):
    name: str
    value: Any = None


class _Product(_Document):
    product_characteristic: list[_Characteristic] = []


def result_of(document: Any) -> Result:
    """What a posted or found resource says of its request; unknown where it cannot be understood."""
    try:
        done = _Done.model_validate(document)
    except ValidationError:
        return Result("unknown", reason="the operator's answer cannot be understood")
    at = done.confirmation_date or done.completion_date
    return Result(
        # partial, assessingCancellation and whatever else there may be is for a person.
        _STATES.get(done.status or done.state or "", "unknown"),
        operator_reference=done.id,
        reason=" ".join(note.text for note in done.note) or done.reason or "",
        done_at=at if at and at.tzinfo else None,
        charged=_charged(done),
    )


def _charged(done: _Done) -> Money | None:
    """What it cost our account there; None where that is not told, or not as one amount in a currency."""
    try:
        if done.amount is not None:
            one = _Amount.model_validate(done.amount)
        else:
            (price,) = done.order_total_price
            one = _OrderPrice.model_validate(price).price.tax_included_amount
        amount = one.value if one.amount is None else one.amount
        return None if amount is None else Money.parse(str(amount), one.units or one.unit)
    except (InvalidInput, TypeError, ValueError):  # a ValidationError is a ValueError
        return None


def reference_of(document: Any) -> str | None:
    return document.get("externalId") if isinstance(document, dict) else None


def refusal_of(document: Any) -> tuple[str, str] | None:
    """Code and reason of an error body by TMF630, or None where it is something else: a proxy's page, say."""
    try:
        refusal = _Refusal.model_validate(document)
    except ValidationError:
        return None
    return refusal.code, refusal.reason


def dates_in(document: Any) -> dict[str, date]:
    """The line's dates from a list of its products (TMF637); the first product that tells one counts."""
    found: dict[str, date] = {}
    for entry in document if isinstance(document, list) else []:
        try:
            product = _Product.model_validate(entry)
        except ValidationError:
            continue
        for one in product.product_characteristic:
            if one.name in _DATES and (day := _day(one.value)):
                found.setdefault(_DATES[one.name], day)
    return found


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def topup_body(request: Request) -> dict[str, Any]:
    """TMF654's TopupBalance_Create, extended by our reference."""
    # TM Forum's amounts are JSON numbers; this float is made from cents, written, and never reckoned with.
    euros = float(Decimal(request.amount_minor).scaleb(-2))
    return {
        "@type": "ReferencedTopupBalance",
        "@baseType": "TopupBalance",
        "externalId": request.reference,
        "amount": {"amount": euros, "units": request.currency},
        "usageType": "monetary",
        "bucket": {"id": "credit"},
        "partyAccount": {"id": request.msisdn},
        "logicalResource": [{"id": request.msisdn, "@referredType": "MSISDN"}],
    }


def order_body(request: Request) -> dict[str, Any]:
    """TMF622's ProductOrder_Create for one plan on one number."""
    item = {
        "id": "1",
        "action": "add",
        "quantity": 1,
        "productOffering": {"id": request.offering_id},
        "product": {"realizingResource": [{"id": request.msisdn, "value": request.msisdn}]},
    }
    return {"externalId": request.reference, "productOrderItem": [item]}
