"""Writes of the catalogue: refreshed rows, promotions, and the quote that holds a price."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from lineaviva import rulebook
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue import errors, queries, rules
from lineaviva.keeper.catalogue.merging import listing_write
from lineaviva.keeper.catalogue.models import CatalogueSource, Offering, Promotion, Quote
from lineaviva.keeper.catalogue.ports import reader_for
from lineaviva.keeper.catalogue.rulebook_drafts import rulebook_drafts
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, InvalidInput

QUOTE_HELD = timedelta(minutes=30)


def sources_ensure(*, now: datetime) -> int:
    """A CatalogueSource row, due now, for each rulebook operator that has none; how many were added.

    Whoever starts a keeper calls this once (it is idempotent); from then on the agenda refreshes each catalogue.
    """
    known = set(CatalogueSource.objects.values_list("operator", flat=True))
    missing = [CatalogueSource(operator=o.slug, look_at=now) for o in rulebook.operators() if o.slug not in known]
    CatalogueSource.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


def catalogue_refresh(*, operator: str, now: datetime) -> CatalogueSource:
    """Read the operator's rulebook and carrier again and write what changed.

    Raises Temporary when its carrier cannot be read; the rulebook's offers are written even then, and what the carrier
    listed before stays as it was.
    """
    known = rulebook.operator(operator)
    reader = reader_for(operator)
    if reader is None:
        return listing_write(operator=operator, rulebook=rulebook_drafts(known), listing=None, gone=True, now=now)
    try:
        listing = reader.read(operator)
    except Exception:
        listing_write(operator=operator, rulebook=rulebook_drafts(known), listing=None, gone=False, now=now)
        raise
    return listing_write(operator=operator, rulebook=rulebook_drafts(known), listing=listing, gone=False, now=now)


def promotion_add(
    *,
    operator: str,
    key: str,
    name: str,
    valid_from: datetime,
    valid_until: datetime,
    off_minor: int = 0,
    off_percent: int = 0,
    offering: Offering | None = None,
    conditions: dict[str, object] | None = None,
) -> Promotion:
    """A promotion of ours, from `valid_from` to just before `valid_until`. Raises InvalidInput; Conflict: key taken."""
    rulebook.operator(operator)
    _check_terms(off_minor, off_percent, valid_from, valid_until, conditions or {})
    if offering is not None and offering.operator != operator:
        raise errors.wrong_operator()
    promotion, made = Promotion.objects.get_or_create(
        key=f"{operator}:{key}",
        defaults={
            "operator": operator,
            "offering": offering,
            "name": name,
            "off_minor": off_minor,
            "off_percent": off_percent,
            "valid_from": valid_from,
            "valid_until": valid_until,
            "conditions": conditions or {},
        },
    )
    if not made:
        raise Conflict(f"There is already a promotion {promotion.key}.", code="promotion_exists")
    return promotion


def _check_terms(
    off_minor: int, off_percent: int, valid_from: datetime, valid_until: datetime, conditions: dict[str, object]
) -> None:
    if off_minor < 0 or not 0 <= off_percent <= 100 or (off_minor == 0 and off_percent == 0):
        raise InvalidInput("A promotion takes off an amount or 1 to 100 percent.", code="promotion_off_invalid")
    if valid_until <= valid_from:
        raise InvalidInput("The promotion would end before it begins.", code="promotion_period_invalid")
    unknown = set(conditions) - rules.CONDITIONS
    if unknown:
        raise InvalidInput(f"Unknown condition: {', '.join(sorted(unknown))}.", code="condition_unknown")


@transaction.atomic
def quote_make(*, line: Line, offering: Offering, by: User | None, now: datetime) -> Quote:
    """The price of `offering` for `line` with the best promotion that applies, held for 30 minutes.

    Raises InvalidInput (another operator's offering) or Conflict (withdrawn, not sold here, price not known, line
    removed or lost).
    """
    line = agenda.locked(Line, line.pk)
    offering = Offering.objects.get(pk=offering.pk)
    price = _price_to_quote(line, offering, now)
    terms, off = queries.best_promotion(line=line, offering=offering, now=now)
    return Quote.objects.create(
        line=line,
        offering=offering,
        asked_by=by,
        promotion=Promotion.objects.get(key=terms.key) if terms else None,
        price_minor=price,
        discount_minor=off,
        total_minor=price - off,
        currency=offering.currency,
        created_at=now,
        valid_until=now + QUOTE_HELD,
    )


def _price_to_quote(line: Line, offering: Offering, now: datetime) -> int:
    if line.removed_at is not None:
        raise errors.line_removed()
    if offering.operator != line.operator:
        raise errors.wrong_operator()
    if not queries.is_current(offering, now):
        raise errors.withdrawn()
    if not offering.sellable:
        raise errors.not_sellable()
    if offering.price_minor is None:
        raise errors.price_unknown()
    if line_deadlines(line, rome_date(now)).state == "lost":
        raise errors.line_lost()
    return offering.price_minor


@transaction.atomic
def quote_use(*, quote: Quote, now: datetime) -> Quote:
    """Mark the quote as taken by an order, in the order's own transaction; taken already: quiet.

    Raises Conflict when its time is over, or when its promotion counts once per line and another order took it.
    """
    # The line is the lock: two quotes with one promotion for one line must not both be taken.
    agenda.locked(Line, quote.line_id)
    quote = Quote.objects.select_for_update(of=("self",)).select_related("promotion", "offering").get(pk=quote.pk)
    if quote.used_at is not None:
        return quote
    if quote.valid_until <= now:
        raise errors.quote_expired()
    promotion = quote.promotion
    if promotion and promotion.conditions.get("once_per_line") and queries.promotion_used(promotion, quote.line_id):
        raise errors.promotion_used()
    quote.used_at = now
    quote.save(update_fields=["used_at"])
    return quote


def quote_release(*, quote: Quote) -> None:
    """The order that took this quote came to nothing: its promotion may be used again."""
    Quote.objects.filter(pk=quote.pk).update(used_at=None)
