"""What an automatic renewal does by itself. Each step looks at everything again: the holder may have renewed, changed
or stopped it a minute ago. Called inside a transaction, with the row locked.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import require_right
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.errors import LimitReached
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.errors import LineBeingRenewed, VelocityReached
from lineaviva.keeper.payments.models import AttemptState, SavedMethod
from lineaviva.keeper.payments.rules import CARD_LIMIT
from lineaviva.keeper.reminders.rules import nine
from lineaviva.keeper.renewals import rules
from lineaviva.keeper.renewals.actions import auto_stop, line_told, move, note, runs_locked
from lineaviva.keeper.renewals.models import AutoEvent, AutoMessage, AutoRenewal, AutoRun
from lineaviva.keeper.renewals.queries import Buy, Deadline, charge_of, deadline_of, is_being_renewed, what_to_buy
from lineaviva.keeper.renewals.saying import say, told_of
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, LineavivaError, NotFound
from lineaviva.kernel.money import Money

State, Event, Say = AutoRun.State, AutoEvent.Kind, AutoMessage.Kind
_SOON, _LATER = timedelta(minutes=1), timedelta(hours=1)
# A payer who watches no page hears after this long that the bank, or the operator, has not answered.
_LATE = timedelta(hours=6)


# --- planning -------------------------------------------------------------------------------------------------------


def plan_next(auto: AutoRenewal, now: datetime) -> agenda.Outcome:
    """Each morning: the run for the line's present date is there, and those for dates that are gone are not."""
    today = rome_date(now)
    line, payer = Line.objects.get(pk=auto.line_id), User.objects.get(pk=auto.payer_id)
    if (gone := _no_longer(line, payer)) is not None:
        auto_stop(auto=auto, by=None, reason=gone, now=now)
        return agenda.rest()
    found = deadline_of(auto, line, today)
    for run in runs_locked(auto, State.PLANNED, State.ANNOUNCED):
        if run.deadline_on >= today and (found is None or run.deadline_on != found.on):
            leave_out(run, "date_moved", now, quiet=True)
    if found is not None and not auto.runs.filter(state=State.CHARGING).exists():
        _plan(auto, found, today, now)
    return agenda.again(nine(today + timedelta(days=1)) if nine(today) <= now else nine(today))


def _no_longer(line: Line, payer: User) -> str | None:
    """Why nothing may be charged for the line any more, on whose list it was or who may not pay for it now."""
    if line.removed_at is not None:
        return "line_removed"
    try:
        require_right(line, payer, right="pay")
    except NotFound:
        return "no_right"
    return None if payer.is_active else "account_off"


def _plan(auto: AutoRenewal, found: Deadline, today: date, now: datetime) -> None:
    run = auto.runs.select_for_update().filter(deadline_on=found.on).first()
    again = run is not None and run.state == State.SKIPPED and run.reason == "date_moved"
    if run is not None and run.state != State.PLANNED and not again:
        return
    plan = rules.plan(deadline=found.on, lead_days=auto.lead_days, today=today, urgent=found.urgent)
    days = plan or rules.Plan(today, today, found.on)
    at = nine(days.notice_on)
    dates = {"notice_on": days.notice_on, "charge_on": days.charge_on, "look_at": at, "deadline": found.kind}
    if run is None:
        run = auto.runs.create(deadline_on=found.on, currency=auto.currency, created_at=now, **dates)
    elif again:
        move(run, State.PLANNED, now, reason="", finished_at=None, told_at=None, **dates)
    else:
        for name, value in dates.items():
            setattr(run, name, value)
        run.save(update_fields=list(dates))
    if plan is None:
        leave_out(run, "too_late", now)
    else:
        line_told(auto)


# --- the notice -----------------------------------------------------------------------------------------------------


def announce(run: AutoRun, now: datetime) -> agenda.Outcome:
    """A planned run's day has come: say what will be charged and when, or why nothing will be."""
    auto, line, today = run.auto, Line.objects.get(pk=run.auto.line_id), rome_date(now)
    found = deadline_of(auto, line, today)
    if auto.state != AutoRenewal.State.ON:
        return _ended(move(run, State.STOPPED, now))
    if today > run.deadline_on:
        return _ended(leave_out(run, "too_late", now))
    if found is None or found.on != run.deadline_on:
        return _ended(leave_out(run, "date_moved", now, quiet=True))
    plan = rules.plan(deadline=found.on, lead_days=auto.lead_days, today=today, urgent=found.urgent)
    if plan is None:
        return _ended(leave_out(run, "too_late", now))
    if nine(plan.notice_on) > now:
        return agenda.again(nine(plan.notice_on), notice_on=plan.notice_on, charge_on=plan.charge_on)
    bought = what_to_buy(auto, line, now, kind=found.kind)
    if (why := _why_not(auto, bought)) or bought is None:
        return _ended(leave_out(run, why or "nothing_to_buy", now, amount=bought.price if bought else None))
    move(
        run,
        State.ANNOUNCED,
        now,
        offering=bought.offering,
        amount_minor=bought.price.minor,
        notices=run.notices + 1,
        told_at=None,
        notice_on=plan.notice_on,
        charge_on=plan.charge_on,
        first_charge_on=None,
        tried=0,
    )
    note(auto, Event.ANNOUNCED, now, run=run, amount=str(bought.price), charge_on=plan.charge_on.isoformat())
    say(run, Say.NOTICE, now)
    return agenda.again(nine(plan.charge_on))


