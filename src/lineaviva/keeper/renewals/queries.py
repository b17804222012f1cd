"""Reads of automatic renewals: which date is next, what would be bought for it, and what will happen by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q, QuerySet

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.catalogue.queries import best_promotion, cheapest_keepalive, offerings_for
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt
from lineaviva.keeper.renewals import errors, rules
from lineaviva.keeper.renewals.models import AutoRenewal, AutoRun
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.money import Money

# In which a top-up or a plan still keeps the line.
_SAVED = {"full_service", "receive_only"}


@dataclass(frozen=True, slots=True)
class Deadline:
    """The date that a renewal is for: `kind` limited, off, lost, or plan; `urgent`: the line works no more in full."""

    kind: str
    on: date
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Buy:
    """What a renewal would buy, and what that costs with the best promotion of now."""

    offering: Offering
    price: Money


def auto_of(line: Line) -> AutoRenewal | None:
    """The automatic renewal that is on for the line."""
    return AutoRenewal.objects.filter(line=line, state="on").select_related("line", "payer", "method").first()


def autos_for(user: User) -> QuerySet[AutoRenewal]:
    """Those that `user` pays for, or that are on lines they hold; those that are on first."""
    rows = AutoRenewal.objects.filter(Q(payer=user) | Q(line__holder=user))
    return rows.select_related("line", "payer", "method").order_by("-state", "-on_at", "-pk")


def auto_for(*, user: User, auto_id: int) -> AutoRenewal:
    """NotFound (auto_unknown) where `user` neither pays for it nor holds its line."""
    found = autos_for(user).filter(pk=auto_id).first()
    if found is None:
        raise errors.not_found()
    return found


def deadline_of(auto: AutoRenewal, line: Line, today: date) -> Deadline | None:
    """The next date of the line, or of its plan where that is what is renewed; None: not known, or past saving."""
    dates = line_deadlines(line, today)
    if dates.state not in _SAVED:
        return None
    own = None
    if dates.next_on is not None and dates.next_kind is not None:
        own = Deadline(dates.next_kind, dates.next_on, urgent=dates.state != "full_service")
    ends = line.plan_expires_on
    if auto.choice != AutoRenewal.Choice.PLAN or ends is None or ends < today:
        return own
    # A plan need not extend the line: where that ends first, or on the same day, it is the line that is in danger.
    return own if own is not None and own.on <= ends else Deadline("plan", ends)


def is_being_renewed(line: Line) -> bool:
    """Whether somebody is paying for the line at this moment, or has paid and waits for the operator."""
    if ProductOrder.objects.filter(line=line, state=OrderState.PAID).exists():
        return True
    paying = PaymentAttempt.objects.filter(order__line=line, order__state=OrderState.PLACED, state=AttemptState.OPEN)
    return paying.exists()


def charge_of(run: AutoRun) -> PaymentAttempt | None:
    """The charge of the present try, where it was begun."""
    mine = PaymentAttempt.objects.filter(order=run.order_id, number__gt=run.attempts_before, saved__isnull=False)
    return mine.order_by("number").first()


def charge_on(run: AutoRun, now: datetime) -> date | None:
    """The day of a run's next charge: two days after its message at the soonest. None: that is past its date."""
    told_on = rome_date(run.told_at or now)
    return rules.charge_day(run.charge_on, told_on=told_on, deadline=run.deadline_on)


def is_charging(auto: AutoRenewal) -> bool:
    """Whether this time's charge has begun and is not over: what stops it now stops the next one."""
    run = run_of(auto)
    if run is None or run.state != AutoRun.State.CHARGING or run.order is None:
        return False
    charge = charge_of(run)
    return run.order.state == OrderState.PAID or (charge is not None and charge.state == AttemptState.OPEN)


def what_to_buy(auto: AutoRenewal, line: Line, now: datetime, *, kind: str) -> Buy | None:
    """What would be bought now for a date of this `kind`; None where it is not on sale.

    The cheapest act that keeps the line, or its plan; for a date of the line itself only a plan that moves it.
    """
    plan = plan_again(line, now) if auto.choice == AutoRenewal.Choice.PLAN else None
    if kind == "plan" or (plan is not None and plan.offering.extends):
        return plan
    return keepalive(line, now)


def keepalive(line: Line, now: datetime) -> Buy | None:
    """The cheapest act that keeps the line and is on sale here."""
    act = cheapest_keepalive(line=line, now=now)
    return Buy(act.offering, act.total) if act is not None and act.offering.sellable else None


def plan_again(line: Line, now: datetime) -> Buy | None:
    """The line's plan, where it is on sale here under the name that the line has for it."""
    plans = [one for one in offerings_for(line.operator, now) if one.kind == Offering.Kind.PLAN and one.sellable]
    wanted = line.plan.casefold()
    found = next((one for one in plans if wanted in {one.name.casefold(), one.external_id.casefold()}), None)
    if found is None or found.price_minor is None:
        return None
    _terms, off = best_promotion(line=line, offering=found, now=now)
    return Buy(found, Money(found.price_minor - off, found.currency))


def run_of(auto: AutoRenewal) -> AutoRun | None:
    """The run that is to come or under way, the soonest first; else the one that ended last."""
    coming = auto.runs.exclude(state__in=rules.ENDED).order_by("deadline_on").first()
    return coming or auto.runs.order_by("-finished_at", "-pk").first()


@dataclass(frozen=True, slots=True)
class Next:
    """What will happen by itself. `run` None: nothing is planned, and `reason` (errors.REASONS) may say why.

    `too_dear`: it costs more than its holder allows, and as long as it does nothing is charged.
    """

    run: AutoRun | None
    steps: list[rules.Step]
    reason: str = ""
    too_dear: bool = False


def what_next(auto: AutoRenewal, now: datetime) -> Next:
    """The days and amounts that are still to come for an automatic renewal, as its page shows them.

    Before the notice the amount is what it would cost today.
    """
    run = run_of(auto)
    if run is None or auto.state != AutoRenewal.State.ON:
        return Next(None, [])
    if run.state in rules.ENDED:
        return Next(run, [], run.reason)
    bought = None if run.amount_minor is not None else what_to_buy(auto, auto.line, now, kind=run.deadline)
    told = None if run.amount_minor is None else Money(run.amount_minor, run.currency)
    amount = told or (bought.price if bought else None)
    too_dear = amount is not None and not rules.due(price=amount, ceiling=_ceiling(auto)).allowed
    return Next(run, _steps(run, amount, now), run.reason, too_dear)


def _ceiling(auto: AutoRenewal) -> Money:
    return Money(auto.ceiling_minor, auto.currency)


def _steps(run: AutoRun, amount: Money | None, now: datetime) -> list[rules.Step]:
    on = charge_on(run, now)
    return rules.steps(
        rules.Plan(run.notice_on, run.first_charge_on or on or run.charge_on, run.deadline_on),
        state=run.state,
        amount=amount,
        today=rome_date(now),
        charge_on=on,
        again=run.reason != "not_confirmed",
    )
