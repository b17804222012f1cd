"""Webhooks: written with what they tell of, signed like the real ones, delivered by a thread that tries again."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Min

from lineaviva.sandbox.provider import knobs
from lineaviva.sandbox.provider.models import Delivery, Event, new_id
from lineaviva.sandbox.provider.objects import API_VERSION

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger()
_WAITS = (0.5, 1, 2, 5, 10, 20, 30, 60)
_LONGEST_SLEEP = 1.0
_new = threading.Event()


def tell(kind: str, about: dict[str, Any], *, behaviour: str = "", sender: str = "stripe") -> Event:
    """Write an event and its deliveries, in the transaction of what it tells of. `behaviour`: never, twice, late."""
    name = new_id("WH" if sender == "paypal" else "evt")
    event = Event.objects.create(id=name, kind=kind, sender=sender, body=about, created=knobs.stamp())
    turned = knobs.knobs()
    behaviour = behaviour or _by_chance(turned)
    due = time.time() + (turned["webhook_late_seconds"] if behaviour == "late" else 0)
    times = {"never": 0, "twice": 2}.get(behaviour, 1)
    Delivery.objects.bulk_create([Delivery(event=event, due=due) for _ in range(times)])
    transaction.on_commit(_new.set)
    return event


def _by_chance(turned: dict[str, int]) -> str:
    for name in ("never", "twice", "late"):
        if knobs.happens(turned[f"webhook_{name}_percent"]):
            return name
    return ""


def body_of(event: Event) -> bytes:
    document = {
        "id": event.id,
        "object": "event",
        "api_version": API_VERSION,
        "created": event.created,
        "data": {"object": event.body},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": event.kind,
    }
    return json.dumps(document, indent=2).encode()


def signature(body: bytes, secret: str, at: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over the instant and the body."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def deliver_due(client: httpx.Client) -> None:
    """Deliver what is due; what is not taken comes again, later and later."""
    for delivery in Delivery.objects.filter(due__lte=time.time()).select_related("event").order_by("due")[:50]:
        answer = _deliver(client, delivery.event)
        delivery.tries += 1
        taken = answer.startswith("2")
        given_up = delivery.tries >= len(_WAITS)
        delivery.due = None if taken or given_up else time.time() + _WAITS[delivery.tries]
        delivery.answer = answer[:80]
        delivery.save(update_fields=["tries", "due", "answer"])


def _message(event: Event) -> tuple[bytes, dict[str, str]]:
    if event.sender == "paypal":
        from lineaviva.sandbox.paypal import telling  # which tells by this module

        return telling.message(event)
    body = body_of(event)
    signed = signature(body, settings.SANDBOX_WEBHOOK_SECRET, knobs.stamp())
    return body, {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signed}


def _deliver(client: httpx.Client, event: Event) -> str:
    body, headers = _message(event)
    url = f"{settings.SANDBOX_WEBHOOK_URL.rpartition('/')[0]}/{event.sender}"
    try:
        return str(client.post(url, content=body, headers=headers).status_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not taken and comes again
        return type(error).__name__


def deliver_forever() -> None:
    # Only this thread needs it, and the provider starts faster without.
    import httpx

    from lineaviva.sandbox.paypal import orders
    from lineaviva.sandbox.provider import collecting

    client = httpx.Client(timeout=20)
    while True:
        _new.wait(_next_wait())
        _new.clear()
        try:
            collecting.sweep()
            orders.sweep()
            deliver_due(client)
        except DatabaseError as error:  # not migrated yet, or busy: the next turn will do
            log.warning("webhooks_wait", error=str(error))
            time.sleep(_LONGEST_SLEEP)
        finally:
            close_old_connections()


def _next_wait() -> float:
    try:
        due = Delivery.objects.filter(due__isnull=False).aggregate(first=Min("due"))["first"]
    except DatabaseError:
        return _LONGEST_SLEEP
    return min(max(due - time.time(), 0), _LONGEST_SLEEP) if due is not None else _LONGEST_SLEEP


def start() -> None:
    """Start the delivering thread of this process, where there is somebody to tell."""
    if settings.SANDBOX_WEBHOOK_URL:
        threading.Thread(target=deliver_forever, name="webhooks", daemon=True).start()
