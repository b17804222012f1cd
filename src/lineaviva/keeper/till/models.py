"""The cash in the shop's till: its days, what was handed over for each order, and cash that is called off again."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.kernel.money import Money

_CLOSING = ("closed_at", "closed_by", "expected_minor", "counted_minor", "banked_minor")
_OPEN = Q(**{f"{name}__isnull": True for name in _CLOSING})
_CLOSED = Q(**{f"{name}__isnull": False for name in _CLOSING})


class TillDay(models.Model):
    """From the moment at which somebody counts what is in the till and opens it to the moment at which it is closed.

    What has to be in it is what the books' account of the till has: opening makes it `float_minor` there, closing
    `counted_minor` less `banked_minor`. So a cent that comes between two days, or late, is counted once and on one day.
    `brought_minor` came from the bank before the opening and is in the float.
    """

    till = models.CharField(max_length=12, default="cash")
    currency = models.CharField(max_length=3, default="EUR")
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    float_minor = models.BigIntegerField()
    brought_minor = models.BigIntegerField(default=0)
    # What was in it at the opening beyond what the books said; below zero something was missing.
    found_minor = models.BigIntegerField(default=0)
    opening_reason = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    expected_minor = models.BigIntegerField(null=True, blank=True)
    counted_minor = models.BigIntegerField(null=True, blank=True)
    pieces = models.JSONField(default=dict)  # how many of each note and coin, by its cents; empty: counted as a sum
    banked_minor = models.BigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["till", "-opened_at"], name="till_days")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["till"], condition=Q(closed_at=None), name="one_open_day_a_till"),
            models.CheckConstraint(
                condition=Q(float_minor__gte=0, brought_minor__gte=0, brought_minor__lte=F("float_minor")),
                name="till_float",
            ),
            models.CheckConstraint(condition=_OPEN | _CLOSED, name="till_closed_whole"),
            models.CheckConstraint(
                condition=_OPEN | Q(banked_minor__gte=0, banked_minor__lte=F("counted_minor")), name="till_banked"
            ),
            models.CheckConstraint(
                condition=_OPEN | Q(counted_minor=F("expected_minor")) | ~Q(reason=""), name="till_difference_reason"
            ),
        ]

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def difference(self) -> Money:
        """What was counted less what had to be there; nothing as long as the day is open."""
        return Money((self.counted_minor or 0) - (self.expected_minor or 0), self.currency)

    @property
    def left(self) -> Money:
        """What stayed in the till when the day was closed."""
        return Money((self.counted_minor or 0) - (self.banked_minor or 0), self.currency)


class CashTaken(models.Model):
    """What a payer handed over for one order, and what they got back of it. `day` None: taken before days were kept."""

    attempt = models.OneToOneField(PaymentAttempt, on_delete=models.PROTECT, related_name="cash")
    day = models.ForeignKey(TillDay, on_delete=models.PROTECT, null=True, blank=True, related_name="taken")
    clerk = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    given_minor = models.BigIntegerField()
    change_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    taken_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "cash taken"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(change_minor__gte=0, given_minor__gte=F("change_minor")), name="cash_change"
            ),
        ]


class Cancellation(models.Model):
    """Somebody wants cash that was taken to be given back before anything is delivered; somebody else has to agree.

    `ended_by` refused it, or, being the one who asked, took it back.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("Waits for a second person")
        CONSENTED = "consented", _("Called off")
        REFUSED = "refused", _("Not agreed to")
        WITHDRAWN = "withdrawn", _("Taken back")

    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="cancellations")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    reason = models.CharField(max_length=200)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    consented_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["asked_at"], name="cancellations_asked", condition=Q(state="asked")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["attempt"], condition=Q(state="asked"), name="one_cancellation_asked"),
            models.UniqueConstraint(fields=["attempt"], condition=Q(state="consented"), name="one_cancellation_done"),
            models.CheckConstraint(
                condition=Q(state="consented", consented_by__isnull=False)
                | (~Q(state="consented") & Q(consented_by__isnull=True)),
                name="cancellation_consented",
            ),
            models.CheckConstraint(
                condition=Q(consented_by__isnull=True) | ~Q(consented_by=F("asked_by")), name="cancellation_second"
            ),
        ]
