"""A paid order on its way to the operator."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.kernel.agenda.models import AgendaRow


class ActivationState(models.TextChoices):
    HELD = "held", _("Waiting for its eSIM profile")
    WAITING = "waiting", _("Not sent yet")
    SENT = "sent", _("Sent to the operator")
    UNKNOWN = "unknown", _("The operator's answer was lost")
    SUCCEEDED = "succeeded", _("Confirmed by the operator")
    FAILED = "failed", _("Refused by the operator")


class Activation(AgendaRow):
    """One per order. `reference` is ours, goes to the gateway as its idempotency field, and is what we ask about."""

    order = models.OneToOneField(ProductOrder, on_delete=models.PROTECT, related_name="activation")
    reference = models.CharField(max_length=40, unique=True)
    gateway = models.CharField(max_length=12, blank=True)
    state = models.CharField(max_length=10, choices=ActivationState.choices, default=ActivationState.WAITING)
    operator_reference = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    # What the operator or aggregator charged our account there, where it said so; in minor units.
    charged_minor = models.BigIntegerField(null=True, blank=True)
    charged_currency = models.CharField(max_length=3, blank=True, default="", db_default="")
    # How often it went out (above one only where the operator said that it never arrived), and how often the operator
    # was asked about the last of them.
    sends = models.PositiveSmallIntegerField(default=0)
    asked = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        indexes: ClassVar = [*AgendaRow.Meta.indexes]
