"""Reads of listeners."""

from __future__ import annotations

from django.db.models import QuerySet

from lineaviva.carrier.hub.models import Listener


def listeners_of(client_id: str, api: str) -> QuerySet[Listener]:
    """A client's listeners to an API, oldest first, with those that were disabled."""
    return Listener.objects.filter(client_id=client_id, api=api).order_by("pk")


def is_heard(*, operator: str, api: str) -> bool:
    """Whether anybody listens to that API of the operator's."""
    heard = Listener.objects.filter(operator=operator, api=api, disabled_at=None, client__disabled_at=None)
    return heard.exists()
