"""Rows for the agenda's own tests; no migrations, the test database makes the tables."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from lineaviva.kernel.agenda.models import AgendaRow


class Task(AgendaRow):
    """One thing to do, in four steps where the test says so."""

    state = models.CharField(max_length=8, default="open")
    reference = models.CharField(max_length=40, default="")
    steps = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=60, default="", blank=True)
    detail = models.JSONField(null=True)
    seen_at = models.DateTimeField(null=True)
    before = models.ForeignKey("self", on_delete=models.PROTECT, null=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(steps__lt=1000), name="task_steps")]


class Errand(AgendaRow):
    """Another kind of row, without a state."""

    steps = models.PositiveIntegerField(default=0)

    class Meta(AgendaRow.Meta):
        pass


class Effect(models.Model):
    """What a settle function writes beside its row."""

    reference = models.CharField(max_length=40, unique=True)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True)
