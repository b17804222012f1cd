"""Writes of listeners and of what they are to be told."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from lineaviva.carrier.hub import rules
from lineaviva.carrier.hub.models import DeliveryState, Desk, EventDelivery, LineNews, Listener
from lineaviva.carrier.hub.queries import listeners_to
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, NotFound

_SWEPT_EVERY = timedelta(days=1)
_SWEPT_AT_ONCE = 5_000


def listener_add(*, client_id: str, operator: str, api: str, callback: str, query: str, now: datetime) -> Listener:
    """A new listener, with a secret of its own.

    Raises InvalidInput (callback_invalid, query_invalid, event_type_unknown) and Conflict (listener_exists,
    listeners_too_many).
    """
    rules.place(callback, sandbox=settings.SANDBOX)
    rules.query_checked(query, api)
    ours = Listener.objects.filter(client_id=client_id, api=api, disabled_at=None)
    if ours.count() >= rules.MOST_LISTENERS:
        raise Conflict(f"A client has up to {rules.MOST_LISTENERS} listeners.", code="listeners_too_many")
    same = hashlib.sha256(f"{callback}\n{query}".encode()).hexdigest()
    try:
        with transaction.atomic():
            if api == "inventory":
                _desk_open(operator, now)
            return Listener.objects.create(
                client_id=client_id,
                operator=operator,
                api=api,
                callback=callback,
                query=query,
                same=same,
                secret=secrets.token_urlsafe(32),
                created_at=now,
                look_at=now + _SWEPT_EVERY,
            )
    except IntegrityError:
        known = ours.filter(same=same).values_list("pk", flat=True).first()
        raise Conflict(f"Listener {known or 'there'} hears of this already.", code="listener_exists") from None


def listener_remove(*, client_id: str, api: str, listener_id: int) -> None:
    """The listener hears of nothing more, not even of what waits for it. Raises NotFound for another client's."""
    gone, _ = Listener.objects.filter(client_id=client_id, api=api, pk=listener_id).delete()
    if not gone:
        raise NotFound("There is no such listener.")


def _desk_open(operator: str, now: datetime) -> None:
    desk, _ = Desk.objects.get_or_create(operator=operator)
    if agenda.locked(Desk, desk.pk).look_at is None:
        # What came in while nobody listened is no news.
        LineNews.objects.filter(operator=operator).delete()
        agenda.wake(desk, now)


def event_publish(*, operator: str, api: str, event_type: str, resource: Mapping[str, Any], now: datetime) -> int:
    """Write the event for each listener that wants it; call it in the transaction that made it happen.

    `resource` is as the API shows it. Returns how many will be told; where nobody listens it costs one read.
    """
    _check(api, event_type)
    return events_publish(operator=operator, api=api, events=[(event_type, resource)], now=now)


def events_publish(*, operator: str, api: str, events: Iterable[tuple[str, Mapping[str, Any]]], now: datetime) -> int:
    """The same for many events, each its type and its resource; they are not even made where nobody listens."""
    listeners = list(listeners_to(operator, api).only("query").order_by("pk"))
    if not listeners:
        return 0
    bodies = [_body(api, event_type, resource, now) for event_type, resource in events]
    told = [
        EventDelivery(listener=listener, body=body, created_at=now, look_at=now)
        for body in bodies
        for listener in listeners
        if rules.wants(listener.query, body)
    ]
    EventDelivery.objects.bulk_create(told, batch_size=500)
    if told:
        agenda.announce()
    return len(told)


def _body(api: str, event_type: str, resource: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    _check(api, event_type)
    return {
        "eventId": str(uuid.uuid4()),
        "eventTime": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventType": event_type,
        "event": {rules.resource_name(event_type): resource},
    }


def _check(api: str, event_type: str) -> None:
    if event_type not in rules.EVENTS[api]:
        raise ValueError(f"{event_type} is no event of {api}")


@transaction.atomic
def listener_failed(*, listener_id: int, why: str, gone: bool, now: datetime) -> Listener | None:
    """Leave the listener alone for a while, or for good where it failed too often or said that it is gone.

    Calls that were under way at the same time count as one failure. Returns the listener as it is now, None if removed.
    """
    listener = Listener.objects.select_for_update().filter(pk=listener_id).first()
    if listener is None or listener.disabled_at is not None:
        return listener
    if listener.quiet_until is None or listener.quiet_until <= now:
        listener.failures_in_a_row += 1
        times = listener.failures_in_a_row
        listener.quiet_until = now + rules.WAITS[min(times, len(rules.WAITS)) - 1]
        if times > len(rules.WAITS):
            listener.disabled_at, listener.disabled_reason = now, f"failed {times} times in a row: {why}"[:200]
    if gone:
        listener.disabled_at, listener.disabled_reason = now, f"it is gone: {why}"[:200]
    listener.save(update_fields=["failures_in_a_row", "quiet_until", "disabled_at", "disabled_reason"])
    return listener


def listener_well(*, listener_id: int) -> None:
    """It answers again; what waits for it need not wait on."""
    Listener.objects.filter(pk=listener_id, failures_in_a_row__gt=0).update(failures_in_a_row=0, quiet_until=None)


def deliveries_sweep(*, listener: Listener, now: datetime) -> bool:
    """Delete what was delivered, or given up, long ago. True where there is more of it."""
    old = EventDelivery.objects.filter(
        listener=listener, created_at__lt=now - rules.KEPT, look_at=None, stuck_reason=""
    )
    some = list(old.exclude(state=DeliveryState.WAITING).values_list("pk", flat=True)[:_SWEPT_AT_ONCE])
    EventDelivery.objects.filter(pk__in=some).delete()
    return len(some) == _SWEPT_AT_ONCE
