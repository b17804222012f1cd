"""Promotions for those who type a code: which one it is, and whether it may still be used."""

from __future__ import annotations

from datetime import datetime

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue import errors, rules
from lineaviva.keeper.catalogue.models import Offering, Promotion, Quote
from lineaviva.keeper.catalogue.queries import terms_of
from lineaviva.keeper.catalogue.rules import Terms
from lineaviva.keeper.lines.models import Line


def code_terms(*, code: str, line: Line, offering: Offering, by: User | None, now: datetime) -> Terms:
    """What the promotion of this code gives for the offering and line.

    Raises NotFound (no such code) and Conflict: not at this time, not for this, used as often as it may be, by anybody
    or by `by`.
    """
    wanted = rules.code_read(code)
    promotion = Promotion.objects.filter(code=wanted).first() if wanted else None
    if promotion is None:
        raise errors.code_unknown()
    if promotion.valid_from > now or (promotion.valid_until is not None and promotion.valid_until <= now):
        raise errors.code_not_now()
    if promotion.operator not in {"", line.operator} or promotion.offering_id not in {None, offering.pk}:
        raise errors.code_not_for_this()
    terms = terms_of(promotion, line)
    if terms.used_on_line:
        raise errors.promotion_used()
    if not rules.applies(terms, price_minor=offering.price_minor or 0, sim_type=line.sim_type, now=now):
        raise errors.code_not_for_this()
    uses_check(promotion, by.pk if by else None)
    return terms


def uses_check(promotion: Promotion, person: int | None, *, but: Quote | None = None) -> None:
    """Whether one more may use it, `but` not counted. Raises Conflict (promotion_used_up, promotion_used_by_you).

    Certain only with the promotion's row locked; whatever order comes to nothing gives its use back.
    """
    used = Quote.objects.filter(promotion=promotion, used_at__isnull=False)
    if but is not None:
        used = used.exclude(pk=but.pk)
    if promotion.person_most is not None and used.filter(asked_by=person).count() >= promotion.person_most:
        raise errors.code_used_by_you()
    if promotion.uses_most is not None and used.count() >= promotion.uses_most:
        raise errors.code_used_up()


def uses_of(promotion: Promotion) -> int:
    """How many orders have used it, those that came to nothing left out."""
    return Quote.objects.filter(promotion=promotion, used_at__isnull=False).count()
