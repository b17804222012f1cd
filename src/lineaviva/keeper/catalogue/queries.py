"""Reads of the catalogue: what is sold, how it fits a need, and the smallest act that keeps a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from lineaviva import rulebook
from lineaviva.keeper.catalogue import rules
from lineaviva.keeper.catalogue.keepalive import Keepalive
from lineaviva.keeper.catalogue.models import Offering, Promotion, Quote
from lineaviva.keeper.catalogue.rules import Criterion, Need, Terms
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import deadlines_of, line_deadlines
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import NotFound
from lineaviva.kernel.money import Money
from lineaviva.rulebook.deadlines import Deadlines, warning_period

# What a top-up moves only while the line lives; a line that is off needs the operator's own procedure.
_SAVED_BY_TOPUP = {"full_service", "receive_only", "unknown"}


def is_current(offering: Offering, now: datetime) -> bool:
    """Whether the offering is in the catalogue at `now`: not withdrawn, and inside its period."""
    begun = offering.valid_from is None or offering.valid_from <= now
    over = offering.valid_until is not None and offering.valid_until <= now
    return offering.withdrawn_at is None and begun and not over


def _current(now: datetime) -> QuerySet[Offering]:
    return Offering.objects.filter(
        Q(valid_from=None) | Q(valid_from__lte=now),
        Q(valid_until=None) | Q(valid_until__gt=now),
        withdrawn_at=None,
    )


def offerings_for(operator: str, now: datetime) -> list[Offering]:
    """Everything in the operator's catalogue: what can be bought here first, top-ups before plans, cheapest first."""
    found = _current(now).filter(operator=operator)
    return sorted(
        found, key=lambda o: (not o.sellable, o.kind != Offering.Kind.TOPUP, _price_order(o.price_minor), o.key)
    )


def _price_order(price: int | None) -> tuple[bool, int]:
    return (price is None, price or 0)


def offering_for(*, operator: str, external_id: str, now: datetime) -> Offering:
    """One current offering by its id (`topup-5`). Raises NotFound."""
    found = _current(now).filter(operator=operator, external_id=external_id).first()
    if found is None:
        raise NotFound(f"{operator} has no offering {external_id} now.", code="offering_unknown", field="offering")
    return found


# --- promotions ---------------------------------------------------------------------------------------------------


def promotions_open(now: datetime) -> QuerySet[Promotion]:
    """Promotions that run or will run."""
    open_ones = Promotion.objects.filter(Q(valid_until=None) | Q(valid_until__gt=now))
    return open_ones.select_related("offering").order_by("operator", "valid_from", "key")


def promotion_used(promotion: Promotion, line_id: int) -> bool:
    """Whether an order for that line took a quote with this promotion."""
    return Quote.objects.filter(promotion=promotion, line_id=line_id, used_at__isnull=False).exists()


def best_promotion(*, line: Line, offering: Offering, now: datetime) -> tuple[Terms | None, int]:
    """The promotion without a code that takes most off `offering` for `line` at `now`, and how much (minor units)."""
    if offering.price_minor is None:
        return None, 0
    return _best(line, offering, _promotions_now(offering.operator, now), now)


def _promotions_now(operator: str, now: datetime) -> list[Promotion]:
    return list(
        Promotion.objects.filter(
            Q(valid_until=None) | Q(valid_until__gt=now), operator=operator, code="", valid_from__lte=now
        )
    )


def _best(line: Line, offering: Offering, open_ones: list[Promotion], now: datetime) -> tuple[Terms | None, int]:
    """Of an operator's promotions those count that are for this offering or for all."""
    terms = [terms_of(one, line) for one in open_ones if one.offering_id in {None, offering.pk}]
    return rules.best(terms, price_minor=offering.price_minor or 0, sim_type=line.sim_type, now=now)


def terms_of(promotion: Promotion, line: Line) -> Terms:
    """A promotion as it stands towards one line."""
    return Terms(
        key=promotion.key,
        valid_from=promotion.valid_from,
        valid_until=promotion.valid_until,
        off_minor=promotion.off_minor,
        off_percent=promotion.off_percent,
        conditions=promotion.conditions,
        used_on_line=bool(promotion.conditions.get("once_per_line")) and promotion_used(promotion, line.pk),
    )


