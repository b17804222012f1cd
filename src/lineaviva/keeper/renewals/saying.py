"""Messages about a run are rows, one for each channel: written in the transaction of what happened, sent afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Max

from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt
from lineaviva.keeper.reminders.ports import sending_channels
from lineaviva.keeper.renewals.models import AutoRenewal, AutoRun
from lineaviva.keeper.renewals.queries import charge_of
from lineaviva.kernel import agenda
from lineaviva.kernel.money import Money


def say(run: AutoRun, kind: str, now: datetime, *, amount: Money | None = None, **more: Any) -> None:
    """A message on every channel, with what is true now. `amount`: what it would cost, where nothing is charged."""
    told = amount or told_of(run)
    charge = charge_of(run) if run.order_id else None
    facts = {
        "by_card": charge is not None and charge.state == AttemptState.SUCCEEDED,
        "card": _card(run, charge),
        "on": run.auto.state == AutoRenewal.State.ON,
        "reason": run.reason,
        "amount_minor": told.minor if told else None,
        "currency": told.currency if told else run.currency,
        "charge_on": run.charge_on.isoformat(),
        "deadline_on": run.deadline_on.isoformat(),
        "order": run.order.code if run.order else "",
        **more,
    }
    before = run.messages.filter(kind=kind).aggregate(most=Max("number"))["most"] or 0
    for channel in sending_channels():
        made = run.messages.create(kind=kind, number=before + 1, channel=channel, created_at=now, facts=facts)
        agenda.wake(made, now)


def _card(run: AutoRun, charge: PaymentAttempt | None) -> str:
    """What was charged; before there is a charge, what would be. Its payer may choose another one at any time."""
    method = charge.saved if charge is not None and charge.saved is not None else run.auto.method
    return method.shown


def told_of(run: AutoRun) -> Money | None:
    """What the order costs; before there is one, what was announced."""
    if run.order is not None and run.state in {AutoRun.State.CHARGING, AutoRun.State.DONE}:
        return Money(run.order.total_minor, run.order.currency)
    return None if run.amount_minor is None else Money(run.amount_minor, run.currency)
