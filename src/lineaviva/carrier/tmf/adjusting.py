"""TMF654's AdjustBalance and TransferBalance: credit that is corrected by hand, or goes along to another line.

Both need the scope `balance.adjust`. They are extended by `externalId` as top-ups are (see balance.py), and name lines
as those do. Residual credit is never lost (law 40/2007, article 1): it may be moved to another line of the operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import GenericAlias
from typing import Annotated, Any, Literal, NoReturn

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Router
from pydantic import AfterValidator, Field, StringConstraints

from lineaviva.carrier.hub.actions import event_publish
from lineaviva.carrier.orders.models import CreditMove
from lineaviva.carrier.orders.moves import credit_move_perform
from lineaviva.carrier.orders.queries import credit_moves
from lineaviva.carrier.orders.rules import Move
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.carrier.subscriptions.queries import subscription_of
from lineaviva.carrier.tmf.balance import EuroQuantity, extension
from lineaviva.carrier.tmf.buckets import CREDIT, line_of_bucket
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
from lineaviva.carrier.tmf.lines import lines
from lineaviva.carrier.tmf.rest import (
    Fields,
    Json,
    Paging,
    Source,
    created,
    found,
    list_rows,
    numbered,
    row_or_404,
    same,
)
from lineaviva.kernel import clock
from lineaviva.kernel.errors import Conflict, InvalidInput
from lineaviva.kernel.phone import parse_msisdn

router = Router(tags=["TMF654 Prepay Balance"])
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


def _not_zero(minor: int) -> int:
    if not minor:
        raise ValueError("must not be zero")
    return minor


class SignedQuantity(Part):
    amount: Annotated[Cents, AfterValidator(_not_zero)]
    units: Literal["EUR"]


class AdjustBalanceCreate(Part):
    """An amount above zero is given, below zero taken back."""

    amount: SignedQuantity
    usage_type: Literal["monetary"]
    bucket: Ref
    reason: Reason
    adjust_type: Literal["oneTime"] | None = None
    external_id: Reference | None = None
    logical_resource: list[Ref] = Field(default_factory=list, max_length=1)
    description: Text | None = None
    channel: Ref | None = None
    requestor: Ref | None = None


class TransferBalanceCreate(Part):
    """The giver is named by bucket and logicalResource, the receiver by receiverBucket and receiverLogicalResource."""

    amount: EuroQuantity
    usage_type: Literal["monetary"]
    receiver_bucket_usage_type: Literal["monetary"]
    bucket: Ref
    receiver_bucket: Ref
    logical_resource: list[Ref] = Field(min_length=1, max_length=1)
    receiver_logical_resource: Ref
    reason: Reason
    channel: Ref
    external_id: Reference | None = None
    description: Text | None = None
    requestor: Ref | None = None
    transfer_cost: None = None


class _Moved(Resource):
    base_type: str | None = None
    schema_location: str | None = None
    external_id: str | None = None
    status: Literal["completed"] = "completed"
    amount: Quantity
    usage_type: Literal["monetary"] = "monetary"
    requested_date: datetime
    confirmation_date: datetime
    reason: str
    description: str | None = None
    bucket: Ref
    logical_resource: list[Ref]
    requestor: Ref | None = None


class AdjustBalance(_Moved):
    type: str = "AdjustBalance"
    adjust_type: Literal["oneTime"] = "oneTime"
    party_account: Ref
    channel: Ref | None = None


class TransferBalance(_Moved):
    type: str = "TransferBalance"
    channel: Ref
    party_account: Ref
    receiver_bucket: Ref
    receiver_bucket_usage_type: Literal["monetary"] = "monetary"
    receiver_logical_resource: Ref


# --- resources ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shape:
    """`kind` of move, the resource's name, and how it is shown."""

    kind: Literal["adjust", "transfer"]
    name: str
    shown: type[AdjustBalance] | type[TransferBalance]

    @property
    def path(self) -> str:
        return self.name[0].lower() + self.name[1:]


SHAPES = (
    _Shape("adjust", "AdjustBalance", AdjustBalance),
    _Shape("transfer", "TransferBalance", TransferBalance),
)
_OF_KIND: dict[str, _Shape] = {shape.kind: shape for shape in SHAPES}


def _resource(move: CreditMove) -> Json:
    shape = _OF_KIND[move.kind]
    giver: Subscription = move.line  # type: ignore[attr-defined]  # _attach gives both
    receiver: Subscription | None = move.receiver  # type: ignore[attr-defined]
    more: dict[str, Any] = {}
    if receiver is not None:
        more = {"receiver_bucket": _bucket(receiver), "receiver_logical_resource": _number(receiver)}
    resource = shape.shown(
        **move.body,
        **more,
        **extension(shape.name, move.reference),
        id=str(move.pk),
        href=href(BALANCE, shape.path, str(move.pk)),
        external_id=move.reference,
        amount=Quantity.of_money(move.amount_minor, "EUR"),
        requested_date=move.made_at,
        confirmation_date=move.made_at,
        bucket=_bucket(giver),
        logical_resource=[_number(giver)],
        party_account=Ref(id=str(giver.pk), name="prepaid"),
    )
    return dump(resource)


def _bucket(line: Subscription) -> Ref:
    return Ref(id=f"{CREDIT}-{line.pk}", href=href(BALANCE, "bucket", f"{CREDIT}-{line.pk}"))


