"""An offering as pages show it: price, period, contents; whatever is not known is shown as not known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lineaviva.keeper.catalogue.keepalive import Keepalive
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.catalogue.queries import Comparison
from lineaviva.keeper.catalogue.rules import CRITERIA, UNLIMITED
from lineaviva.keeper.web import cards, locales
from lineaviva.kernel.money import Money


@dataclass(frozen=True)
class Offer:
    offering: Offering
    keepalive: Keepalive | None = None
    is_chosen: bool = False

    @property
    def is_cheapest(self) -> bool:
        return self.keepalive is not None

    @property
    def period(self) -> str:
        return period_words(self.offering)

    @cached_property
    def contents(self) -> list[tuple[str, str]]:
        return [] if self.offering.kind == Offering.Kind.TOPUP else contents(self.offering.allowances)

    @cached_property
    def why(self) -> list[str]:
        """What it costs a year and what else takes money; how long it lasts is said by `moves_to`."""
        if self.keepalive is None:
            return []
        return self.keepalive.why[1:] if self.moves_to else self.keepalive.why

    @property
    def shown(self) -> Shown:
        one = self.offering
        contents = json.dumps(one.allowances, sort_keys=True)
        facts = one.kind, one.name, one.price_minor, one.currency, one.period_months, one.period_days, one.extends
        return Shown((*facts, contents, self.is_chosen), self)

    @property
    def moves_to(self) -> date | None:
        return self.keepalive.after.full_service_until if self.keepalive else None


@dataclass(frozen=True)
class Shown:
    """All that a list shows of an offer: two with equal facts look the same."""

    facts: tuple[Any, ...]
    offer: Offer = field(compare=False)


@dataclass(frozen=True)
class Compared:
    found: Comparison
    can_buy: bool

    @property
    def offering(self) -> Offering:
        return self.found.offering

    @property
    def operator(self) -> str:
        return cards.operator_name(self.found.offering.operator)

    @property
    def per_month(self) -> Money | None:
        return self.found.per_month

    @property
    def fits(self) -> bool | None:
        return self.found.fits

    @property
    def contents(self) -> list[tuple[str, str]]:
        return contents(self.found.offering.allowances)


def period_words(offering: Offering) -> str:
    """ "for 1 month", "for 30 days"; empty where there is no period."""
    if offering.period_months:
        n = offering.period_months
        return ngettext("for %(n)s month", "for %(n)s months", n) % {"n": n}
    if offering.period_days:
        n = offering.period_days
        return ngettext("for %(n)s day", "for %(n)s days", n) % {"n": n}
    return ""


def contents(allowances: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is in it, criterion by criterion; "not known" is an answer, too."""
    names = {
        "data_mb": _("Data"),
        "minutes": _("Minutes"),
        "sms": "SMS",
        "calls_to_china": _("Calls to China"),
        "eu_roaming_mb": _("Data in the EU"),
    }
    return [(names[name], _amount(name, allowances.get(name))) for name in CRITERIA]


def _amount(name: str, value: Any) -> str:
    if value is None:
        return _("not known")
    if name == "calls_to_china":
        return _china(value)
    if value == UNLIMITED:
        return _("without limit")
    return locales.data_volume(value) if name.endswith("_mb") else locales.grouped(value)


def _china(value: Any) -> str:
    if not value:
        return _("not included")
    if isinstance(value, Mapping):
        return str(value.get(locales.language()) or value.get("en") or _("included"))
    return value if isinstance(value, str) else _("included")
