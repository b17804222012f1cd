"""What an operator's rulebook file tells about its offerings: prices of some day, for comparing, not for selling."""

from __future__ import annotations

from lineaviva.keeper.catalogue.rules import Draft, topup_id
from lineaviva.rulebook.facts import CONFIDENCES, Denomination, Fact, Offer, Source
from lineaviva.rulebook.model import Operator


def rulebook_drafts(operator: Operator) -> list[Draft]:
    """A top-up for each amount that becomes credit in full, and every plan that matters to a line that is only kept.

    The "special" cuts, which take 1 EUR for an option, are left out: the same price without the option is listed too.
    """
    plain = [one for one in operator.denominations if one.credit_minor == one.minor]
    topups = {draft.key: draft for one in reversed(plain) for draft in [_topup(operator, one)]}
    return [*topups.values(), *(_plan(operator, offer) for offer in operator.offers if offer.on_sale != "no")]


def _topup(operator: Operator, one: Denomination) -> Draft:
    free = f"any amount up to {one.up_to_minor // 100} EUR" if one.up_to_minor else ""
    return Draft(
        operator=operator.slug,
        external_id=topup_id(one.minor),
        kind="topup",
        name=f"{operator.name} {one.minor // 100},{one.minor % 100:02d} €",
        price_minor=one.minor,
        currency="EUR",
        extends=topup_extends(operator, one.minor),
        source="rulebook",
        note="; ".join(filter(None, (one.channel, free, one.note))),
        source_url=_best(one).url[:300],
        source_date=_best(one).date[:20],
    )


def topup_extends(operator: Operator, minor: int) -> bool | None:
    """Whether a top-up of that amount moves the dates. Below the smallest that is known to, it is not known."""
    least = operator.smallest_extending_topup
    known = operator.extends("topup")
    return None if known and least is not None and minor < least.minor else known


def _plan(operator: Operator, offer: Offer) -> Draft:
    allowances = {
        "data_mb": offer.data_mb,
        "minutes": offer.minutes,
        "sms": offer.sms,
        "eu_roaming_mb": offer.eu_roaming_mb,
        "calls_to_china": {"en": offer.calls_to_china} if offer.calls_to_china else None,
    }
    return Draft(
        operator=operator.slug,
        external_id=offer.id,
        kind="plan",
        name=offer.name,
        price_minor=offer.price.minor if offer.price else None,
        currency=offer.price.currency if offer.price else "EUR",
        period_months=offer.period_months,
        allowances={name: value for name, value in allowances.items() if value is not None},
        extends=offer.extends,
        source="rulebook",
        note=offer.note,
        source_url=_best(offer).url[:300],
        source_date=_best(offer).date[:20],
    )


def _best(fact: Fact) -> Source:
    """The source that can be trusted most; every fact of the rulebook has one."""
    return max(fact.sources, key=lambda source: CONFIDENCES.index(source.confidence))
