"""Who has which number, until when it lives, and what may be used on it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Status(models.TextChoices):
    """What a person decided about a line. Its life by the rulebook follows from `extended_on` and is not kept here."""

    ACTIVE = "active"
    SUSPENDED = "suspended"  # blocked by hand: theft, fraud, a court
    CLOSED = "closed"  # the number was given back or moved to another operator


class Subscription(models.Model):
    """One prepaid number of one operator.

    `credit_minor` is the sum of the line's entries on the ledger's credit account, kept here so that a sweep over
    millions of lines reads one row each; it is written in the transaction that writes the entries, and the audit
    compares both. The three dates are the last days of each phase, counted from `extended_on` by the rulebook.
    """

    operator = models.CharField(max_length=24)
    msisdn = models.CharField(max_length=16)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    credit_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="EUR")
    extended_on = models.DateField(null=True, blank=True)
    full_service_until = models.DateField(null=True, blank=True)
    receive_only_until = models.DateField(null=True, blank=True)
    number_kept_until = models.DateField(null=True, blank=True)
    opened_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["operator", "msisdn"], name="subscription_msisdn_once")
        ]

    def __str__(self) -> str:
        return f"{self.operator} …{self.msisdn[-4:]}"


class Plan(models.Model):
    """A plan as it runs on a line, from `started_at` to just before `ends_at` (None: until somebody ends it)."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="plans")
    offering_id = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    price_minor = models.BigIntegerField()
    started_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["subscription", "offering_id"], name="plan_of_line")]


class UsageType(models.TextChoices):
    """TMF654's words for what a bucket holds. Credit in money is no bucket row: it is `Subscription.credit_minor`."""

    VOICE = "voice"
    DATA = "data"
    SMS = "sms"


class Bucket(models.Model):
    """What a plan lets a line use in its period, in minutes, megabytes or messages; None is without limit."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="buckets")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="buckets")
    usage_type = models.CharField(max_length=5, choices=UsageType.choices)
    remaining = models.BigIntegerField(null=True, blank=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "usage_type"], name="bucket_once_a_plan"),
            models.CheckConstraint(
                condition=models.Q(remaining=None) | models.Q(remaining__gte=0), name="bucket_not_below_zero"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["subscription"], name="buckets_of_line")]
