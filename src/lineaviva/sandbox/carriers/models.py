"""How a pretend carrier misbehaves: one row, so that all processes of one carrier agree."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Knobs(models.Model):
    """Shares are percent of calls. Nothing wrong, and any valid number accepted, is the default."""

    latency_ms = models.PositiveIntegerField(default=0)
    latency_percent = models.PositiveSmallIntegerField(default=100)
    error_percent = models.PositiveSmallIntegerField(default=0)
    lost_answer_percent = models.PositiveSmallIntegerField(default=0)
    cut_percent = models.PositiveSmallIntegerField(default=0)
    refusal_percent = models.PositiveSmallIntegerField(default=0)
    refusal_reason = models.CharField(max_length=200, default="Refused, because the sandbox was told to.")
    accept_unknown = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "knobs"
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="knobs_one_row")]
