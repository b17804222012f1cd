"""Pure: what the night does with a plan whose day has come. Decided once a case, applied by SQL to all its lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from lineaviva.carrier.subscriptions.rules import first_attempt, period_end
from lineaviva.rulebook import RenewalPolicy

ASLEEP = frozenset({"asleep", "blocked"})


@dataclass(frozen=True, slots=True)
class Case:
    """All that a decision about a plan depends on, but for the line's money and phase, which SQL looks at."""

    operator: str
    offering_id: str
    status: str
    auto_renew: bool
    anchor_day: int
    paid_until: date
    late_days: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What the operator says today of an offering. `new_minor`: its changed price, where a change has taken effect."""

    months: int | None
    days: int | None
    policy: RenewalPolicy
    new_minor: int | None = None
    withdrawn: bool = False
    data: int | None = None
    voice: int | None = None
    sms: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What happens to a plan of one case.

    `always` is an outcome (ledger.Kind) whatever the credit is, or "": then it is renewed where the credit covers the
    fee, and `short` happens where it does not, with its charge in cents and the next day to look.
    """

    always: str = ""
    short: str = ""
    short_charge: int = 0
    short_due_on: date | None = None
    list_minor: int | None = None
    paid_until: date | None = None
    due_on: date | None = None
    anchor_day: int = 1
    data: int | None = None
    voice: int | None = None
    sms: int | None = None


def terms(case: Case, offer: Offer | None, *, day: date) -> Terms:
    """What the night of `day` does with plans of this case. `offer` None: there is no such offering any more."""
    if case.status in ASLEEP:
        return Terms(always="removed")
    if offer is None or not (offer.months or offer.days):
        return Terms(always="stuck", short_due_on=day + timedelta(days=1))
    if offer.withdrawn or not case.auto_renew:
        if case.paid_until > day:  # looked at ahead: what is paid for is had to its end
            return Terms(always="tried", short_due_on=case.paid_until)
        return Terms(always="withdrawn" if offer.withdrawn else "ended")
    return _by_credit(case, offer, day, *_short(case, offer.policy, day))


def waking_terms(case: Case, offer: Offer | None, *, day: date) -> Terms | None:
    """What a top-up on `day` does with a plan that was not paid, where the credit covers it; None: nothing."""
    if offer is None or offer.withdrawn or not case.auto_renew or not (offer.months or offer.days):
        return None
    return _by_credit(case, offer, day, "", 0, None)


def _by_credit(case: Case, offer: Offer, day: date, short: str, charge: int, short_due_on: date | None) -> Terms:
    start, anchor = _restart(case, offer.policy, day)
    end = period_end(start, months=offer.months, days=offer.days, anchor_day=anchor)
    while end is not None and end <= day:
        end = period_end(end, months=offer.months, days=offer.days, anchor_day=anchor)
    return Terms(
        short=short,
        short_charge=charge,
        short_due_on=short_due_on,
        list_minor=offer.new_minor,
        paid_until=end,
        due_on=first_attempt(end, day, max(offer.policy.attempts_before_days, default=0)),
        anchor_day=anchor,
        data=offer.data,
        voice=offer.voice,
        sms=offer.sms,
    )


def _restart(case: Case, policy: RenewalPolicy, day: date) -> tuple[date, int]:
    """The first day of the new period, and the day of the month that it keeps to."""
    in_time = case.paid_until >= day
    keeps = policy.restart == "old_date" and case.status != "stuck"
    return (case.paid_until, case.anchor_day) if in_time or keeps else (day, day.day)


def _short(case: Case, policy: RenewalPolicy, day: date) -> tuple[str, int, date | None]:
    """Outcome, charge and the next day to look, where the credit does not cover the fee."""
    ahead = (case.paid_until - day).days
    if ahead > 0:
        again = max((days for days in policy.attempts_before_days if days < ahead), default=0)
        return "tried", 0, case.paid_until - timedelta(days=again)
    removal = day + timedelta(days=policy.removed_after_days) if policy.removed_after_days else None
    if policy.on_short_credit == "negative_once":
        return "negative", 0, removal
    if policy.on_short_credit == "courtesy":
        if case.late_days < len(policy.courtesy_minor):
            return "courtesy", policy.courtesy_minor[case.late_days], day + timedelta(days=1)
        return "blocked" if policy.after_courtesy == "block" else "asleep", 0, removal
    return "asleep", 0, removal


def effective_on(from_on: date, told_on: date, notice_days: int) -> date:
    """The day from which a change counts for those who were told on `told_on`: never before their notice is over."""
    return max(from_on, told_on + timedelta(days=notice_days))
