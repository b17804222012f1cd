"""The three things that a night does in one part of the lines, each as terms for the cases it finds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
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


class Offers:
    """What the operators say of their offerings on one day, to the lines of one part. Read once, asked per case."""

    def __init__(self, part: int, day: date) -> None:
        self._part, self._day = part, day
        self._by_operator: dict[str, dict[str, Offer]] = {}

    def __call__(self, operator: str, offering_id: str) -> Offer | None:
        if operator not in self._by_operator:
            self._by_operator[operator] = self._read(operator)
        return self._by_operator[operator].get(offering_id)

    def _read(self, operator: str) -> dict[str, Offer]:
        book = rulebook.operator(operator)
        changes = self._changes(operator)
        found = {}
        for key, one in offerings(operator).items():
            policy = _policy(book, one) if one.kind == "plan" else None
            if policy is None:
                continue
            prices = [change.price_minor for change in changes if (change.offering_id, change.kind) == (key, "price")]
            found[key] = Offer(
                months=one.period_months,
                days=one.period_days,
                policy=policy,
                new_minor=prices[-1] if prices else None,
                withdrawn=any((change.offering_id, change.kind) == (key, "withdrawn") for change in changes),
                data=one.allowances.get("data_mb"),
                voice=one.allowances.get("minutes"),
                sms=one.allowances.get("sms"),
            )
        return found

    def _changes(self, operator: str) -> list[OfferChange]:
        """Those that are in force for this part's lines, in the order in which they came."""
        rows = NoticeGiven.objects.all() if self._part == EVERY else NoticeGiven.objects.filter(part=self._part)
        given = dict(rows.order_by("on").values_list("change_id", "on"))
        least = rulebook.legal().change_notice_days
        changes = OfferChange.objects.filter(operator=operator, pk__in=given).order_by("from_on", "pk")
        return [row for row in changes if effective_on(row.from_on, given[row.pk], least) <= self._day]


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