def _why_not(auto: AutoRenewal, bought: Buy | None) -> str:
    """Why a renewal that could be bought is not charged; "" where it is."""
    if bought is None:
        return "nothing_to_buy"
    if SavedMethod.objects.get(pk=auto.method_id).state != SavedMethod.State.ACTIVE:
        return "card"
    due = rules.due(price=bought.price, ceiling=Money(auto.ceiling_minor, auto.currency))
    return "" if due.allowed else "over_ceiling"


# --- the charge -----------------------------------------------------------------------------------------------------


def order(run: AutoRun, now: datetime) -> agenda.Outcome:
    """The day of the charge: order what was announced, for what was announced at most."""
    auto, line, today = run.auto, Line.objects.get(pk=run.auto.line_id), rome_date(now)
    found = deadline_of(auto, line, today)
    if auto.state != AutoRenewal.State.ON:
        return _ended(move(run, State.STOPPED, now))
    if today > run.deadline_on:
        return _ended(fail(run, run.reason or ("given_up" if run.told_at else "not_told"), now))
    if found is None or found.on != run.deadline_on:
        return _ended(leave_out(run, "date_moved", now, quiet=True))
    if run.told_at is None:
        return agenda.again(now + _LATER)
    day = rules.charge_day(run.charge_on, told_on=rome_date(run.told_at), deadline=run.deadline_on)
    if day is None:
        return _ended(fail(run, "not_told", now))
    if nine(day) > now:
        return agenda.again(nine(day), charge_on=day)
    return _order_now(run, line, found.kind, now)


def _order_now(run: AutoRun, line: Line, kind: str, now: datetime) -> agenda.Outcome:
    auto, payer = run.auto, User.objects.get(pk=run.auto.payer_id)
    # Somebody pays for it, and what comes of that decides; or it may not be charged any more, and the morning stops it.
    if is_being_renewed(line) or _no_longer(line, payer):
        return agenda.again(now + _LATER)
    bought = what_to_buy(auto, line, now, kind=kind)
    if bought is not None and bought.price.minor > (run.amount_minor or 0):
        return _anew(run, now)
    if (why := _why_not(auto, bought)) or bought is None:
        return _ended(leave_out(run, why or "nothing_to_buy", now, amount=bought.price if bought else None))
    try:
        quote = quote_make(line=line, offering=bought.offering, by=payer, now=now)
        if quote.total_minor > (run.amount_minor or 0):
            return _anew(run, now)
        placed = order_place(quote=quote, by=payer, language=payer.language, now=now)
    except LimitReached as refusal:
        return _ended(fail(run, "limit", now)) if refusal.reached.until is None else agenda.again(refusal.reached.until)
    except LineavivaError:
        return _ended(fail(run, "refused", now))
    move(
        run,
        State.CHARGING,
        now,
        order=placed,
        reason="",
        attempts_before=placed.attempts.count(),
        first_charge_on=run.first_charge_on or rome_date(now),
    )
    amount = str(Money(placed.total_minor, placed.currency))
    note(auto, Event.CHARGING, now, run=run, amount=amount, order=placed.code)
    return agenda.again(now)


def _anew(run: AutoRun, now: datetime) -> agenda.Outcome:
    """It costs more than was announced: two days' notice again, or nothing."""
    move(run, State.PLANNED, now, told_at=None)
    return agenda.again(now)


# --- after the charge -----------------------------------------------------------------------------------------------


