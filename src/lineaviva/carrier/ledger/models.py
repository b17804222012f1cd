"""The operator's books: every cent moves from one account to another, and no row is ever changed.

An account is a name of the chart below together with a line, so that house accounts have no row that every sale must
lock, and every table's key can begin with the line. An entry names both of its accounts and one amount above zero:
there is no way to write half of it, so debits equal credits by the shape of the row and not by good conduct.

What happened to a line is its events, numbered 1, 2, 3 without a gap; an event's entries have its number. Triggers of
the second migration refuse to change or delete rows of either.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Account(models.TextChoices):
    CREDIT = "credit"  # liability: what the line may still spend
    CLEARING = "clearing"  # asset: what resellers owe for what they sold
    REVENUE = "revenue"  # income
    PROMOTION = "promotion"  # expense: what we gave away
    REFUND = "refund"  # liability: residual credit on its way back to its holder
    COURTESY = "courtesy"  # asset: what a line owes for days it was left on without credit


class Kind(models.TextChoices):
    """What happens to a line. Those of the nightly run are also its outcomes."""

    OPENED = "opened"
    TOPUP = "topup"
    PLAN = "plan"  # a plan was bought
    DEBT_PAID = "debt_paid"
    CREDIT_OUT = "credit_out"  # residual credit was paid back or moved away
    CREDIT_IN = "credit_in"  # credit was moved here from another line
    ADJUSTED = "adjusted"  # corrected by hand
    CHANGED = "changed"  # of status, by a person
    # of a plan, at night
    RENEWED = "renewed"
    NEGATIVE = "negative"  # renewed once beyond the credit: the missing part is owed
    COURTESY = "courtesy"  # ran on for a day without credit: its price is owed
    TRIED = "tried"  # tried ahead of its day, without enough credit
    ASLEEP = "asleep"
    BLOCKED = "blocked"
    LIMITED = "limited"  # the line itself is not in full service, so nothing is charged
    ENDED = "ended"  # not to be renewed
    REMOVED = "removed"  # slept too long
    WITHDRAWN = "withdrawn"  # the operator no longer has the offer
    STUCK = "stuck"
    # of a line, at night
    SUSPENSION_NOTICE = "suspension_notice"
    LOSS_NOTICE = "loss_notice"
    RECEIVE_ONLY = "receive_only"
    OFF = "off"
    FREED = "freed"
    CHANGE_NOTICE = "change_notice"  # of a price that changes or an offer that ends


class Origin(models.TextChoices):
    ORDER = "order"
    NIGHT = "night"
    STAFF = "staff"


class Event(models.Model):
    """One thing that happened to a line: its receipt, its notice, and the head of its entries.

    `amount_minor` is what it cost or brought, `until` the day that it reaches to (paid until, changes on). Never
    changed, never deleted.
    """

    pk = models.CompositePrimaryKey("subscription_id", "number")
    subscription_id = models.BigIntegerField()
    number = models.BigIntegerField()
    kind = models.CharField(max_length=20, choices=Kind.choices)
    origin = models.CharField(max_length=5, choices=Origin.choices)
    on = models.DateField()
    at = models.DateTimeField()
    plan_number = models.BigIntegerField(null=True, blank=True)
    offering_id = models.CharField(max_length=60, blank=True, default="")
    amount_minor = models.BigIntegerField(default=0)
    until = models.DateField(null=True, blank=True)


class Entry(models.Model):
    """`amount_minor` cents go from `credited` to `debited`, both accounts of one line. Never changed, never deleted."""

    pk = models.CompositePrimaryKey("subscription_id", "number", "leg")
    subscription_id = models.BigIntegerField()
    number = models.BigIntegerField()
    leg = models.PositiveSmallIntegerField()
    debited = models.CharField(max_length=10, choices=Account.choices)
    credited = models.CharField(max_length=10, choices=Account.choices)
    amount_minor = models.BigIntegerField()
    origin = models.CharField(max_length=5, choices=Origin.choices)
    booked_on = models.DateField()

    class Meta:
        verbose_name_plural = "entries"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="entry_above_zero"),
            models.CheckConstraint(
                condition=~models.Q(debited=models.F("credited")), name="entry_between_two_accounts"
            ),
            models.CheckConstraint(
                condition=models.Q(debited__in=Account.values, credited__in=Account.values),
                name="entry_in_the_chart",
            ),
        ]
