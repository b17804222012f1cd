"""What waits for a listener is sent; what was sent long ago is swept."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lineaviva.carrier.hub import rules
from lineaviva.carrier.hub.actions import deliveries_sweep, listener_failed, listener_well
from lineaviva.carrier.hub.models import DeliveryState, EventDelivery, Listener
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Permanent

if TYPE_CHECKING:
    from lineaviva.carrier.hub.courier import Answer

# A call takes up to courier.WHOLE, and finding the host's address as long as the resolver likes.
_LEASE = timedelta(minutes=2)


@agenda.handler(EventDelivery, states=(DeliveryState.WAITING,), lease=_LEASE, outside=True)
def delivery_send(row: EventDelivery, now: datetime) -> agenda.Outcome:
    """Tell the listener, unless it is left alone at present. Told twice at worst: its `eventId` is the same."""
    listener = Listener.objects.select_related("client").filter(pk=row.listener_id).first()
    if listener is None or listener.disabled_at or listener.client.disabled_at:
        return agenda.rest(state=DeliveryState.GIVEN_UP)
    if listener.quiet_until and listener.quiet_until > now:
        return agenda.again(listener.quiet_until)
    answer = _tell(listener, row, now)
    if not answer.told:
        return _not_told(row, answer, now)
    if listener.failures_in_a_row:
        listener_well(listener_id=listener.pk)
    return agenda.rest(state=DeliveryState.DELIVERED, tries=row.tries + 1, answer=answer.text)


def _tell(listener: Listener, row: EventDelivery, now: datetime) -> Answer:
    # Every process of the carrier reads this module when it starts, and few of them ever call anybody.
    from lineaviva.carrier.hub import courier

    body = json.dumps(row.body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Lineaviva-Hub/1",
        "X-Signature": rules.signature(listener.secret, body, int(now.timestamp())),
    }
    return courier.post(listener.callback, body, headers)


def _not_told(row: EventDelivery, answer: Answer, now: datetime) -> agenda.Outcome:
    listener = listener_failed(listener_id=row.listener_id, why=answer.text, gone=answer.gone, now=now)
    changes = {"tries": row.tries + 1, "answer": answer.text}
    if listener is None or listener.disabled_at:
        if listener and listener.disabled_at == now and not answer.gone:
            # The one delivery of it that somebody is shown.
            raise Permanent(f"listener {listener.pk} was disabled: {listener.disabled_reason}")
        return agenda.rest(state=DeliveryState.GIVEN_UP, **changes)
    if row.tries >= len(rules.WAITS):
        raise Permanent(f"not delivered in {row.tries + 1} tries: {answer.text}")
    # Behind what waited meanwhile: an event that is never taken must not hold up those that would be.
    last = (listener.quiet_until or now) + timedelta(seconds=1)
    return agenda.again(max(now + rules.WAITS[row.tries], last), **changes)


@agenda.handler(Listener)
def listener_tidy(row: Listener, now: datetime) -> agenda.Outcome:
    """Once a day, as long as there is anything to sweep."""
    if deliveries_sweep(listener=row, now=now):
        return agenda.again(now)
    if row.disabled_at and not row.deliveries.exists():
        return agenda.rest()
    return agenda.again(now + timedelta(days=1))
