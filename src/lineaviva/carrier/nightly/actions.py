"""What a top-up sets going by day, by the night's own rules and statements."""

from __future__ import annotations

from datetime import date, datetime

from lineaviva.carrier.nightly.batches import Job, Scene, apply_batch, cases_of
from lineaviva.carrier.nightly.rules import ASLEEP, waking_terms
from lineaviva.carrier.nightly.statements import WAKE
from lineaviva.carrier.nightly.sweeps import Offers, Row, plan_case, plan_row
from lineaviva.carrier.partitions import EVERY
from lineaviva.carrier.subscriptions.models import Plan, Subscription


def plans_wake(*, subscription: Subscription, today: date, now: datetime) -> list[Plan]:
    """Renew the line's plans that were not paid, oldest first, as far as its credit covers them; those it woke.

    The line is locked by the caller's transaction, and read anew when something was charged.
    """
    woken = []
    for plan in Plan.objects.filter(subscription_id=subscription.pk, paid_until__isnull=False).order_by("number"):
        if (plan.status in ASLEEP or (plan.status == "active" and plan.late_days)) and _wake(plan, today, now):
            woken.append(plan)
    if woken:
        subscription.refresh_from_db()
    return woken


def _wake(plan: Plan, today: date, now: datetime) -> bool:
    more = {"subscription": plan.subscription_id, "number": plan.number}
    scene = Scene(part=EVERY, day=today, at=now, origin="order", more=more)
    offers = Offers(EVERY, today)
    rows: list[Row] = []
    for case in map(plan_case, cases_of(scene, WAKE)):
        found = waking_terms(case, offers(case.operator, case.offering_id), day=today)
        rows += [plan_row(case, found)] if found else []
    return bool(rows and apply_batch(Job(scene, WAKE, rows)).outcomes)
