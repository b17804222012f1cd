"""From a paid order to the operator's answer. Each step may run twice and be killed anywhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from lineaviva.keeper.activation import rules
from lineaviva.keeper.activation.actions import (
    activation_begin,
    activation_fail,
    activation_sending,
    activation_succeed,
    activation_unsent,
)
from lineaviva.keeper.activation.models import Activation, ActivationState
from lineaviva.keeper.activation.ports import Gateway, Result, gateway, gateway_for
from lineaviva.keeper.activation.queries import request_of
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import NeedsPerson, Temporary

# Twice what a gateway's time-outs add up to, reading back included.
_LEASE = timedelta(seconds=90)
_OPEN = (ActivationState.WAITING, ActivationState.SENT, ActivationState.UNKNOWN)


@agenda.handler(ProductOrder, states=(OrderState.PAID,))
def order_look(row: ProductOrder, now: datetime) -> agenda.Outcome:
    """Give a paid order its activation, which is due at once."""
    return agenda.settle(partial(_begin, now=now))


def _begin(order: ProductOrder, *, now: datetime) -> agenda.Outcome:
    activation_begin(order=order, now=now)
    return agenda.rest()


@agenda.handler(Activation, states=_OPEN, lease=_LEASE, outside=True)
def activation_look(row: Activation, now: datetime) -> agenda.Outcome:
    """Send what waits; ask about what was sent."""
    row.order = ProductOrder.objects.select_related("line", "offering", "quote").get(pk=row.order_id)
    way = _gateway(row)
    return _send(row, way, now) if row.state == ActivationState.WAITING else _ask(row, way, now)


def _gateway(row: Activation) -> Gateway:
    """The gateway it was sent by, else the one that reaches its operator."""
    operator = row.order.line.operator
    way = gateway(row.gateway) if row.gateway and row.state != ActivationState.WAITING else gateway_for(operator)
    if way is None or not way.serves(operator):
        raise NeedsPerson(f"No gateway reaches {operator}; order {row.order.code} should not have been sold.")
    return way


def _send(row: Activation, way: Gateway, now: datetime) -> agenda.Outcome:
    bucket = f"gateway:{way.name}:{row.order.line.operator}"
    wait = agenda.limits.take(bucket, per_minute=way.per_minute, burst=way.burst, now=now)
    if wait:
        return agenda.again(now + wait)
    if not activation_sending(activation=row, gateway=way.name, now=now):
        return agenda.rest()
    try:
        result = way.perform(request_of(row))
    except NeedsPerson:
        activation_unsent(activation=row)
        raise
    except Temporary as away:
        activation_unsent(activation=row)
        raise rules.patient(away, way.name, now - row.created_at) from away
    return agenda.settle(partial(_write, result=result, idempotent=way.idempotent, asked=0, now=now))


def _ask(row: Activation, way: Gateway, now: datetime) -> agenda.Outcome:
    try:
        result = way.look(request_of(row))
    except Temporary as trouble:
        result = Result("unknown", reason=trouble.reason)
    if _next(row, result, idempotent=way.idempotent, asked=row.asked, now=now).act == "send":
        return _send(row, way, now)
    return agenda.settle(partial(_write, result=result, idempotent=way.idempotent, asked=row.asked + 1, now=now))


def _next(row: Activation, result: Result, *, idempotent: bool, asked: int, now: datetime) -> rules.Next:
    since_sent = now - row.sent_at if row.sent_at else timedelta(0)
    return rules.after_answer(result.state, asked=asked, sends=row.sends, since_sent=since_sent, idempotent=idempotent)


def _write(row: Activation, *, result: Result, idempotent: bool, asked: int, now: datetime) -> agenda.Outcome:
    """Write the answer, in the agenda's transaction. `asked` counts this answer too where it was one."""
    step = _next(row, result, idempotent=idempotent, asked=asked, now=now)
    match step.act:
        case "succeed":
            activation_succeed(activation=row, result=result, now=now)
            return agenda.rest()
        case "fail":
            activation_fail(activation=row, result=result, now=now)
            return agenda.rest()
        case "hand_over":
            raise NeedsPerson(rules.handed_over(result.state, reference=row.reference, sends=row.sends))
        case "ask" | "send":
            reason = result.reason[:200]
            return agenda.again(now + step.wait, state=ActivationState.UNKNOWN, asked=asked, reason=reason)
