"""What the rows of automatic renewals do when they are looked at. Each step may run twice and be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from lineaviva.keeper.orders.models import OrderState
from lineaviva.keeper.payments.saving import payment_charge
from lineaviva.keeper.reminders.ports import channel
from lineaviva.keeper.renewals import rules, running
from lineaviva.keeper.renewals.models import AutoMessage, AutoRenewal, AutoRun
from lineaviva.keeper.renewals.queries import charge_of, charge_on
from lineaviva.keeper.renewals.texts import message_of
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict

State = AutoRun.State


@agenda.handler(AutoRenewal, states=(AutoRenewal.State.ON,))
def auto_look(row: AutoRenewal, now: datetime) -> agenda.Outcome:
    """Each morning: is there a run for the line's next date?"""
    return agenda.settle(partial(_auto_looked_at, now=now))


def _auto_looked_at(row: AutoRenewal, now: datetime) -> agenda.Outcome:
    # Stopped since it was claimed.
    return running.plan_next(row, now) if row.state == AutoRenewal.State.ON else agenda.rest()


@agenda.handler(AutoRun, states=(State.PLANNED, State.ANNOUNCED))
def run_look(row: AutoRun, now: datetime) -> agenda.Outcome:
    """The day of the notice, or of the charge."""
    step = running.announce if row.state == State.PLANNED else running.order
    return agenda.settle(partial(_if_still, seen=row.state, then=step, now=now))


def _if_still(
    row: AutoRun, seen: str, then: Callable[[AutoRun, datetime], agenda.Outcome], now: datetime
) -> agenda.Outcome:
    """Nothing where somebody was faster: it was stopped, or changed and is to be looked at anew."""
    if row.state != seen:
        return agenda.rest() if row.state in rules.ENDED else agenda.again(now)
    return then(row, now)


@agenda.handler(AutoRun, states=(State.CHARGING,), lease=timedelta(seconds=60), outside=True)
def run_charge(row: AutoRun, now: datetime) -> agenda.Outcome:
    """Charge what is ordered, once for each try; then see what becomes of it."""
    step: Callable[[AutoRun, datetime], agenda.Outcome] = running.follow
    order, on = row.order, row.auto.state == AutoRenewal.State.ON
    if order is not None and order.state == OrderState.PLACED and on and charge_of(row) is None:
        if order.total_minor > row.auto.ceiling_minor:  # its holder allows less since it was ordered
            return agenda.settle(partial(_if_still, seen=row.state, then=running.too_dear, now=now))
        try:
            payment_charge(order=order, method=row.auto.method, now=now)
        except Conflict as refusal:
            step = partial(running.not_charged, refusal=refusal)
    return agenda.settle(partial(_if_still, seen=row.state, then=step, now=now))


# A message takes up to eight answers of the SMTP server, as reminders do.
@agenda.handler(AutoMessage, states=(AutoMessage.State.OPEN,), lease=timedelta(minutes=3), outside=True)
def message_send(row: AutoMessage, now: datetime) -> agenda.Outcome:
    """Send it, if it is still true. Killed after it, it goes again under one id."""
    send = _still_true(row, now)
    if send:
        channel(row.channel).send(message_of(row, now))
    return agenda.settle(partial(_message_done, sent=send, now=now))


def _still_true(row: AutoMessage, now: datetime) -> bool:
    """A notice or a next day that was overtaken, and a wish to be paid for what is paid, would only confuse."""
    run = row.run
    if row.kind == AutoMessage.Kind.NOTICE:
        return run.state == State.ANNOUNCED and run.notices == row.number and charge_on(run, now) is not None
    if row.kind == AutoMessage.Kind.LATE:
        return run.state == State.CHARGING and run.reason == row.facts["reason"]
    if row.kind == AutoMessage.Kind.ASKS:
        return run.order is not None and run.order.state == OrderState.PLACED
    if row.kind == AutoMessage.Kind.AGAIN:
        return run.state == State.ANNOUNCED and run.charge_on.isoformat() == row.facts["charge_on"]
    return True


def _message_done(row: AutoMessage, sent: bool, now: datetime) -> agenda.Outcome:
    if sent and row.kind == AutoMessage.Kind.NOTICE:
        run = agenda.locked(AutoRun, row.run_id)
        if run.told_at is None and run.notices == row.number:
            run.told_at = now
            run.save(update_fields=["told_at"])
    state = AutoMessage.State.SENT if sent else AutoMessage.State.VOID
    return agenda.rest(state=state, sent_at=now if sent else None)
