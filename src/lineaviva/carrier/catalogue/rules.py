"""Pure: the offerings that follow from an operator's rulebook file, and what a promotion takes off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from lineaviva.carrier.subscriptions.rules import extends
from lineaviva.rulebook import Operator
from lineaviva.rulebook.facts import Denomination, Offer

# A range from 5 to 50 by 5 is ten offerings; a range by the cent is not meant to be listed.
_LONGEST_RANGE = 20


@dataclass(frozen=True, slots=True)
class Offering:
    """Something on sale at a known price.

    `allowances`: data_mb, minutes, sms, eu_roaming_mb; -1 is without limit, None not known.
    """

    id: str
    kind: Literal["topup", "plan"]
    name: str
    price_minor: int
    extends: bool
    period_months: int | None = None
    allowances: dict[str, int | None] = field(default_factory=dict)
    calls_to_china: str = ""


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
