"""One message about one date of one line, on one channel, at one stage of the ladder."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.lines.models import Line
from lineaviva.kernel.agenda.models import AgendaRow


class DeadlineKind(models.TextChoices):
    LIMITED = "limited", _("receive only from then on")
    OFF = "off", _("switched off from then on")
    LOST = "lost", _("number lost from then on")


class Reminder(AgendaRow):
    """Claimed, sent, stamped. `stage` is days before the date; below zero, days after it (see rules.py)."""

    class State(models.TextChoices):
        OPEN = "open"
        SENT = "sent"
        CANCELLED = "cancelled"
        SUPERSEDED = "superseded"

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="reminders")
    deadline = models.CharField(max_length=8, choices=DeadlineKind.choices)
    deadline_on = models.DateField()
    stage = models.SmallIntegerField()
    channel = models.CharField(max_length=12)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["line", "deadline", "deadline_on", "stage", "channel"], name="reminder_once"
            )
        ]
