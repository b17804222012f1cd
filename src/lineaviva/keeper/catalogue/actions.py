"""Writes of the catalogue: refreshed rows, promotions, and the quote that holds a price."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from lineaviva import rulebook
from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue import codes, errors, queries, rules
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


@transaction.atomic
def promotion_add(
    *,
    now: datetime,
    operator: str,
    key: str,
    name: str,
    valid_from: datetime,
    valid_until: datetime,
    off_minor: int = 0,
    off_percent: int = 0,
    offering: Offering | None = None,
    conditions: dict[str, object] | None = None,
    code: str = "",
    uses_most: int | None = None,
    person_most: int | None = None,
) -> Promotion:
    """A promotion of ours, from `valid_from` to just before `valid_until`.

    With a `code` it counts for those who type that, for every operator where `operator` is empty, and at most so often
    in all and for one person. It is the owner's act, at the command line. Raises InvalidInput; Conflict: key or code
    taken.
    """
    if operator or not code:
        rulebook.operator(operator)
    _check_terms(off_minor, off_percent, valid_from, valid_until, conditions or {})
    wanted = _check_code(code, uses_most, person_most)
    if offering is not None and offering.operator != operator:
        raise errors.wrong_operator()
    try:
        with transaction.atomic():
            promotion = Promotion.objects.create(
                key=f"{operator}:{key}",
                code=wanted,
                uses_most=uses_most,
                person_most=person_most,
                operator=operator,
                offering=offering,
                name=name,
                off_minor=off_minor,
                off_percent=off_percent,
                valid_from=valid_from,
                valid_until=valid_until,
                conditions=conditions or {},
            )
    except IntegrityError:
        raise _there_already(f"{operator}:{key}", wanted) from None
    detail = {"code": wanted, "off_minor": off_minor, "off_percent": off_percent, "until": valid_until.isoformat()}
    audit(actor=None, act="promotion_add", subject=f"promotion:{promotion.key}", detail=detail, now=now)
    return promotion


def _there_already(key: str, code: str) -> Conflict:
    if code and Promotion.objects.filter(code=code).exclude(key=key).exists():
        return Conflict(f"There is already a promotion with the code {code}.", code="promotion_code_exists")
    return Conflict(f"There is already a promotion {key}.", code="promotion_exists")


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


def _check_code(code: str, uses_most: int | None, person_most: int | None) -> str:
    """The code as it is kept. Raises InvalidInput."""
    wanted = rules.code_read(code)
    if code and not wanted:
        raise InvalidInput("A code has 3 to 30 letters and digits.", code="promotion_code_invalid", field="code")
    limits = [most for most in (uses_most, person_most) if most is not None]
    if any(most < 1 for most in limits) or (limits and not wanted):
        raise InvalidInput("Only a code is limited in number, to one use or more.", code="promotion_limit_invalid")
    return wanted


@transaction.atomic
def quote_make(*, line: Line, offering: Offering, by: User | None, now: datetime, code: str = "") -> Quote:
    """The price of `offering` for `line` with the best promotion that applies, held for 30 minutes.

    A promotion's `code` adds one to these. Raises InvalidInput (another operator's offering) or Conflict (withdrawn,
    not sold here, price not known, line removed or lost), and what `code_terms` raises.
    """
    line = agenda.locked(Line, line.pk)
    offering = Offering.objects.get(pk=offering.pk)
    price = _price_to_quote(line, offering, now)
    terms, off = queries.best_promotion(line=line, offering=offering, now=now)
    if code:
        typed = codes.code_terms(code=code, line=line, offering=offering, by=by, now=now)
        if rules.discount(typed, price) > off:
            terms, off = typed, rules.discount(typed, price)
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

    Raises Conflict when its time is over, or when its promotion counts once per line and another order took it, or so
    often and others took it.
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
    if promotion and (promotion.uses_most is not None or promotion.person_most is not None):
        # Orders of several lines meet here, where each line's lock is of no use.
        promotion = Promotion.objects.select_for_update().get(pk=promotion.pk)
        codes.uses_check(promotion, quote.asked_by_id, but=quote)
    quote.used_at = now
    quote.save(update_fields=["used_at"])
    return quote


def quote_release(*, quote: Quote) -> None:
    """The order that took this quote came to nothing: its promotion may be used again."""
    Quote.objects.filter(pk=quote.pk).update(used_at=None)