# --- comparing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """One plan beside a need. `fits` and `per_month` are None where something that decides them is not known."""

    offering: Offering
    criteria: list[Criterion]
    fits: bool | None
    per_month: Money | None


def compare(*, need: Need, operators: Iterable[str], now: datetime) -> list[Comparison]:
    """The plans of these operators side by side: those that fit, then the unknown, then the others; cheapest first."""
    slugs = [rulebook.operator(slug).slug for slug in operators]
    plans = _current(now).filter(operator__in=slugs, kind=Offering.Kind.PLAN)
    found = [_compared(need, plan) for plan in plans]
    rank = {True: 0, None: 1, False: 2}
    return sorted(found, key=lambda c: (rank[c.fits], c.per_month is None, *_cheap(c.per_month), c.offering.key))


def _cheap(amount: Money | None) -> tuple[str, int]:
    """For sorting: amounts of two currencies cannot be compared, so each currency stands by itself."""
    return (amount.currency, amount.minor) if amount else ("", 0)


def _compared(need: Need, plan: Offering) -> Comparison:
    criteria = rules.judge(need, plan.allowances)
    minor = rules.per_month(plan.price_minor, plan.period_months, plan.period_days)
    month = None if minor is None else Money(minor, plan.currency)
    return Comparison(plan, criteria, rules.fits(criteria), month)


# --- the smallest act ---------------------------------------------------------------------------------------------


def cheapest_keepalive(*, line: Line, now: datetime, offerings: Sequence[Offering] | None = None) -> Keepalive | None:
    """The cheapest known act that extends `line`, one that can be bought here before one that cannot.

    None where the line is off or lost (a top-up does not bring it back), or where no extending act has a known price.
    `offerings`: the line's operator's, where the caller has them already.
    """
    today = rome_date(now)
    before = line_deadlines(line, today)
    if before.state not in _SAVED_BY_TOPUP:
        return None
    sold = _current(now).filter(operator=line.operator) if offerings is None else offerings
    acts = [one for one in sold if one.extends and one.price_minor is not None]
    if not acts:
        return None
    after = deadlines_of(line.operator, today, today)
    promotions = _promotions_now(line.operator, now)
    choices = [_keepalive(line, act, before, after, _best(line, act, promotions, now)[1]) for act in acts]
    return min(choices, key=_cheapest_first)


def _cheapest_first(act: Keepalive) -> tuple[object, ...]:
    # A plan's price is due each period, so it is the year that says which act is smaller.
    a_year = act.cost_per_year or act.total * 12
    here, topup = act.offering.sellable, act.offering.kind == Offering.Kind.TOPUP
    return (not here, not topup, *_cheap(a_year), *_cheap(act.total), act.offering.key)


def _keepalive(line: Line, act: Offering, before: Deadlines, after: Deadlines, off: int) -> Keepalive:
    price = act.price_minor or 0
    months = _months_bought(line.operator, after)
    recurs = act.kind == Offering.Kind.PLAN and bool(act.period_months or act.period_days)
    # The year is counted at the full price: a promotion of today is no promise for the next time.
    a_year = rules.per_year(price, act.period_months, act.period_days) if recurs else rules.per_year(price, months)
    return Keepalive(
        plan=line.plan,
        offering=act,
        price=Money(price, act.currency),
        discount=Money(off, act.currency),
        total=Money(price - off, act.currency),
        months=months,
        recurs=recurs,
        cost_per_year=None if a_year is None else Money(a_year, act.currency),
        drain_per_year=_drain(line),
        before=before,
        after=after,
    )


def _months_bought(operator: str, after: Deadlines) -> int | None:
    """Whole months of full service that an extending event gives; days beside them make the year no dearer."""
    period = warning_period(rulebook.operator(operator).validity.full_service, after.as_of)
    return period.months if period else None


def _drain(line: Line) -> Money | None:
    """What the line's own plan takes from the credit a year, by the rulebook; None where that is not known."""
    for offer in rulebook.operator(line.operator).offers:
        if line.plan.casefold() in {offer.name.casefold(), offer.id.casefold()} and offer.monthly_drain:
            return offer.monthly_drain * 12
    return None
