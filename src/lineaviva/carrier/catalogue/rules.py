"""Pure: the offerings that follow from an operator's rulebook file, and what a promotion takes off."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from lineaviva.carrier.subscriptions.rules import extends
from lineaviva.rulebook import Operator
from lineaviva.rulebook.facts import Denomination, Offer

# A range from 5 to 50 by 5 is ten offerings; a range by the cent is not meant to be listed.
_LONGEST_RANGE = 20


@dataclass(frozen=True, slots=True)
class Offering:
    """Something on sale at a known price, from `sold_from` to just before `sold_until` where these are given.

    `renewal_policy` names one of the operator's in its rulebook file; "" is its usual one.
    `allowances`: data_mb, minutes, sms, eu_roaming_mb; -1 is without limit, None not known.
    """

    id: str
    kind: Literal["topup", "plan"]
    name: str
    price_minor: int
    extends: bool
    period_months: int | None = None
    period_days: int | None = None
    renewal_policy: str = ""
    allowances: dict[str, int | None] = field(default_factory=dict)
    calls_to_china: str = ""
    sold_from: datetime | None = None
    sold_until: datetime | None = None

    def on_sale(self, now: datetime) -> bool:
        begun = self.sold_from is None or self.sold_from <= now
        return begun and (self.sold_until is None or now < self.sold_until)


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What an operator says of a plan of its own when it puts it on sale; the words are OwnPlan's."""

    name: str
    price_minor: int
    period_months: int | None
    period_days: int | None
    extends: bool
    data_mb: int | None = None
    minutes: int | None = None
    sms: int | None = None
    renewal_policy: str = ""
    sold_from: datetime | None = None
    sold_until: datetime | None = None


# Whoever has the plan was promised these; they do not change under it.
PROMISED = ("period_months", "period_days", "extends", "data_mb", "minutes", "sms", "renewal_policy")


def key_made(name: str) -> str:
    """An id for a resource of that name, which nobody can have had before: `summer-50-gb-3f9a2c1e`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30].strip("-")
    return f"{words or 'resource'}-{secrets.token_hex(4)}"


def offerings(operator: Operator) -> dict[str, Offering]:
    """By id: a top-up for each denomination that reaches the credit in full, and each offer sold at a known price."""
    amounts = sorted({minor for one in operator.denominations for minor in _amounts(one)})
    plans = [offer for offer in operator.offers if _on_sale(offer)]
    found = [*(_topup(operator, minor) for minor in amounts), *(_plan(operator, offer) for offer in plans)]
    return {offering.id: offering for offering in found}


def topup_id(minor: int) -> str:
    """topup-5 for 5 EUR, topup-4.99 for 4,99 EUR."""
    whole, cents = divmod(minor, 100)
    return f"topup-{whole}.{cents:02d}" if cents else f"topup-{whole}"


def _amounts(one: Denomination) -> Iterable[int]:
    if one.credit_minor != one.minor:
        return []
    if not one.up_to_minor or not one.step_minor:
        return [one.minor]
    amounts = range(one.minor, one.up_to_minor + 1, one.step_minor)
    return amounts if len(amounts) <= _LONGEST_RANGE else [one.minor]


def _topup(operator: Operator, minor: int) -> Offering:
    return Offering(
        id=topup_id(minor),
        kind="topup",
        name=f"{operator.name} {minor // 100},{minor % 100:02d} €",
        price_minor=minor,
        extends=extends(operator, "topup", minor),
    )


def _on_sale(offer: Offer) -> bool:
    # Where the rulebook does not know whether the real operator still sells it, this one does.
    return offer.on_sale != "no" and offer.price is not None and offer.price.minor > 0


def _plan(operator: Operator, offer: Offer) -> Offering:
    return Offering(
        id=offer.id,
        kind="plan",
        name=offer.name,
        price_minor=offer.price.minor if offer.price else 0,
        extends=extends(operator, "plan", 0) if offer.extends is None else offer.extends,
        period_months=offer.period_months,
        renewal_policy=offer.renewal_policy,
        allowances={
            "data_mb": offer.data_mb,
            "minutes": offer.minutes,
            "sms": offer.sms,
            "eu_roaming_mb": offer.eu_roaming_mb,
        },
        calls_to_china=offer.calls_to_china,
    )


def discount(price_minor: int, off_minor: int, off_percent: int) -> int:
    """What a promotion takes off, in cents: rounded half up, never more than the price."""
    return min(price_minor, off_minor + (price_minor * off_percent + 50) // 100)