def follow(run: AutoRun, now: datetime) -> agenda.Outcome:
    """What became of the order and of its charge."""
    placed = ProductOrder.objects.get(auto_runs=run)
    if placed.state == OrderState.ACTIVE:
        return _ended(_renewed(run, placed, now))
    if placed.state == OrderState.PAID:
        return _unanswered(run, "unfinished", placed.paid_at, now)
    if placed.state in {OrderState.FAILED, OrderState.REFUNDED}:
        return _ended(fail(run, "paid_back" if placed.reason == CARD_LIMIT else "not_activated", now))
    stopped = run.auto.state != AutoRenewal.State.ON
    if placed.state == OrderState.CANCELLED:
        return _ended(leave_out(run, "stopped" if stopped else "cancelled", now, quiet=True))
    charge = charge_of(run)
    if charge is None and placed.state == OrderState.PLACED:
        return _ended(leave_out(run, "stopped", now, quiet=True)) if stopped else agenda.again(now + _SOON)
    if charge is not None and charge.state == AttemptState.OPEN:
        return _unanswered(run, "unanswered", charge.created_at, now)
    return _refused(run, placed, charge.reason if charge else "given_up", now)


def not_charged(run: AutoRun, now: datetime, *, refusal: Conflict) -> agenda.Outcome:
    """Our own rules refused the charge before it was begun: what becomes of the run."""
    if refusal.code == "method_unusable":
        return _ended(leave_out(run, "card", now))
    if refusal.code == "method_disputed":
        return _ended(fail(run, "method_disputed", now))
    if isinstance(refusal, VelocityReached) and refusal.until is None:
        return _ended(fail(run, "card_limit", now))
    if isinstance(refusal, VelocityReached | LineBeingRenewed):
        move(run, State.ANNOUNCED, now)
        return agenda.again(getattr(refusal, "until", now + _LATER))
    return follow(run, now)


def too_dear(run: AutoRun, now: datetime) -> agenda.Outcome:
    """What is ordered costs more than its holder allows by now, and is not charged."""
    return _ended(leave_out(run, "over_ceiling", now, amount=told_of(run)))


def _unanswered(run: AutoRun, reason: str, since: datetime | None, now: datetime) -> agenda.Outcome:
    """Look again soon; who pays hears once that it takes long, since nobody knows how long."""
    if since is not None and since + _LATE <= now and run.reason != reason:
        run.reason = reason
        run.save(update_fields=["reason"])
        say(run, Say.LATE, now)
    return agenda.again(now + _SOON)


def _renewed(run: AutoRun, placed: ProductOrder, now: datetime) -> AutoRun:
    move(run, State.DONE, now, reason="")
    note(run.auto, Event.RENEWED, now, run=run, order=placed.code)
    say(run, Say.RENEWED, now)
    return run


def _refused(run: AutoRun, placed: ProductOrder, reason: str, now: datetime) -> agenda.Outcome:
    """The bank refused: its holder is asked for, or for another card; else it is tried again on a day that makes sense.

    Where there is no such day it is over.
    """
    if reason == "not_confirmed" and placed.state == OrderState.PLACED:
        if run.reason != reason:
            run.reason = reason
            run.save(update_fields=["reason"])
            line_told(run.auto)
            note(run.auto, Event.REFUSED, now, run=run, reason=reason)
            say(run, Say.ASKS, now)
        return agenda.again(now + _LATER)
    if SavedMethod.objects.get(autos=run.auto_id).state != SavedMethod.State.ACTIVE:
        return _ended(leave_out(run, "card", now))
    today, first = rome_date(now), run.first_charge_on or rome_date(now)
    over = reason == "not_confirmed" or run.auto.state != AutoRenewal.State.ON
    day = None if over else rules.next_retry(first, run.deadline_on, today=today)
    if day is None:
        return _ended(fail(run, reason, now))
    note(run.auto, Event.REFUSED, now, run=run, reason=reason, again_on=day.isoformat())
    move(run, State.ANNOUNCED, now, tried=run.tried + 1, charge_on=day, reason=reason)
    say(run, Say.AGAIN, now)
    return agenda.again(nine(day))


# --- ends and words -------------------------------------------------------------------------------------------------


def leave_out(run: AutoRun, reason: str, now: datetime, *, quiet: bool = False, amount: Money | None = None) -> AutoRun:
    """Nothing is charged for this date, and its holder hears why, unless they did it themselves (`quiet`)."""
    move(run, State.SKIPPED, now, reason=reason)
    note(run.auto, Event.SKIPPED, now, run=run, reason=reason)
    if not quiet:
        say(run, Say.SKIPPED, now, amount=amount)
    return run


def fail(run: AutoRun, reason: str, now: datetime) -> AutoRun:
    """It was not renewed. That switches nothing off, and its holder is warned on every channel."""
    move(run, State.FAILED, now, reason=reason)
    note(run.auto, Event.FAILED, now, run=run, reason=reason)
    say(run, Say.FAILED, now)
    return run


def _ended(_run: AutoRun) -> agenda.Outcome:
    return agenda.rest()
