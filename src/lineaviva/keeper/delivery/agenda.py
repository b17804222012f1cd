"""From a paid order to a profile on the phone. Each step may run twice and be killed anywhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings

from lineaviva.keeper.activation.models import Activation, ActivationState
from lineaviva.keeper.activation.rules import ask_again, patient
from lineaviva.keeper.delivery import moves, queries, rules
from lineaviva.keeper.delivery.actions import (
    delivery_begin,
    delivery_give_up,
    delivery_sending,
    delivery_unsent,
    seen_record,
)
from lineaviva.keeper.delivery.mail import message
from lineaviva.keeper.delivery.models import Delivery, DeliveryMail, DeliveryState, EventKind, MailKind
from lineaviva.keeper.delivery.ports import (
    Ordered,
    ProfileGateway,
    ProfileRequest,
    Released,
    Seen,
    gateway,
    gateway_for,
)
from lineaviva.keeper.delivery.rules import Event
from lineaviva.keeper.delivery.sealing import seal
from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.reminders.ports import channel
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary, Unknown

# Twice what a gateway's time-outs add up to.
_LEASE = timedelta(seconds=90)
_MOST_SENDS = 5


# --- the order that waits -------------------------------------------------------------------------------------------


@agenda.handler(Activation, states=(ActivationState.HELD,))
def held_look(row: Activation, now: datetime) -> agenda.Outcome:
    """Have a profile ordered. Credit goes on at once, a plan when it is installed or the time limit is over."""
    order = ProductOrder.objects.select_related("line", "offering").get(pk=row.order_id)
    # In a transaction of its own: it locks the line, which is never locked after an activation that is held.
    delivery_begin(order=order, now=now)
    return agenda.settle(partial(_held, order=order, now=now))


def _held(row: Activation, *, order: ProductOrder, now: datetime) -> agenda.Outcome:
    if row.state != ActivationState.HELD:  # and whoever let it go on has woken it
        return agenda.rest()
    until = _held_until(order, now)
    return agenda.again(now, state=ActivationState.WAITING) if until <= now else agenda.again(until)


def _held_until(order: ProductOrder, now: datetime) -> datetime:
    found = queries.delivery_of(order)
    if order.offering.kind == "topup" or order.paid_at is None:
        return now
    if found is not None and found.state == DeliveryState.INSTALLED:
        return now
    dates = line_deadlines(order.line, rome_date(now))
    return rules.hold_until(order.paid_at, dates.next_on, settings.ESIM_WAIT_HOURS)


@agenda.handler(Activation, states=(ActivationState.FAILED,))
def failed_look(row: Activation, now: datetime) -> agenda.Outcome:
    """The operator refused an order that came with a profile."""
    return agenda.settle(partial(_give_up, now=now))


def _give_up(row: Activation, *, now: datetime) -> agenda.Outcome:
    delivery_give_up(order=row.order, now=now)
    return agenda.rest()


# --- ordering and releasing -----------------------------------------------------------------------------------------


@agenda.handler(Delivery, states=(DeliveryState.WAITING,), lease=_LEASE, outside=True)
def delivery_order(row: Delivery, now: datetime) -> agenda.Outcome:
    """Have a profile set aside. What may have been asked for already is asked again only where that is the same."""
    way = _gateway(row)
    return _find(row, way, now) if row.sends and not way.idempotent else _send(row, way, now)


def _gateway(row: Delivery) -> ProfileGateway:
    """The gateway it was sent by, else the one that reaches its operator."""
    way = _known_gateway(row.gateway) if row.gateway and row.sends else gateway_for(row.operator)
    if way is None or not way.serves(row.operator):
        raise NeedsPerson(f"No gateway reaches the eSIM profiles of {row.operator}; profile {row.code} cannot be had.")
    return way


def _known_gateway(name: str) -> ProfileGateway | None:
    """None for one that this installation had and has no more: another would know nothing of what was sent."""
    return gateway(name) if name in settings.PROFILE_GATEWAYS else None


def _request(row: Delivery) -> ProfileRequest:
    return ProfileRequest(reference=row.call_id, operator=row.operator, matching_id=queries.matching_id(row))


def _send(row: Delivery, way: ProfileGateway, now: datetime) -> agenda.Outcome:
    if not delivery_sending(delivery=row, gateway=way.name, now=now):
        return agenda.rest()
    try:
        ordered = way.order(_request(row))
    except Unknown:
        return _lost(row, now)
    except Permanent as refusal:
        return agenda.settle(partial(_refused, refusal=refusal, now=now))
    except Temporary as trouble:
        delivery_unsent(delivery=row)
        raise patient(trouble, way.name, now - row.created_at) from trouble
    return agenda.settle(partial(_ordered, ordered=ordered, now=now))


def _lost(row: Delivery, now: datetime) -> agenda.Outcome:
    wait = ask_again(row.asked)
    if wait is None:
        raise NeedsPerson(f"Nobody can say what became of {row.call_id}. Ask the operator whether it has a profile.")
    return agenda.again(now + wait, asked=row.asked + 1)


def _find(row: Delivery, way: ProfileGateway, now: datetime) -> agenda.Outcome:
    """The other side would take an order sent again for another one: what became of it has to be known first."""
    seen = way.look(_request(row), row.iccid)
    if seen is None:
        raise NeedsPerson(f"{way.name} cannot say what became of {row.call_id}. Look there whether it was ordered.")
    if seen.state == "none":
        since = now - row.sent_at if row.sent_at else rules.SEND_AGAIN_AFTER
        if since < rules.SEND_AGAIN_AFTER:
            return agenda.again(now + rules.SEND_AGAIN_AFTER - since)
        if row.sends >= _MOST_SENDS:
            raise NeedsPerson(f"{way.name} knows nothing of {row.call_id}, which was sent {row.sends} times.")
        return _send(row, way, now)
    if seen.state == "failed":
        return agenda.settle(partial(_refused, refusal=Permanent(seen.failure), now=now))
    found = Ordered(seen.iccid, seen.activation_code, seen.expires_at)
    return agenda.settle(partial(_ordered, ordered=found, now=now))


def _refused(row: Delivery, *, refusal: Permanent, now: datetime) -> agenda.Outcome:
    target = rules.after(row.state, Event.REFUSE)
    if target is None:
        return _overtaken(row, now)
    # The codes of SGP.22 say more than the sentences around them.
    failure = (refusal.code if "/" in refusal.code else refusal.reason)[:200]
    moves.note(row, EventKind.REFUSED, at=now, now=now, failure=failure)
    return agenda.rest(state=target, failure=failure, closed_at=now)


def _ordered(row: Delivery, *, ordered: Ordered, now: datetime) -> agenda.Outcome:
    target = rules.after(row.state, Event.ORDER)
    if target is None:  # withdrawn meanwhile: now it is known what there is to take back
        return _overtaken(row, now, iccid=row.iccid or ordered.iccid)
    moves.note(row, EventKind.ORDERED, at=now, now=now)
    changes = {"iccid": ordered.iccid, "ordered_at": now, "expires_at": ordered.expires_at, "failure": "", "asked": 0}
    if ordered.activation_code is None:
        return agenda.again(now, state=target, **changes)
    row.state = target
    at_once = _released(row, released=Released(ordered.activation_code, ordered.expires_at), now=now)
    return agenda.again(now, **{**changes, **at_once.changes})


@agenda.handler(Delivery, states=(DeliveryState.ORDERED,), lease=_LEASE, outside=True)
def delivery_release(row: Delivery, now: datetime) -> agenda.Outcome:
    """Let a phone have it. Asked twice, the other side gives the same answer."""
    way = _gateway(row)
    if not queries.matching_id(row) and not delivery_sending(delivery=row, gateway=way.name, now=now):
        return agenda.rest()
    try:
        released = way.release(_request(row), row.iccid)
    except Unknown:
        return _lost(row, now)
    except Temporary as trouble:
        raise patient(trouble, way.name, now - row.created_at) from trouble
    except Permanent as refusal:
        return agenda.settle(partial(_refused, refusal=refusal, now=now))
    return agenda.settle(partial(_released, released=released, now=now))


def _released(row: Delivery, *, released: Released, now: datetime) -> agenda.Outcome:
    target = rules.after(row.state, Event.RELEASE)
    if target is None:  # withdrawn meanwhile, or the phone was faster
        return _overtaken(row, now)
    moves.note(row, EventKind.RELEASED, at=now, now=now)
    moves.mail_write(row, MailKind.READY, now)
    # Written once, by the agenda: for a row that a transaction writes twice PostgreSQL looks at its line when it ends,
    # and whoever waits for this row may hold that.
    return agenda.again(
        now,
        state=target,
        sealed_code=seal(str(released.activation_code), queries.code_label(row)),
        released_at=now,
        expires_at=released.expires_at or row.expires_at,
        failure="",
        asked=0,
    )


def _overtaken(row: Delivery, now: datetime, **changes: str) -> agenda.Outcome:
    """Somebody moved it while this step was outside: the step of the state that it is in goes on."""
    goes_on = row.state in rules.OPEN or row.state == DeliveryState.WITHDRAWING
    return agenda.again(now, **changes) if goes_on else agenda.rest(**changes)


# --- waiting for the phone ------------------------------------------------------------------------------------------

_WITH_PHONE = (DeliveryState.RELEASED, DeliveryState.DOWNLOADED)


@agenda.handler(Delivery, states=_WITH_PHONE, lease=_LEASE, outside=True)
def phone_look(row: Delivery, now: datetime) -> agenda.Outcome:
    """Ask a server that does not tell by itself; remind its holder once; let it expire."""
    way = _known_gateway(row.gateway)
    poll = None if way is None or way.follows else _polled(row, way, now)
    return agenda.settle(partial(_wait, poll=poll, now=now))


def _polled(row: Delivery, way: ProfileGateway, now: datetime) -> datetime | None:
    """When to ask again; None where the other side cannot be asked. That it is away puts off nothing else."""
    try:
        seen = way.look(_request(row), row.iccid)
    except (Temporary, Unknown):
        seen = Seen("released")
    if seen is None:
        return None
    seen_record(delivery=row, seen=seen, now=now)
    return rules.next_poll(row.released_at or row.created_at, now)


def _wait(row: Delivery, *, poll: datetime | None, now: datetime) -> agenda.Outcome:
    if row.state not in _WITH_PHONE:
        return _overtaken(row, now)
    if row.state == DeliveryState.RELEASED and row.expires_at is not None and row.expires_at <= now:
        moves.note(row, EventKind.EXPIRED, at=row.expires_at, now=now)
        moves.mails_drop(row)
        return agenda.rest(state=DeliveryState.EXPIRED, closed_at=now)
    released_at = row.released_at or row.created_at
    reminded = row.mails.filter(kind=MailKind.REMINDER).exists()
    if row.state == DeliveryState.RELEASED and not reminded and released_at + rules.REMIND_AFTER <= now:
        moves.mail_write(row, MailKind.REMINDER, now)
        reminded = True
    at = rules.next_look(
        row.state, released_at=released_at, expires_at=row.expires_at, reminded=reminded, poll=poll, now=now
    )
    return agenda.again(at) if at is not None else agenda.rest()


# --- taking it back -------------------------------------------------------------------------------------------------


# One at a time: of one line there may be several, and whoever locks a line's profiles locks them in another order than
# a batch is written in.
@agenda.handler(Delivery, states=(DeliveryState.WITHDRAWING,), lease=_LEASE, outside=True, batch=1)
def delivery_withdraw(row: Delivery, now: datetime) -> agenda.Outcome:
    """Have the operator take it back; what is on a phone stays there, and the operator says so."""
    way = _gateway(row)
    try:
        if not row.iccid:
            return _what_is_there(row, way, now)
        answer = way.cancel(_request(row), row.iccid)
    except Unknown:
        return _lost(row, now)
    return agenda.settle(partial(_gone, answer=answer, now=now))


def _what_is_there(row: Delivery, way: ProfileGateway, now: datetime) -> agenda.Outcome:
    """It was withdrawn before the answer to its order was there: only the other side knows what it set aside."""
    if not way.idempotent:
        return _find_to_cancel(row, way, now)
    try:
        ordered = way.order(_request(row))
    except Permanent:
        return agenda.settle(partial(_gone, answer="nothing", now=now))
    return agenda.settle(partial(_ordered, ordered=ordered, now=now))


def _find_to_cancel(row: Delivery, way: ProfileGateway, now: datetime) -> agenda.Outcome:
    seen = way.look(_request(row), "")
    if seen is None:
        raise NeedsPerson(f"{way.name} cannot say what became of {row.call_id}. Take it back there, if it has it.")
    if seen.state == "none" or not seen.iccid:
        return agenda.settle(partial(_gone, answer="nothing", now=now))
    return agenda.settle(partial(_ordered, ordered=Ordered(seen.iccid), now=now))


def _gone(row: Delivery, *, answer: str, now: datetime) -> agenda.Outcome:
    target = rules.after(row.state, Event.GONE)
    if target is None:
        return _overtaken(row, now)
    moves.note(row, EventKind.WITHDRAWN, at=now, now=now, answer=answer)
    return agenda.rest(state=target, closed_at=now)


# --- messages -------------------------------------------------------------------------------------------------------


@agenda.handler(DeliveryMail, states=("open",), lease=timedelta(seconds=60), outside=True)
def mail_send(row: DeliveryMail, now: datetime) -> agenda.Outcome:
    """Sent at least once: a worker that dies between sending and writing sends it again, under the same Message-ID."""
    row.delivery = queries.deliveries().get(pk=row.delivery_id)
    if queries.activation_code(row.delivery) is None or not row.delivery.line.holder.is_active:
        return agenda.rest(state="dropped")
    channel("email").send(message(row))
    return agenda.rest(state="sent", sent_at=now)
