"""Who wants to be told of what happens, and what they are still to be told."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from lineaviva.carrier.access.models import Client
from lineaviva.kernel.agenda.models import AgendaRow


class Listener(AgendaRow):
    """An address of a client that hears of an API's events.

    `secret` signs what is sent. It is kept as it is, since it must be used again; it opens nothing here. One listener
    that does not answer is left alone until `quiet_until`, with all that waits for it, and after `rules.WAITS` in a
    row for good. `look_at`: when what was delivered is swept next.
    """

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="listeners")
    operator = models.CharField(max_length=24)
    api = models.CharField(max_length=10)
    callback = models.CharField(max_length=500)
    query = models.CharField(max_length=1000, blank=True, default="")
    # Both together are longer than an index takes.
    same = models.CharField(max_length=64)
    secret = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    failures_in_a_row = models.PositiveSmallIntegerField(default=0)
    quiet_until = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, blank=True, default="")

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["client", "api", "same"], condition=models.Q(disabled_at=None), name="listener_once"
            )
        ]
        indexes: ClassVar = [
            *AgendaRow.Meta.indexes,
            models.Index(fields=["operator", "api"], condition=models.Q(disabled_at=None), name="listener_hears"),
        ]


class DeliveryState(models.TextChoices):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"  # its listener was disabled


class EventDelivery(AgendaRow):
    """One event for one listener. `body` is sent as it is, by the API's event schema; `answer` ended the last try."""

    listener = models.ForeignKey(Listener, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    body = models.JSONField()
    created_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    answer = models.CharField(max_length=120, blank=True, default="")

    class Meta(AgendaRow.Meta):
        verbose_name_plural = "event deliveries"
        indexes: ClassVar = [
            *AgendaRow.Meta.indexes,
            models.Index(fields=["listener", "created_at"], name="delivery_of_listener"),
        ]


class Desk(AgendaRow):
    """Tells an operator's listeners what nights do to its lines; open, with a `look_at`, while there are any."""

    operator = models.CharField(max_length=24, unique=True)


class LineNews(models.Model):
    """An event of a line that its operator's listeners are still to be told of: written by the night, for all at once.

    What is told is made later, by the desk: a night that asked each line who listens to it would be none.
    """

    operator = models.CharField(max_length=24)
    subscription_id = models.BigIntegerField()
    number = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "line news"
        indexes: ClassVar = [models.Index(fields=["operator", "id"], name="line_news_of_operator")]
