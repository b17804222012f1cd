"""Reads of the catalogue."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from lineaviva import rulebook
from lineaviva.carrier.catalogue import rules
from lineaviva.carrier.catalogue.models import Promotion
from lineaviva.carrier.catalogue.rules import Offering


def offerings(operator: str) -> dict[str, Offering]:
    """Everything that the operator sells, by id."""
    return rules.offerings(rulebook.operator(operator))


def promotions_listed(operator: str, now: datetime) -> QuerySet[Promotion]:
    """Promotions that run or will run."""
    return Promotion.objects.filter(operator=operator, valid_until__gt=now).order_by("key")


def discount_now(operator: str, offering: Offering, now: datetime) -> int:
    """What the best running promotion takes off the offering's price at `now`, in cents."""
    running = promotions_listed(operator, now).filter(offering_id=offering.id, valid_from__lte=now)
    return max((rules.discount(offering.price_minor, one.off_minor, one.off_percent) for one in running), default=0)
