"""The columns by which a row asks to be looked at again, and the rate limits that steps share."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from lineaviva.kernel.agenda.bell import announce


class AgendaRow(models.Model):
    """A row with a time at which somebody must look at it again.

    `look_at` None means: nobody needs to look. `wakes` counts calls of `wake`, so that a worker that holds the row does
    not write its own later `look_at` over somebody's "look now". `failures` counts steps in a row that broke, `delays`
    those that the outside put off; a step that goes well sets both back.
    """

    look_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    leased_by = models.CharField(max_length=64, blank=True, default="", editable=False)
    wakes = models.PositiveIntegerField(default=0, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    delays = models.PositiveSmallIntegerField(default=0, editable=False)
    last_error = models.TextField(blank=True, default="", editable=False)
    stuck_reason = models.TextField(blank=True, default="", editable=False)

    class Meta:
        abstract = True
        # Partial, so that it holds only rows that wait: the due scan must not wade through finished ones.
        indexes: ClassVar = [
            models.Index(fields=["look_at", "id"], name="%(class)s_due", condition=models.Q(look_at__isnull=False)),
            models.Index(fields=["id"], name="%(class)s_stuck", condition=~models.Q(stuck_reason="")),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As usual, and a worker hears of the row at once if it waits to be looked at."""
        super().save(*args, **kwargs)
        if self.look_at is not None:
            announce(self._state.db)


class RateLimit(models.Model):
    """A token bucket, kept as one instant: `full_at` is when it will be full again if nothing more is taken."""

    name = models.CharField(max_length=80, primary_key=True)
    full_at = models.DateTimeField()
