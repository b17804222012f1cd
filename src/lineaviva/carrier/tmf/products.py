"""TMF637's Product, as a line and its plans are shown.

A line is a product of its own, each plan on it another. A product is found by its number through
`realizingResource.value`, which the schema describes as "a public key (e.g.: a tel nr, an msisdn)". The line's phase
and its three dates stand on every one of its products as productCharacteristic.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from django.db.models import Case, Q, Value, When

from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.carrier.subscriptions.queries import subscription_deadlines
from lineaviva.carrier.tmf.common import (
    CATALOG,
    INVENTORY,
    Characteristic,
    Money,
    Part,
    Price,
    Ref,
    Resource,
    dump,
    href,
)
from lineaviva.carrier.tmf.lines import (
    attach_lines,
    lines,
    midnight,
    midnight_or_none,
    of_number,
    plan_numbered,
    plans,
)
from lineaviva.carrier.tmf.rest import Json, Source, numbered, same
from lineaviva.kernel import clock
from lineaviva.kernel.clock import rome_date

LINE, PLAN = "line-", "plan-"
LINE_OFFERING = "prepaid-line"  # being a line; nobody buys it, so no catalogue has it
AUTO_RENEW = "autoRenew"
State = Literal["active", "suspended", "terminated", "pendingActive"]
# Receive-only still receives, so the product is active; the characteristic lineState says which phase it is in.
_WORDS = {"off": "off_recoverable", "free": "lost"}  # as the deadlines of a rulebook call them
_OF_STATE: dict[str, State] = {"off_recoverable": "suspended", "lost": "terminated"}
_OF_STATUS: dict[str, State] = {"suspended": "suspended", "closed": "terminated"}


class ProductPrice(Part):
    name: str
    price_type: str
    price: Price


class Relationship(Part):
    relationship_type: str
    product: Ref


class Product(Resource):
    type: str = "Product"
    name: str
    status: State
    is_bundle: bool = False
    start_date: datetime
    termination_date: datetime | None = None
    billing_account: Ref
    product_offering: Ref
    product_price: list[ProductPrice]
    related_party: list[Ref]
    product_characteristic: list[Characteristic]
    product_relationship: list[Relationship] | None = None
    realizing_resource: list[Ref]


def line_shown(line: Subscription) -> Json:
    state, characteristics = _life(line)
    resource = Product(
        id=f"{LINE}{line.pk}",
        href=href(INVENTORY, "product", f"{LINE}{line.pk}"),
        name="Prepaid line",
        status=_OF_STATUS.get(line.status) or _OF_STATE.get(state, "active"),
        start_date=line.opened_at,
        product_offering=Ref(id=LINE_OFFERING, name="Prepaid line"),
        product_price=[_price("No fee", "recurring", 0)],
        product_characteristic=characteristics,
        **_of_line(line),
    )
    return dump(resource)


def plan_shown(plan: Plan) -> Json:
    """The plan as a product; it has its line (see attach_lines)."""
    line: Subscription = plan.line  # type: ignore[attr-defined]  # attach_lines gives it
    identity = f"{PLAN}{line.pk}-{plan.number}"
    resource = Product(
        id=identity,
        href=href(INVENTORY, "product", identity),
        name=plan.name,
        status=_plan_status(plan, rome_date(clock.now())),
        start_date=midnight(plan.started_on),
        termination_date=midnight_or_none(plan.paid_until),
        product_offering=Ref(id=plan.offering_id, href=href(CATALOG, "productOffering", plan.offering_id)),
        product_price=[_price(plan.name, "recurring" if plan.paid_until else "oneTime", plan.price_minor)],
        product_characteristic=[
            *_life(line)[1],
            Characteristic(name=AUTO_RENEW, value_type="boolean", value=plan.auto_renew),
        ],
        product_relationship=[
            Relationship(
                relationship_type="reliesOn",
                product=Ref(id=f"{LINE}{line.pk}", href=href(INVENTORY, "product", f"{LINE}{line.pk}")),
            )
        ],
        **_of_line(line),
    )
    return dump(resource)


def _plan_status(plan: Plan, today: date) -> State:
    """What is paid for runs on, whatever became of its renewal; an unpaid one waits for the next top-up."""
    if plan.paid_until is None or plan.paid_until > today:
        return "active" if plan.started_on <= today else "pendingActive"
    if plan.status == "active" and plan.auto_renew:
        return "active"  # a courtesy day, or tonight's run is still to come
    return "terminated" if plan.status in {"ended", "active"} else "suspended"


def _price(name: str, kind: str, minor: int) -> ProductPrice:
    return ProductPrice(name=name, price_type=kind, price=Price(tax_included_amount=Money.of(minor)))


def _of_line(line: Subscription) -> dict[str, Any]:
    """What all products of a line share. Its holder is not known here: prepaid lines are the operator's numbers."""
    return {
        "realizing_resource": [Ref(id=line.msisdn, name="msisdn", value=line.msisdn, referred_type="MSISDN")],
        "billing_account": Ref(id=str(line.pk), name="prepaid", referred_type="PartyAccount"),
        "related_party": [Ref(id=line.operator, role="provider", referred_type="Organization")],
    }


def _life(line: Subscription) -> tuple[str, list[Characteristic]]:
    """The line's phase today, and what is known of its dates: a date that is not known is left out."""
    today = subscription_deadlines(line, rome_date(clock.now()))
    dates = {
        "extendedOn": line.extended_on,
        "fullServiceUntil": today.full_service_until,
        "receiveOnlyUntil": today.receive_only_until,
        "numberKeptUntil": today.number_kept_until,
    }
    known = [Characteristic(name=name, value_type="date", value=day.isoformat()) for name, day in dates.items() if day]
    state = _WORDS.get(line.phase, line.phase)
    return state, [Characteristic(name="lineState", value_type="string", value=state), *known]


# --- lists ---------------------------------------------------------------------------------------------------------

# `status` in SQL, for lists that are filtered by it; as line_shown and _plan_status have it.
_LINE_STATE = Case(
    When(status="suspended", then=Value("suspended")),
    When(status="closed", then=Value("terminated")),
    When(phase="off", then=Value("suspended")),
    When(phase="free", then=Value("terminated")),
    default=Value("active"),
)


def _plan_state(today: date) -> Case:
    runs = Q(paid_until=None) | Q(paid_until__gt=today)
    return Case(
        When(runs & Q(started_on__gt=today), then=Value("pendingActive")),
        When(runs | Q(status="active", auto_renew=True), then=Value("active")),
        When(status__in=["ended", "active"], then=Value("terminated")),
        default=Value("suspended"),
    )


def line_products() -> Source:
    lookups = {
        "id": numbered(LINE),
        "realizingResource.value": same("msisdn"),
        "realizingResource.id": same("msisdn"),
        "productOffering.id": lambda value: {} if value == LINE_OFFERING else None,
        "status": same("state"),
    }
    return Source(lines().annotate(state=_LINE_STATE), lookups, line_shown)


def plan_products(today: date) -> Source:
    lookups = {
        "id": plan_numbered(PLAN),
        "realizingResource.value": of_number,
        "realizingResource.id": of_number,
        "productOffering.id": same("offering_id"),
        "status": same("state"),
    }
    return Source(plans().annotate(state=_plan_state(today)), lookups, plan_shown, attach_lines)
