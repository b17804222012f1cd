"""TMF654 Prepay Balance Management v4: TopupBalance. (Its buckets stand in buckets.py.)

Where the requester's reference stands: TopupBalance v4 has no externalId, and none of its own attributes may serve.
`description` and `reason` are free text that two top-ups may well share, `requestor` names the party that acts (the
same one every time), `voucher` is a means of payment, and relatedParty is not in TopupBalance_Create at all. So the
resource is extended in the way that TM Forum's design guidelines (TMF630, extension by polymorphism) lay down for a
missing attribute: a sub-class, named by `@type`, `@baseType` and `@schemaLocation`, with `externalId` as TMF622's
ProductOrder has it ("ID given by the consumer"). A plain TopupBalance without it is taken too, and then nothing
protects its sender from asking twice.

A bucket is named by its id, or by `credit` together with the line's number in `logicalResource`: whoever tops up a
number need not read its buckets first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NoReturn

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Router
from pydantic import Field

from lineaviva.carrier.catalogue.rules import topup_id
from lineaviva.carrier.hub.actions import event_publish
from lineaviva.carrier.orders.models import ServiceOrder
from lineaviva.carrier.orders.queries import service_orders
from lineaviva.carrier.orders.rules import Ask
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.carrier.tmf.asking import perform
from lineaviva.carrier.tmf.buckets import CREDIT, line_of_bucket, line_refs
from lineaviva.carrier.tmf.common import (
    BALANCE,
    Cents,
    Error,
    Part,
    Quantity,
    Ref,
    Reference,
    Resource,
    Text,
    dump,
    href,
)
from lineaviva.carrier.tmf.door import operator, requester
from lineaviva.carrier.tmf.lines import attach_lines
from lineaviva.carrier.tmf.rest import (
    Fields,
    Json,
    Paging,
    Source,
    created,
    found,
    list_rows,
    number_of,
    numbered,
    row_or_404,
    same,
)
from lineaviva.kernel.errors import Conflict, InvalidInput
from lineaviva.kernel.phone import parse_msisdn

router = Router(tags=["TMF654 Prepay Balance"])
ActionStatus = Literal["completed", "failed"]
_STATUS: dict[str, ActionStatus] = {"completed": "completed", "failed": "failed"}


# --- resources ----------------------------------------------------------------------------------------------------


class EuroQuantity(Part):
    amount: Cents = Field(gt=0)
    units: Literal["EUR"]


class TopupBalanceCreate(Part):
    """What is posted. The first four are mandatory in TMF654; automatic top-ups and vouchers are not offered."""

    amount: EuroQuantity
    usage_type: Literal["monetary"]
    bucket: Ref
    party_account: Ref
    external_id: Reference | None = None
    logical_resource: list[Ref] = Field(default_factory=list, max_length=1)
    description: Text | None = None
    reason: Text | None = None
    channel: Ref | None = None
    payment_method: Ref | None = None
    requestor: Ref | None = None
    is_auto_topup: Literal[False] | None = None
    voucher: None = None
    recurring_period: None = None
    number_of_periods: None = None


class TopupBalance(Resource):
    type: str = "TopupBalance"
    base_type: str | None = None
    schema_location: str | None = None
    external_id: str | None = None
    status: ActionStatus
    amount: Quantity
    usage_type: Literal["monetary"] = "monetary"
    requested_date: datetime
    confirmation_date: datetime | None = None
    description: str | None = None
    reason: str | None = None
    bucket: Ref
    party_account: Ref
    logical_resource: list[Ref]
    channel: Ref | None = None
    payment_method: Ref | None = None
    requestor: Ref | None = None


def _topup(order: ServiceOrder) -> Json:
    line: Subscription | None = order.line  # type: ignore[attr-defined]  # attach_lines gives it
    done = order.status == "completed"
    refs = line_refs(line) if line else {}
    body = {**order.body, **({} if done else {"reason": order.reason}), **refs}
    if line:
        body["bucket"] = Ref(id=f"{CREDIT}-{line.pk}", href=href(BALANCE, "bucket", f"{CREDIT}-{line.pk}"))
    resource = TopupBalance(
        **body,
        **extension("TopupBalance", order.reference),
        id=str(order.pk),
        href=href(BALANCE, "topupBalance", str(order.pk)),
        external_id=order.reference,
        status=_STATUS[order.status],
        amount=Quantity.of_money(order.amount_minor or 0, "EUR"),
        requested_date=order.received_at,
        confirmation_date=order.received_at if done else None,
    )
    return dump(resource)


def extension(name: str, reference: str | None) -> dict[str, Any]:
    """What names the sub-class of a resource that has its requester's reference."""
    if reference is None:
        return {"type": name}
    return {
        "type": f"Referenced{name}",
        "base_type": name,
        "schema_location": href(BALANCE, "schema", f"Referenced{name}.schema.json"),
    }


