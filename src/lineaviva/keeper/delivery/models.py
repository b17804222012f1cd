"""An eSIM profile on its way to a phone, what was heard of it, and the messages about it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.delivery.rules import OPEN
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.kernel.agenda.models import AgendaRow


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("Not ordered yet")
    ORDERED = "ordered", _("Ordered from the operator")
    RELEASED = "released", _("Ready to be installed")
    DOWNLOADED = "downloaded", _("Downloaded by a phone")
    INSTALLED = "installed", _("Installed")
    FAILED = "failed", _("The phone could not install it")
    REFUSED = "refused", _("Refused by the operator")
    EXPIRED = "expired", _("Not installed in time")
    WITHDRAWING = "withdrawing", _("Being withdrawn")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class DeliveryReason(models.TextChoices):
    ORDER = "order", _("With a renewal")
    REPLACEMENT = "replacement", _("In place of a lost one")
    TRANSFER = "transfer", _("For another phone")


class Phone(models.TextChoices):
    """What the phone last said of the profile, where its operator passes that on."""

    ENABLED = "enabled", _("Switched on")
    DISABLED = "disabled", _("Switched off")
    DELETED = "deleted", _("Deleted from the phone")


class Delivery(AgendaRow):
    """One profile for one line; rules.TRANSITIONS has its whole life.

    Whoever knows the activation code has the line, so the code and our half of it (the matching id) are sealed: they
    are read by sealing.py, under a key that is not in the database. `call_id` is our reference at the gateway: sent
    again it means the same order. `operator` is the line's when this began; a holder may change the line's later.
    """

    code = models.CharField(max_length=12, unique=True)
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="deliveries")
    # None for what takes the place of another.
    order = models.OneToOneField(ProductOrder, on_delete=models.PROTECT, null=True, blank=True, related_name="delivery")
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by")
    reason = models.CharField(max_length=12, choices=DeliveryReason.choices, default=DeliveryReason.ORDER)
    operator = models.CharField(max_length=24)
    gateway = models.CharField(max_length=12, blank=True)
    state = models.CharField(max_length=12, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    phone = models.CharField(max_length=8, choices=Phone.choices, blank=True)
    phone_at = models.DateTimeField(null=True, blank=True)
    iccid = models.CharField(max_length=20, blank=True)
    # Of the eUICC that took it; empty as long as nobody told.
    eid = models.CharField(max_length=32, blank=True)
    call_id = models.CharField(max_length=40, unique=True)
    sealed_matching_id = models.BinaryField(default=bytes)
    sealed_code = models.BinaryField(default=bytes)
    # Why it was refused, failed, or could not be installed at the last try: a code of the other side ("8.8.5/6.4") or
    # one short sentence.
    failure = models.CharField(max_length=200, blank=True)
    # How often the order went out and, since, how often its fate was asked about.
    sends = models.PositiveSmallIntegerField(default=0)
    asked = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    ordered_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    downloaded_at = models.DateTimeField(null=True, blank=True)
    installed_at = models.DateTimeField(null=True, blank=True)
    enabled_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["line"], condition=models.Q(state__in=sorted(OPEN)), name="one_open_delivery_a_line"
            )
        ]
        indexes: ClassVar = [
            *AgendaRow.Meta.indexes,
            models.Index(fields=["line", "-id"], name="deliveries_of_line"),
            models.Index(fields=["iccid"], name="delivery_by_iccid", condition=~models.Q(iccid="")),
        ]

    def __str__(self) -> str:
        return self.code


class EventKind(models.TextChoices):
    """What was heard or done, in the order in which it usually happens; "not_" where the other side said no."""

    ORDERED = "ordered", _("Ordered from the operator")
    RELEASED = "released", _("Ready to be installed")
    ELIGIBLE = "eligible", _("A phone asked for it")
    NOT_ELIGIBLE = "not_eligible", _("A phone asked for it and was refused")
    CONFIRMED = "confirmed", _("Confirmation code accepted")
    NOT_CONFIRMED = "not_confirmed", _("Confirmation code refused")
    DOWNLOADED = "downloaded", _("Downloaded by a phone")
    NOT_DOWNLOADED = "not_downloaded", _("The download failed")
    INSTALLED = "installed", _("Installed")
    NOT_INSTALLED = "not_installed", _("The phone could not install it")
    HOLDER_SAYS = "holder_says", _("Its holder says that it is installed")
    ENABLED = "enabled", _("Switched on")
    DISABLED = "disabled", _("Switched off")
    DELETED = "deleted", _("Deleted from the phone")
    REFUSED = "refused", _("Refused by the operator")
    EXPIRED = "expired", _("Not installed in time")
    WITHDRAWING = "withdrawing", _("Being withdrawn")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class DeliveryEvent(models.Model):
    """What happened to a profile. Never changed. `at` is by the clock of whoever told; the same told again is one."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=EventKind.choices)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["delivery", "kind", "at"], name="delivery_event_once")]


class MailKind(models.TextChoices):
    READY = "ready", _("The way to install it")
    REMINDER = "reminder", _("Not installed yet")


class DeliveryMail(AgendaRow):
    """One message to the line's holder with the way to install a profile. One that is of no use any more is dropped."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="mails")
    kind = models.CharField(max_length=8, choices=MailKind.choices, default=MailKind.READY)
    to = models.EmailField()
    state = models.CharField(max_length=8, default="open")  # open, sent, dropped
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["delivery", "kind"], condition=models.Q(state="open"), name="one_open_delivery_mail"
            )
        ]
