"""Reads of the catalogue."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet

from lineaviva import rulebook
from lineaviva.carrier.catalogue import rules
from lineaviva.carrier.catalogue.models import CatalogueResource, OfferChange, OwnPlan, Promotion
from lineaviva.carrier.catalogue.rules import Offering
from lineaviva.kernel.clock import rome_date


def offerings(operator: str) -> dict[str, Offering]:
    """Everything that the operator sells or has sold, by id: by its rulebook file, and the plans that it made itself.

    At the prices of their start: what was announced since is for whoever asks by a day (`offerings_on_sale`).
    """
    own = {plan.offering_id: _own(plan) for plan in OwnPlan.objects.filter(operator=operator).order_by("offering_id")}
    return rules.offerings(rulebook.operator(operator)) | own


def _own(plan: OwnPlan) -> Offering:
    return Offering(
        id=plan.offering_id,
        kind="plan",
        name=plan.name,
        price_minor=plan.price_minor,
        extends=plan.extends,
        period_months=plan.period_months,
        period_days=plan.period_days,
        renewal_policy=plan.renewal_policy,
        sold_from=plan.sold_from,
        sold_until=plan.sold_until,
        allowances={"data_mb": plan.data_mb, "minutes": plan.minutes, "sms": plan.sms, "eu_roaming_mb": None},
    )


def offerings_on_sale(operator: str, now: datetime) -> dict[str, Offering]:
    """What can be bought at `now`, by id, at the price that counts by then."""
    today = rome_date(now)
    began = [change for change in offer_changes(operator) if change.from_on <= today]
    gone = {change.offering_id for change in began if change.kind == OfferChange.Kind.WITHDRAWN}
    prices = {change.offering_id: change.price_minor for change in began if change.price_minor is not None}
    return {
        key: replace(one, price_minor=prices.get(key, one.price_minor))
        for key, one in offerings(operator).items()
        if key not in gone and one.on_sale(now)
    }


def offer_changes(operator: str) -> list[OfferChange]:
    """All that was ever announced, in the order in which it counts."""
    return list(OfferChange.objects.filter(operator=operator).order_by("from_on", "pk"))


def resources(operator: str, kind: str) -> QuerySet[CatalogueResource]:
    """What the operator made itself of one kind, oldest first."""
    return CatalogueResource.objects.filter(operator=operator, kind=kind).order_by("pk")


def promotions_listed(operator: str, now: datetime) -> QuerySet[Promotion]:
    """Promotions that run or will run."""
    return Promotion.objects.filter(operator=operator, valid_until__gt=now).order_by("key")


def discount_now(operator: str, offering: Offering, now: datetime) -> int:
    """What the best running promotion takes off the offering's price at `now`, in cents."""
    running = promotions_listed(operator, now).filter(offering_id=offering.id, valid_from__lte=now)
    return max((rules.discount(offering.price_minor, one.off_minor, one.off_percent) for one in running), default=0)
