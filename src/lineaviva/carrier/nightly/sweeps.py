"""The three things that a night does in one part of the lines, each as terms for the cases it finds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from lineaviva import rulebook
from lineaviva.carrier.catalogue.models import OfferChange
from lineaviva.carrier.catalogue.queries import offerings
from lineaviva.carrier.catalogue.rules import Offering
from lineaviva.carrier.nightly.models import NoticeGiven
from lineaviva.carrier.nightly.rules import Case, Offer, Terms, effective_on, terms
from lineaviva.carrier.partitions import EVERY
from lineaviva.carrier.subscriptions.queries import legal_notice
from lineaviva.carrier.subscriptions.rules import Life, life_step
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.mask import scrubbed
from lineaviva.rulebook import Operator, RenewalPolicy

log = logging.getLogger(__name__)
Row = Sequence[Any]
OfferOf = Callable[[str, str], Offer | None]


class Sold:
    """What the operators sell, before any change of it; read once, for as long as a worker's night."""

    def __init__(self) -> None:
        self._by_operator: dict[str, dict[str, Offer]] = {}

    def __call__(self, operator: str, offering_id: str) -> Offer | None:
        # What is not there may have been added since.
        if offering_id not in self._by_operator.get(operator, {}):
            self._by_operator[operator] = self._read(operator)
        return self._by_operator[operator].get(offering_id)

    def _read(self, operator: str) -> dict[str, Offer]:
        book = rulebook.operator(operator)
        found = {}
        for key, one in offerings(operator).items():
            policy = _policy(book, one) if one.kind == "plan" else None
            if policy is not None:
                found[key] = Offer(
                    months=one.period_months,
                    days=one.period_days,
                    policy=policy,
                    data=one.allowances.get("data_mb"),
                    voice=one.allowances.get("minutes"),
                    sms=one.allowances.get("sms"),
                )
        return found


class Offers:
    """What the operators say of their offerings on one day, to the lines of one part."""

    def __init__(self, part: int, day: date, sold: Sold | None = None) -> None:
        self._part, self._day, self._sold = part, day, sold or Sold()
        self._changes: dict[tuple[str, str], list[OfferChange]] | None = None

    def __call__(self, operator: str, offering_id: str) -> Offer | None:
        offer = self._sold(operator, offering_id)
        if self._changes is None:
            self._changes = self._in_force()
        changes = self._changes.get((operator, offering_id), [])
        if offer is None or not changes:
            return offer
        prices = [change.price_minor for change in changes if change.kind == OfferChange.Kind.PRICE]
        withdrawn = any(change.kind == OfferChange.Kind.WITHDRAWN for change in changes)
        return replace(offer, new_minor=prices[-1] if prices else None, withdrawn=withdrawn)

    def _in_force(self) -> dict[tuple[str, str], list[OfferChange]]:
        """The changes that count for this part's lines by now, in the order in which they came."""
        rows = NoticeGiven.objects.all() if self._part == EVERY else NoticeGiven.objects.filter(part=self._part)
        given = dict(rows.order_by("on").values_list("change_id", "on"))
        least = rulebook.legal().change_notice_days
        found: dict[tuple[str, str], list[OfferChange]] = {}
        for row in OfferChange.objects.filter(pk__in=given).order_by("from_on", "pk"):
            if effective_on(row.from_on, given[row.pk], least) <= self._day:
                found.setdefault((row.operator, row.offering_id), []).append(row)
        return found


def _policy(book: Operator, offering: Offering) -> RenewalPolicy | None:
    """One offering with a policy that there is not must not take the operator's others with it."""
    try:
        return book.renewal_policy(offering.renewal_policy)
    except LineavivaError as error:
        log.error("%s of %s: %s", offering.id, book.slug, error)
        return None


def fee_rows(found: Sequence[Row], offer_of: OfferOf, day: date) -> list[Row]:
    """Terms for each of these cases, as FEES takes them."""
    return [plan_row(case, terms(case, _offer(case, offer_of), day=day)) for case in map(plan_case, found)]


def plan_case(row: Row) -> Case:
    operator, offering_id, status, auto_renew, anchor_day, paid_until, late_days = row
    return Case(
        operator, offering_id, status, bool(auto_renew), int(anchor_day), _day(paid_until) or date.min, int(late_days)
    )


def plan_row(case: Case, found: Terms) -> Row:
    return (
        *(case.operator, case.offering_id, case.status, case.auto_renew, case.anchor_day, case.paid_until),
        *(case.late_days, found.always, found.short, found.short_charge, found.short_due_on, found.list_minor),
        *(found.paid_until, found.due_on, found.anchor_day, found.data, found.voice, found.sms),
    )


def _offer(case: Case, offer_of: OfferOf) -> Offer | None:
    """One case that cannot be decided is one that stands aside: the others have their night."""
    try:
        return offer_of(case.operator, case.offering_id)
    except LineavivaError as error:
        log.error("no terms for %s of %s: %s", case.offering_id, case.operator, scrubbed(str(error)))
        return None


def life_rows(found: Sequence[Row], day: date, told_on: date) -> list[Row]:
    """The next step of each of these lives, as LIFE takes them."""
    notice = legal_notice()
    rows: list[Row] = []
    for operator, phase, *dates in found:
        life = Life(phase, *(_day(value) for value in dates))
        step = life_step(life, day=day, told_on=told_on, notice=notice)
        after = step.life
        known = (operator, phase, *(_day(value) for value in dates))
        noticed = (after.suspension_noticed_on, after.loss_noticed_on)
        rows.append((*known, step.outcome, after.phase, *noticed, step.look_on))
    return rows


def _day(value: Any) -> date | None:
    """A day as the database at hand gives it."""
    return date.fromisoformat(value) if isinstance(value, str) else value
