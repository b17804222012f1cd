"""A renewal that somebody ordered."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.catalogue.models import Offering, Quote
from lineaviva.keeper.lines.models import Line
from lineaviva.kernel.agenda.models import AgendaRow


class OrderState(models.TextChoices):
    PLACED = "placed", _("Waiting for payment")
    PAID = "paid", _("Paid, being activated")
    ACTIVE = "active", _("Active")
    FAILED = "failed", _("Not activated, money goes back")
    REFUNDED = "refunded", _("Money given back")
    EXPIRED = "expired", _("Not paid in time")
    CANCELLED = "cancelled", _("Cancelled")


class ProductOrder(AgendaRow):
    """One offering for one line.

    Each later step finds it by `look_at` and `state`; orders/rules.py has the transitions.

    placed -> paid -> active -> (receipt), placed -> expired or cancelled, paid -> failed -> refunded.
    """

    code = models.CharField(max_length=12, unique=True)
    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="order")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="orders")
    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, related_name="orders")
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders")
    language = models.CharField(max_length=8)
    total_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    state = models.CharField(max_length=10, choices=OrderState.choices, default=OrderState.PLACED)
    reason = models.CharField(max_length=200, blank=True)
    # Whether the holder of an eSIM line gets a new profile with it.
    with_profile = models.BooleanField(default=False, db_default=False)
    # The three dates before and after, as ISO days, for the receipt and the page.
    dates_before = models.JSONField(default=dict)
    dates_after = models.JSONField(default=dict)
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)
    active_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        indexes: ClassVar = [
            *AgendaRow.Meta.indexes,
            models.Index(fields=["line", "-placed_at"], name="orders_of_line"),
        ]

    def __str__(self) -> str:
        return self.code


class OrderedNumber(models.Model):
    """A number for which something was ordered: whoever counts what was ordered for it holds this row meanwhile.

    The number may stand on several holders' lists, so that none of its lines can be the lock.
    """

    msisdn = models.CharField(max_length=16, primary_key=True)
