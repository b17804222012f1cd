"""What the operator changes from day to day about its sales; the offerings come from its rulebook file."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Promotion(models.Model):
    """So much off one offering, for whoever buys it from `valid_from` to just before `valid_until`."""

    operator = models.CharField(max_length=24)
    key = models.CharField(max_length=60)
    offering_id = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    off_minor = models.BigIntegerField(default=0)
    off_percent = models.PositiveSmallIntegerField(default=0)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["operator", "key"], name="promotion_key_once"),
            models.CheckConstraint(
                condition=models.Q(valid_until__gt=models.F("valid_from"))
                & models.Q(off_minor__gte=0, off_percent__lte=100)
                & (models.Q(off_minor__gt=0, off_percent=0) | models.Q(off_minor=0, off_percent__gt=0)),
                name="promotion_takes_something_off",
            ),
        ]
