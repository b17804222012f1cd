"""A hot table that is changed while others use it, for the tests of `lineaviva migrate`."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Hot(models.Model):
    credit = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["debt"], name="hot_debt")]
