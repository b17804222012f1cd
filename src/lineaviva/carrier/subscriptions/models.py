"""Who has which number, until when it lives, and what may be used on it.

Subscription and Plan are hot: on PostgreSQL they are partitioned by the line (see carrier/partitions.py), and what
would be foreign keys to a line are plain columns, which the audit proves: checking them row by row would cost the
nightly run more than writing the rows does.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

# Cents. Where PostgreSQL would refuse to add up more, SQLite would go on in floating point.
MOST = 10**15


class Status(models.TextChoices):
    """What a person decided about a line. Its life by the rulebook is `Subscription.phase`."""

    ACTIVE = "active"
    SUSPENDED = "suspended"  # blocked by hand: theft, fraud, a court
    CLOSED = "closed"  # the number was given back, moved to another operator, or taken back


class Phase(models.TextChoices):
    """Where a line stands in its life; the nightly run moves it on, and a top-up takes it back."""

    FULL_SERVICE = "full_service"
    RECEIVE_ONLY = "receive_only"
    OFF = "off"  # nothing goes in or out; the number is kept
    FREE = "free"  # the number is anybody's again
    UNKNOWN = "unknown"  # what extends the line, or by how much, is not known


class Number(models.Model):
    """A number of the operator's, and the line that has it: one row a number, so that one line has it at a time."""

    operator = models.CharField(max_length=24)
    msisdn = models.CharField(max_length=16)
    subscription_id = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["operator", "msisdn"], name="number_once")]


class Subscription(models.Model):
    """One prepaid number of one operator.

    `credit_minor` and `debt_minor` are the sums of the line's entries on the accounts credit and courtesy, kept here
    so that a sweep over millions of lines reads one row each; they are written in the transaction that writes the
    entries, and the audit compares them. `last_number` counts the line's events: whoever writes to a line or its plans
    raises it, so that a reader can tell whether anything happened since.

    The three dates are the last days of each phase, counted from `extended_on` by the rulebook. `look_on` is the next
    day on which the nightly run has to look at them.
    """

    operator = models.CharField(max_length=24)
    msisdn = models.CharField(max_length=16)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    phase = models.CharField(max_length=12, choices=Phase.choices, default=Phase.UNKNOWN)
    credit_minor = models.BigIntegerField(default=0)
    debt_minor = models.BigIntegerField(default=0)
    last_number = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="EUR")
    extended_on = models.DateField(null=True, blank=True)
    full_service_until = models.DateField(null=True, blank=True)
    receive_only_until = models.DateField(null=True, blank=True)
    number_kept_until = models.DateField(null=True, blank=True)
    suspension_noticed_on = models.DateField(null=True, blank=True)
    loss_noticed_on = models.DateField(null=True, blank=True)
    look_on = models.DateField(null=True, blank=True)
    opened_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(debt_minor__range=(0, MOST)), name="subscription_debt_in_range"),
            models.CheckConstraint(
                condition=models.Q(credit_minor__range=(0, MOST)), name="subscription_credit_in_range"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["look_on", "id"], name="subscription_look", condition=models.Q(look_on__isnull=False)),
            models.Index(fields=["operator", "id"], name="subscription_of_operator"),
        ]

    def __str__(self) -> str:
        return f"{self.operator} …{self.msisdn[-4:]}"


class PlanStatus(models.TextChoices):
    ACTIVE = "active"
    ASLEEP = "asleep"  # not paid: nothing is charged, the next top-up that covers it wakes it
    BLOCKED = "blocked"  # not paid, and its courtesy days are over: the line only receives until a top-up
    STUCK = "stuck"  # the nightly run cannot tell what to do with it; it asks again each night
    ENDED = "ended"


class Plan(models.Model):
    """A plan on a line: paid from `started_on` to just before `paid_until`, on days of Rome.

    `due_on` is the day on which the nightly run looks at it next (None: never). `anchor_day` is the day of the month
    that its periods begin on where the month has it. The three allowances are what is left of this period's:
    megabytes, minutes, messages; -1 without limit, None not known.
    """

    pk = models.CompositePrimaryKey("subscription_id", "number")
    subscription_id = models.BigIntegerField()
    number = models.BigIntegerField()  # of the event that started it
    offering_id = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    price_minor = models.BigIntegerField()
    status = models.CharField(max_length=7, choices=PlanStatus.choices, default=PlanStatus.ACTIVE)
    auto_renew = models.BooleanField(default=False)
    started_on = models.DateField()
    paid_until = models.DateField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    anchor_day = models.PositiveSmallIntegerField()
    late_days = models.PositiveSmallIntegerField(default=0)
    promo_minor = models.BigIntegerField(null=True, blank=True)
    promo_until = models.DateField(null=True, blank=True)
    data_left = models.BigIntegerField(null=True, blank=True)
    voice_left = models.BigIntegerField(null=True, blank=True)
    sms_left = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(promo_minor=None, promo_until=None)
                | models.Q(
                    promo_minor__isnull=False,
                    promo_minor__gte=0,
                    promo_minor__lte=models.F("price_minor"),
                    promo_until__isnull=False,
                ),
                name="plan_promotion_whole",
            ),
            models.CheckConstraint(condition=models.Q(price_minor__range=(0, MOST)), name="plan_price_in_range"),
            # The nightly run finds what to do with a plan by the day that it is paid until.
            models.CheckConstraint(
                condition=models.Q(due_on=None) | models.Q(paid_until__isnull=False), name="plan_due_was_paid"
            ),
        ]
        indexes: ClassVar = [
            # The order in which the nightly run goes, and all that it needs to find its way.
            models.Index(
                fields=["due_on", "subscription_id", "number"],
                name="plan_due",
                condition=models.Q(due_on__isnull=False),
            ),
        ]
