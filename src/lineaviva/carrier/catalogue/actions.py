"""Writes of the catalogue. What is on sale changes by announcement only."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from lineaviva import rulebook
from lineaviva.carrier.catalogue import queries, rules
from lineaviva.carrier.catalogue.models import CatalogueResource, OfferChange, OwnPlan
from lineaviva.carrier.catalogue.rules import PlanTerms
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound

MOST_OF_A_KIND = 2_000
_PRICES = OfferChange.Kind.PRICE


@transaction.atomic
def resource_create(
    *, operator: str, kind: str, body: dict[str, Any], lifecycle_status: str, terms: PlanTerms | None, now: datetime
) -> CatalogueResource:
    """A new resource; with `terms` it is a plan that is sold from now on. Raises Conflict (catalogue_full)."""
    if queries.resources(operator, kind).count() >= MOST_OF_A_KIND:
        raise Conflict(f"There are {MOST_OF_A_KIND} of these already.", code="catalogue_full")
    row = CatalogueResource.objects.create(
        operator=operator,
        kind=kind,
        key=rules.key_made(str(body["name"])),
        body=body,
        lifecycle_status=lifecycle_status,
        last_update=now,
    )
    if terms is not None:
        _put_on_sale(row, terms)
    return row


def _put_on_sale(row: CatalogueResource, terms: PlanTerms) -> OwnPlan:
    return OwnPlan.objects.create(operator=row.operator, offering_id=row.key, **asdict(terms))


@transaction.atomic
def resource_change(
    *, row: CatalogueResource, body: dict[str, Any], lifecycle_status: str, terms: PlanTerms | None, now: datetime
) -> CatalogueResource:
    """Write what the resource is now. A plan that was sold goes on, comes back or is sold no more, by `terms`.

    Expects the row locked. Raises Conflict (terms_fixed): whoever has a plan was promised it as it is. Its price is
    not changed here either: that is announced (`offer_change_announce`).
    """
    plan = OwnPlan.objects.select_for_update().filter(operator=row.operator, offering_id=row.key).first()
    if plan is None and terms is not None:
        _put_on_sale(row, terms)
    if plan is not None:
        _sell_on(plan, terms, now)
    row.body, row.lifecycle_status, row.last_update = body, lifecycle_status, now
    row.save(update_fields=["body", "lifecycle_status", "last_update"])
    return row


def _sell_on(plan: OwnPlan, terms: PlanTerms | None, now: datetime) -> None:
    if terms is None:
        plan.sold_until = min(plan.sold_until or now, now)
    else:
        changed = [name for name in rules.PROMISED if getattr(plan, name) != getattr(terms, name)]
        if changed:
            raise Conflict(
                "Whoever has this plan was promised it as it is. Make a new offering, and retire this one. "
                f"What differs: {', '.join(changed)}.",
                code="terms_fixed",
            )
        plan.name, plan.sold_from, plan.sold_until = terms.name, terms.sold_from, terms.sold_until
    plan.save(update_fields=["name", "sold_from", "sold_until"])


@transaction.atomic
def resource_delete(*, row: CatalogueResource) -> None:
    """Raises Conflict (offering_was_sold) for a plan that somebody may have. Expects the row locked."""
    if OwnPlan.objects.filter(operator=row.operator, offering_id=row.key).exists():
        raise Conflict(
            "It has been on sale, and lines may have it. Retire it by its lifecycleStatus, or make it Obsolete to "
            "announce that it ends.",
            code="offering_was_sold",
        )
    row.delete()


@transaction.atomic
def offer_change_announce(
    *,
    operator: str,
    offering_id: str,
    kind: str,
    from_on: date | None = None,
    price_minor: int | None = None,
    replaced_by: str = "",
    now: datetime,
) -> OfferChange:
    """Announce another price of an offering, or its end, from the first day on which the law allows it or a later one.

    The same again changes nothing. Raises InvalidInput (offering_unknown, notice_too_short, price_invalid) and
    Conflict (change_announced) where something else is announced for that day.
    """
    known = queries.offerings(operator)
    for name, field in ((offering_id, "offering_id"), (replaced_by, "replaced_by")):
        if name and name not in known:
            raise InvalidInput(f"There is no offering {name}.", code="offering_unknown", field=field)
    if (kind == _PRICES) != (price_minor is not None) or (price_minor is not None and price_minor <= 0):
        raise InvalidInput("A change of price has a price above zero.", code="price_invalid", field="price_minor")
    today, days = rome_date(now), rulebook.legal().change_notice_days
    first = today + timedelta(days=days)
    if from_on is not None and from_on < first:
        raise InvalidInput(
            f"Those who have it must know {days} days before: not before {first}.",
            code="notice_too_short",
            field="from_on",
        )
    wanted = {"price_minor": price_minor, "replaced_by": replaced_by}
    same = OfferChange.objects.filter(operator=operator, offering_id=offering_id, kind=kind)
    latest = same.order_by("-from_on").first()
    if latest and latest.from_on > today and from_on in {None, latest.from_on} and _says(latest, wanted):
        return latest
    try:
        with transaction.atomic():
            return OfferChange.objects.create(
                operator=operator,
                offering_id=offering_id,
                kind=kind,
                announced_on=today,
                from_on=from_on or first,
                **wanted,
            )
    except IntegrityError:
        raise Conflict(
            f"Something else was announced for {from_on or first}.", code="change_announced", field="from_on"
        ) from None


def _says(change: OfferChange, wanted: dict[str, Any]) -> bool:
    return all(getattr(change, name) == value for name, value in wanted.items())


def resource_locked(*, operator: str, kind: str, key: str) -> CatalogueResource:
    """The resource, for changing it in this transaction. Raises NotFound."""
    row = queries.resources(operator, kind).select_for_update().filter(key=key).first()
    if row is None:
        raise NotFound("There is no such resource.")
    return row
