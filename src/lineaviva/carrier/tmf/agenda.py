"""What nights did to lines, told to those who listen to TMF637."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lineaviva.carrier.hub.actions import events_publish
from lineaviva.carrier.hub.models import Desk, LineNews
from lineaviva.carrier.hub.queries import listeners_to
from lineaviva.carrier.ledger.models import Event, Kind
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.kernel import agenda

if TYPE_CHECKING:
    from lineaviva.carrier.tmf.rest import Json

# One transaction each. What waits is looked for so often: a night does not ring at somebody's door for each batch.
AT_ONCE = 200
EVERY = timedelta(minutes=1)
_CHANGED, _STATE = "ProductAttributeValueChangeEvent", "ProductStateChangeEvent"
OF_PLAN = {
    **dict.fromkeys((Kind.RENEWED, Kind.NEGATIVE, Kind.COURTESY, Kind.TRIED), _CHANGED),
    **dict.fromkeys(
        (Kind.ASLEEP, Kind.BLOCKED, Kind.LIMITED, Kind.ENDED, Kind.REMOVED, Kind.WITHDRAWN),
        _STATE,
    ),
}
# A line that only receives is an active product still; its characteristic lineState says so.
OF_LINE = {Kind.RECEIVE_ONLY: _CHANGED, Kind.OFF: _STATE, Kind.FREED: _STATE}


@agenda.handler(Desk, lease=timedelta(minutes=2))
def news_tell(row: Desk, now: datetime) -> agenda.Outcome:
    return agenda.settle(lambda desk: _tell(desk, now))


def _tell(desk: Desk, now: datetime) -> agenda.Outcome:
    news = list(LineNews.objects.filter(operator=desk.operator).order_by("pk")[:AT_ONCE])
    if not news:
        heard = listeners_to(desk.operator, "inventory").exists()
        return agenda.again(now + EVERY) if heard else agenda.rest()
    events_publish(operator=desk.operator, api="inventory", events=_events(news), now=now)
    LineNews.objects.filter(pk__in=[one.pk for one in news]).delete()
    return agenda.again(now)


def _events(news: Sequence[LineNews]) -> Iterator[tuple[str, Json]]:
    """Each with its product as it is now."""
    # Here and not above: with the APIs comes all that serves them, which a command that only registers this step, such
    # as the night, would wait for.
    from lineaviva.carrier.tmf.lines import attach_lines
    from lineaviva.carrier.tmf.products import line_shown, plan_shown

    happened = {one.pk: one for one in Event.objects.filter(pk__in=[(one.subscription_id, one.number) for one in news])}
    events = [happened[one.subscription_id, one.number] for one in news]
    plans = {plan.pk: plan for plan in Plan.objects.filter(pk__in=[_plan(event) for event in events])}
    attach_lines(list(plans.values()))
    lines = Subscription.objects.in_bulk([event.subscription_id for event in events if event.kind in OF_LINE])
    for event in events:
        kind = Kind(event.kind)
        if kind in OF_PLAN:
            yield OF_PLAN[kind], plan_shown(plans[_plan(event)])
        elif kind in OF_LINE:
            yield OF_LINE[kind], line_shown(lines[event.subscription_id])


def _plan(event: Event) -> tuple[int, int]:
    return event.subscription_id, event.plan_number or 0