# --- reading ------------------------------------------------------------------------------------------------------


def _topups() -> Source:
    lookups = {
        "id": numbered(""),
        "externalId": same("reference"),
        "status": same("status"),
        "logicalResource.id": same("msisdn"),
    }
    return Source(service_orders(operator(), "topup"), lookups, _topup, attach_lines)


def _shown(order: ServiceOrder) -> Json:
    attach_lines([order])
    return _topup(order)


@router.get("/topupBalance", response=list[TopupBalance])
def topup_balance_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_rows(request, page, _topups())


@router.get("/topupBalance/{id}", response=TopupBalance)
def topup_balance(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    return found(_shown(row_or_404(service_orders(operator(), "topup"), "", id)), fields)


@router.get("/schema/ReferencedTopupBalance.schema.json", auth=None, include_in_schema=False)
def topup_balance_schema(request: HttpRequest) -> HttpResponse:
    """What `@schemaLocation` points to."""
    return JsonResponse(TopupBalance.model_json_schema(by_alias=True))


# --- topping up ---------------------------------------------------------------------------------------------------


@router.post("/topupBalance", response={201: TopupBalance})
def topup_balance_create(request: HttpRequest, topup: TopupBalanceCreate) -> HttpResponse:
    """Credit a line. The same externalId again changes nothing and answers the same resource."""
    ask = Ask(
        operator=operator(),
        requester=requester(),
        reference=topup.external_id,
        kind="topup",
        msisdn=_msisdn(topup),
        offering_id=topup_id(topup.amount.amount),
        amount_minor=topup.amount.amount,
        body=_shown_again(topup),
    )
    return created(_shown(perform(ask, _tell)))


def _tell(order: ServiceOrder) -> None:
    done = order.status == "completed"
    event_publish(
        operator=order.operator,
        api="balance",
        event_type=f"TopupBalance{'Create' if done else 'Failure'}Event",
        resource=_shown(order),
        now=order.received_at,
    )


@router.patch("/topupBalance/{id}", response={409: Error})
def topup_balance_change(request: HttpRequest, id: str) -> HttpResponse:
    """A top-up is carried out at once, and there is nothing to change about it."""
    return _refuse_done(id)


@router.delete("/topupBalance/{id}", response={409: Error})
def topup_balance_cancel(request: HttpRequest, id: str) -> HttpResponse:
    """Only top-ups that are still to come could be cancelled; credit is taken back by an AdjustBalance."""
    return _refuse_done(id)


def _refuse_done(id: str) -> NoReturn:
    row_or_404(service_orders(operator(), "topup"), "", id)
    raise Conflict("The top-up is done.", code="done")


def _shown_again(topup: TopupBalanceCreate) -> dict[str, Any]:
    names = {"bucket", "party_account", "logical_resource", "description", "reason", "channel", "payment_method"}
    return topup.model_dump(mode="json", include=names | {"requestor"}, exclude_none=True)


def _msisdn(topup: TopupBalanceCreate) -> str:
    """The number to be credited. Raises InvalidInput where bucket, account and number do not name one line."""
    named = [parse_msisdn(ref.id, "logicalResource.id") for ref in topup.logical_resource]
    line = line_of_bucket(topup.bucket.id)
    if line:
        named.append(line.msisdn)
    if not named:
        raise InvalidInput(
            "Name the line: its number in logicalResource.", field="logicalResource", code="line_missing"
        )
    if len(set(named)) > 1 or not _is_account(topup.party_account.id, named[0]):
        raise InvalidInput(
            "bucket, partyAccount and logicalResource name different lines.",
            field="partyAccount",
            code="line_ambiguous",
        )
    return named[0]


def _is_account(name: str, msisdn: str) -> bool:
    """Whether the line's account has that name: its number, or its own id once there is a line."""
    if name == msisdn:
        return True
    pk = number_of("", name)
    return pk is not None and Subscription.objects.filter(operator=operator(), msisdn=msisdn, pk=pk).exists()
