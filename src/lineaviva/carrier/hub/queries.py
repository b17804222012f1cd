"""Reads of listeners."""

from __future__ import annotations

from django.db.models import QuerySet

from lineaviva.carrier.hub.models import Listener


def listeners_of(client_id: str, api: str) -> QuerySet[Listener]:
    """A client's listeners to an API, oldest first, with those that were disabled."""
    return Listener.objects.filter(client_id=client_id, api=api).order_by("pk")


def listeners_to(operator: str, api: str) -> QuerySet[Listener]:
    """Those who are told of an operator's events in that API."""
    return Listener.objects.filter(operator=operator, api=api, disabled_at=None, client__disabled_at=None)
