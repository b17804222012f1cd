"""A line that somebody holds, what happened to it, and who else may see or pay for it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.kernel.agenda.models import AgendaRow


class SimType(models.TextChoices):
    PHYSICAL = "physical", _("SIM card")
    ESIM = "esim", _("eSIM")


class LineState(models.TextChoices):
    FULL_SERVICE = "full_service", _("Active")
    RECEIVE_ONLY = "receive_only", _("Receive only")
    OFF_RECOVERABLE = "off_recoverable", _("Off, recoverable")
    LOST = "lost", _("Number lost")
    UNKNOWN = "unknown", _("Not known")


class Line(AgendaRow):
    """One MSISDN as one holder keeps it.

    `extended_on` is the day of the last event that extends the line, taken from its LineEvents. `state`,
    `next_deadline_on` and `days_left` on pages follow from it and the rulebook; the stored `state` and
    `next_deadline_on` exist only to sort and filter, and are rewritten each time the line is looked at. `renews_on` is
    a date for which a later step renews the line by itself; None: that is up to its holder.
    """

    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="lines")
    msisdn = models.CharField(max_length=16)
    operator = models.CharField(max_length=24)
    sim_type = models.CharField(max_length=8, choices=SimType.choices, default=SimType.PHYSICAL)
    iccid = models.CharField(max_length=20, blank=True)
    eid = models.CharField(max_length=32, blank=True)
    label = models.CharField(max_length=60, blank=True)
    plan = models.CharField(max_length=120, blank=True)
    plan_expires_on = models.DateField(null=True, blank=True)
    auto_renew = models.BooleanField(default=False)
    extended_on = models.DateField(null=True, blank=True)
    next_deadline_on = models.DateField(null=True, blank=True)
    renews_on = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=LineState.choices, default=LineState.UNKNOWN)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["holder", "msisdn"], condition=models.Q(removed_at=None), name="line_once_per_holder"
            )
        ]
        indexes: ClassVar = [
            *AgendaRow.Meta.indexes,
            models.Index(fields=["holder", "next_deadline_on"], name="line_by_holder"),
            models.Index(fields=["next_deadline_on"], name="line_by_deadline"),
            # A number may stand on several holders' lists, and its limits hold for all of them together.
            models.Index(fields=["msisdn"], name="line_by_number"),
        ]

    def __str__(self) -> str:
        return f"…{self.msisdn[-4:]}"


class EventKind(models.TextChoices):
    REGISTERED = "registered", _("Added here")
    ACTIVATION = "activation", _("SIM activated")
    TOPUP = "topup", _("Top-up")
    PLAN = "plan", _("Plan activated")
    USE = "use", _("Used")
    SIM_CHANGE = "sim_change", _("SIM changed")
    CHANGED = "changed", _("Details changed")
    SHARED = "shared", _("Shared")
    UNSHARED = "unshared", _("No longer shared")
    REMOVED = "removed", _("Removed from the list")
    RESTORED = "restored", _("Put back on the list")


class LineEvent(models.Model):
    """What happened to a line, and on which day. Never changed: a mistake is answered by another event.

    What a holder or a file told (`reference` holder:… or import:…) is answered by the next telling of the same kind;
    rules.extended_on says how. `extends` None: the source did not say whether it moves the dates, ask the rulebook.
    """

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=12, choices=EventKind.choices)
    on = models.DateField()
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    # Where it is known from: holder:N, import:N, order:CODE. One source tells of one event once.
    reference = models.CharField(max_length=80)
    amount_minor = models.BigIntegerField(null=True, blank=True)
    extends = models.BooleanField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["line", "kind", "reference"], name="line_event_once")]
        indexes: ClassVar = [models.Index(fields=["line", "-on"], name="line_events_by_day")]


class LineShare(models.Model):
    """Another account that may see a line, or pay for it too."""

    class Right(models.TextChoices):
        READ = "read", _("May see it")
        PAY = "pay", _("May see and renew it")

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shared_lines")
    right = models.CharField(max_length=4, choices=Right.choices)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["line", "user"], name="line_shared_once")]