def _number(line: Subscription) -> Ref:
    return Ref(id=line.msisdn, name="msisdn", referred_type="MSISDN")


def _attach(moves: Sequence[CreditMove]) -> None:
    """Give each move its lines, read at once for all."""
    wanted = {pk for move in moves for pk in (move.subscription_id, move.receiver_id)} - {None}
    known = Subscription.objects.in_bulk(wanted)
    for move in moves:
        move.line = known[move.subscription_id]  # type: ignore[attr-defined]
        move.receiver = known.get(move.receiver_id)  # type: ignore[attr-defined]


def _shown(move: CreditMove) -> Json:
    _attach([move])
    return _resource(move)


# --- reading, and what cannot be undone ---------------------------------------------------------------------------


def _add(shape: _Shape) -> None:
    one, many = f"/{shape.path}/{{id}}", f"/{shape.path}"
    schema = f"/schema/Referenced{shape.name}.schema.json"

    def moves() -> Source:
        lookups = {
            "id": numbered(""),
            "externalId": same("reference"),
            "status": lambda value: {} if value == "completed" else None,
            "logicalResource.id": lambda value: {
                "subscription_id__in": lines().order_by().filter(msisdn=value).values("id")
            },
        }
        return Source(credit_moves(operator(), shape.kind), lookups, _resource, _attach)

    @router.get(many, response=GenericAlias(list, (shape.shown,)), operation_id=f"{shape.path}_list")
    def move_list(request: HttpRequest, page: Paging) -> HttpResponse:
        return list_rows(request, page, moves())

    @router.get(one, response=shape.shown, operation_id=f"{shape.path}_read")
    def move_read(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
        return found(_shown(row_or_404(moves().rows, "", id)), fields)

    @router.patch(one, response={409: Error}, operation_id=f"{shape.path}_change")
    def move_change(request: HttpRequest, id: str) -> HttpResponse:
        """It was carried out at once, and there is nothing to change about it."""
        _refuse_done(id)

    @router.delete(one, response={409: Error}, operation_id=f"{shape.path}_cancel")
    def move_cancel(request: HttpRequest, id: str) -> HttpResponse:
        """It is undone by another one the other way round."""
        _refuse_done(id)

    @router.get(schema, auth=None, include_in_schema=False, operation_id=f"{shape.path}_schema")
    def move_schema(request: HttpRequest) -> HttpResponse:
        return JsonResponse(shape.shown.model_json_schema(by_alias=True))

    def _refuse_done(id: str) -> NoReturn:
        row_or_404(moves().rows, "", id)
        raise Conflict(f"The {shape.kind} is done.", code="done")


for _shape in SHAPES:
    _add(_shape)


# --- doing --------------------------------------------------------------------------------------------------------


@router.post("/adjustBalance", response={201: AdjustBalance})
def adjust_balance_create(request: HttpRequest, adjust: AdjustBalanceCreate) -> HttpResponse:
    """Correct a line's credit. The same externalId again changes nothing and answers the same resource."""
    line = _line(adjust.bucket, adjust.logical_resource, "logicalResource")
    return _perform("adjust", adjust, line, None)


@router.post("/transferBalance", response={201: TransferBalance})
def transfer_balance_create(request: HttpRequest, transfer: TransferBalanceCreate) -> HttpResponse:
    """Move residual credit to another line, after what the giver owes. The same externalId again changes nothing."""
    giver = _line(transfer.bucket, transfer.logical_resource, "logicalResource")
    receiver = _line(transfer.receiver_bucket, [transfer.receiver_logical_resource], "receiverLogicalResource")
    if giver.pk == receiver.pk:
        raise InvalidInput("Giver and receiver are one line.", field="receiverLogicalResource", code="line_same")
    return _perform("transfer", transfer, giver, receiver)


def _perform(
    kind: Literal["adjust", "transfer"],
    sent: AdjustBalanceCreate | TransferBalanceCreate,
    line: Subscription,
    receiver: Subscription | None,
) -> HttpResponse:
    kept = {"reason", "description", "channel", "requestor"}
    move = Move(
        operator=operator(),
        requester=requester(),
        reference=sent.external_id,
        kind=kind,
        subscription_id=line.pk,
        amount_minor=sent.amount.amount,
        receiver_id=receiver.pk if receiver else None,
        body=sent.model_dump(mode="json", include=kept, exclude_none=True),
    )
    return created(_shown(credit_move_perform(move=move, now=clock.now(), tell=_tell)))


def _tell(move: CreditMove) -> None:
    event_publish(
        operator=move.operator,
        api="balance",
        event_type=f"{_OF_KIND[move.kind].name}CreateEvent",
        resource=_shown(move),
        now=move.made_at,
    )


def _line(bucket: Ref, named: Sequence[Ref], field: str) -> Subscription:
    """The line that the bucket or the number names. Raises InvalidInput where they name none, or different ones."""
    numbers = [parse_msisdn(ref.id, f"{field}.id") for ref in named]
    line = line_of_bucket(bucket.id)
    if line is None and not numbers:
        raise InvalidInput(f"Name the line: its number in {field}.", field=field, code="line_missing")
    line = line or subscription_of(operator=operator(), msisdn=numbers[0])
    if line is None:
        raise InvalidInput("This number is not one of ours.", field=field, code="line_unknown")
    if numbers and numbers[0] != line.msisdn:
        raise InvalidInput(f"The bucket and {field} name different lines.", field=field, code="line_ambiguous")
    return line
