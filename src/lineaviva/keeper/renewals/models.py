"""What a holder agreed to be charged by itself, each time that it happened, and what was said and done about it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import SavedMethod
from lineaviva.kernel.agenda.models import AgendaRow


class AutoRenewal(AgendaRow):
    """One line's automatic renewal: whose card, up to how much, how many days before the date.

    Never switched off silently: `off_reason` says why, AutoEvent who. Switched on again it is another row.
    """

    class State(models.TextChoices):
        ON = "on", _("On")
        OFF = "off", _("Off")

    class Choice(models.TextChoices):
        KEEPALIVE = "keepalive", _("The smallest act that keeps the line")
        PLAN = "plan", _("The same plan again")

    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="autos")
    payer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="autos")
    method = models.ForeignKey(SavedMethod, on_delete=models.PROTECT, related_name="autos")
    state = models.CharField(max_length=4, choices=State.choices, default=State.ON)
    choice = models.CharField(max_length=10, choices=Choice.choices, default=Choice.KEEPALIVE)
    ceiling_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    lead_days = models.PositiveSmallIntegerField()
    words = models.CharField(max_length=20)  # which version of our sentence was agreed to
    on_at = models.DateTimeField()
    off_at = models.DateTimeField(null=True, blank=True)
    off_reason = models.CharField(max_length=40, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["line"], condition=models.Q(state="on"), name="one_auto_on_a_line")
        ]


class AutoRun(AgendaRow):
    """One renewal for one date of the line. `rules.TRANSITIONS` has what may become of it.

    `amount_minor` is what its holder was told; more is never charged. `tried`: charges that failed; `attempts_before`:
    tries to pay the order that were there before the present charge.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        ANNOUNCED = "announced", _("Announced")
        CHARGING = "charging", _("Being paid")
        DONE = "done", _("Renewed")
        FAILED = "failed", _("Not renewed")
        STOPPED = "stopped", _("Stopped")
        SKIPPED = "skipped", _("Left out")

    auto = models.ForeignKey(AutoRenewal, on_delete=models.PROTECT, related_name="runs")
    deadline = models.CharField(max_length=8)  # what ends: limited, off, lost; plan
    deadline_on = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    reason = models.CharField(max_length=60, blank=True)
    notice_on = models.DateField()
    charge_on = models.DateField()
    first_charge_on = models.DateField(null=True, blank=True)
    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="EUR")
    notices = models.PositiveSmallIntegerField(default=0)
    told_at = models.DateTimeField(null=True, blank=True)
    tried = models.PositiveSmallIntegerField(default=0)
    attempts_before = models.PositiveSmallIntegerField(default=0)
    order = models.ForeignKey(ProductOrder, on_delete=models.PROTECT, null=True, blank=True, related_name="auto_runs")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["auto", "deadline_on"], name="auto_run_once_a_date")]


class AutoEvent(models.Model):
    """What happened to an automatic renewal, and by whom; None: by itself. Never changed."""

    class Kind(models.TextChoices):
        ON = "on", _("Automatic renewal switched on")
        CHANGED = "changed", _("Changed")
        OFF = "off", _("Automatic renewal switched off")
        ANNOUNCED = "announced", _("Announced")
        CHARGING = "charging", _("Charged")
        RENEWED = "renewed", _("Renewed")
        REFUSED = "refused", _("The card was refused")
        FAILED = "failed", _("Not renewed")
        SKIPPED = "skipped", _("Left out")

    auto = models.ForeignKey(AutoRenewal, on_delete=models.PROTECT, related_name="events")
    run = models.ForeignKey(AutoRun, on_delete=models.PROTECT, null=True, blank=True, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    detail = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["auto", "-at"], name="auto_events_by_time")]


class AutoMessage(AgendaRow):
    """One message about a run on one channel; `number` tells several of one kind apart."""

    class Kind(models.TextChoices):
        NOTICE = "notice"  # two days before: amount, day, how to stop it
        RENEWED = "renewed"
        AGAIN = "again"  # the card was refused, and on which day it is tried again
        ASKS = "asks"  # the bank wants to hear the holder
        FAILED = "failed"
        SKIPPED = "skipped"
        LATE = "late"  # the bank, or the operator, has not answered for hours
        OFF = "off"  # somebody else than who pays switched it off, or the program did

    class State(models.TextChoices):
        OPEN = "open"
        SENT = "sent"
        VOID = "void"  # its time was over before it could be sent

    run = models.ForeignKey(AutoRun, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    number = models.PositiveSmallIntegerField()
    channel = models.CharField(max_length=12)
    state = models.CharField(max_length=4, choices=State.choices, default=State.OPEN)
    # What the run said when the message was due: reason, amount, day. It may have moved on since.
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "kind", "number", "channel"], name="auto_message_once")
        ]
