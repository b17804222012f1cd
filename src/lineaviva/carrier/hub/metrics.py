"""How much of what listeners are to be told still waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lineaviva.carrier.hub.models import DeliveryState, EventDelivery
from lineaviva.kernel.agenda.metrics import MOST_COUNTED, Figure, counted, single, source


@source
def outbox_figures(now: datetime) -> Iterator[Figure]:
    # By their index of rows that wait: what was delivered has no time to be looked at.
    waiting = EventDelivery.objects.filter(look_at__isnull=False, state=DeliveryState.WAITING)
    help = f"Notifications to hub listeners that are not delivered yet, up to {MOST_COUNTED:,}."
    yield single("lineaviva_outbox_waiting", help, counted(waiting))
