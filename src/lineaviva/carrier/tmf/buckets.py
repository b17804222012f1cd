"""TMF654's Bucket: what a line may use, in money and in what its plans hold, and what it owes. Read only.

A line's credit is the bucket `credit-<line>`; what it owes for days that it was left on without credit is
`debt-<line>`, below zero, and is taken from the next top-up. Each allowance of a plan is a bucket that is valid for the
period the plan is paid for.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.carrier.tmf.common import BALANCE, Quantity, Ref, Resource, TimePeriod, dump, href
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
from lineaviva.carrier.tmf.rest import (
    Fields,
    Json,
    Paging,
    Source,
    found,
    list_rows,
    number_of,
    numbered,
    row_or_404,
    same,
)
from lineaviva.kernel.errors import InvalidInput

router = Router(tags=["TMF654 Prepay Balance"])
CREDIT, DEBT, PLAN = "credit", "debt", "bucket-"
UsageType = Literal["monetary", "voice", "data", "sms"]
UNITS: dict[UsageType, str] = {"data": "MB", "voice": "minutes", "sms": "messages"}


class BucketResource(Resource):
    type: str = "Bucket"
    name: str
    usage_type: UsageType
    remaining_value: Quantity | None = None
    remaining_value_name: str | None = None
    status: Literal["active", "suspended", "expired"] = "active"
    valid_for: TimePeriod | None = None
    logical_resource: list[Ref]
    party_account: Ref


def line_refs(line: Subscription) -> dict[str, Any]:
    return {
        "logical_resource": [Ref(id=line.msisdn, name="msisdn", referred_type="MSISDN")],
        "party_account": Ref(id=str(line.pk), name="prepaid"),
    }


def line_of_bucket(bucket_id: str) -> Subscription | None:
    """The line of a money bucket, None for the word `credit`. Raises InvalidInput."""
    if bucket_id == CREDIT:
        return None
    pk = number_of(f"{CREDIT}-", bucket_id)
    line = lines().filter(pk=pk).first() if pk is not None else None
    if line is None:
        raise InvalidInput("There is no such money bucket.", field="bucket.id", code="bucket_unknown")
    return line


def _money(line: Subscription, identity: str, name: str, minor: int) -> Json:
    resource = BucketResource(
        id=identity,
        href=href(BALANCE, "bucket", identity),
        name=name,
        usage_type="monetary",
        remaining_value=Quantity.of_money(minor, line.currency),
        status="active" if line.status == "active" else "suspended",
        **line_refs(line),
    )
    return dump(resource)


def _credit(line: Subscription) -> Json:
    return _money(line, f"{CREDIT}-{line.pk}", "Credit", line.credit_minor)


def _debt(line: Subscription) -> Json:
    return _money(line, f"{DEBT}-{line.pk}", "Owed, taken from the next top-up", -line.debt_minor)


def _allowance(plan: Plan, usage: UsageType) -> Json:
    identity = f"{PLAN}{plan.subscription_id}-{plan.number}-{usage}"
    left: int = getattr(plan, f"{usage}_left")
    resource = BucketResource(
        id=identity,
        href=href(BALANCE, "bucket", identity),
        name=plan.name,
        usage_type=usage,
        remaining_value=None if left < 0 else Quantity(amount=left, units=UNITS[usage]),
        remaining_value_name="unlimited" if left < 0 else f"{left} {UNITS[usage]}",
        status="active" if plan.status == "active" else "suspended",
        valid_for=TimePeriod(
            start_date_time=midnight(plan.started_on), end_date_time=midnight_or_none(plan.paid_until)
        ),
        **line_refs(plan.line),  # type: ignore[attr-defined]  # attach_lines gives it
    )
    return dump(resource)


def _lines(word: str) -> Source:
    lookups = {
        "id": numbered(f"{word}-"),
        "usageType": lambda value: {} if value == "monetary" else None,
        "logicalResource.id": same("msisdn"),
    }
    rows = lines() if word == CREDIT else lines().filter(debt_minor__gt=0)
    return Source(rows, lookups, _credit if word == CREDIT else _debt)


def _allowances(usage: UsageType) -> Source:
    lookups = {
        "id": plan_numbered(PLAN, f"-{usage}"),
        "usageType": lambda value: {} if value == usage else None,
        "logicalResource.id": of_number,
    }
    rows = plans().filter(**{f"{usage}_left__isnull": False})
    return Source(rows, lookups, partial(_allowance, usage=usage), attach_lines)


@router.get("/bucket", response=list[BucketResource])
def bucket_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_rows(request, page, _lines(CREDIT), _lines(DEBT), *map(_allowances, UNITS))


@router.get("/bucket/{id}", response=BucketResource)
def bucket(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    word, _, rest = id.partition("-")
    if word in {CREDIT, DEBT}:
        source = _lines(word)
        return found(source.resource(row_or_404(source.rows, f"{word}-", id)), fields)
    usage: UsageType = next((usage for usage in UNITS if rest.endswith(f"-{usage}")), "data")
    plan = plan_or_404(_allowances(usage).lookups["id"](id), has=f"{usage}_left")
    return found(_allowance(plan, usage), fields)
