"""The operator's books: every cent moves from one account to another, and no row is ever changed.

An account is a name of the chart below together with a line, so that house accounts have no row that every sale must
lock, and every table's key can begin with the line. An entry names both of its accounts and one amount above zero:
there is no way to write half of it, so debits equal credits by the shape of the row and not by good conduct. Triggers
of the first migration refuse to change or delete rows.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from lineaviva.carrier.subscriptions.models import Subscription


class Account(models.TextChoices):
    CREDIT = "credit"  # liability: what the line may still spend
    CLEARING = "clearing"  # asset: what resellers owe for what they sold
    REVENUE = "revenue"  # income
    PROMOTION = "promotion"  # expense: what we gave away
    REFUND = "refund"  # liability: residual credit on its way back to its holder
    COURTESY = "courtesy"  # asset: what a line owes for days it was left on without credit


class Kind(models.TextChoices):
    TOPUP = "topup"
    PLAN = "plan"


class Transaction(models.Model):
    """One business event and its entries. Never changed, never deleted (the database refuses both)."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="transactions")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    at = models.DateTimeField()


class Entry(models.Model):
    """`amount_minor` cents go from `credited` to `debited`, both accounts of one line. Never changed, never deleted."""

    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="entries")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    debited = models.CharField(max_length=10, choices=Account.choices)
    credited = models.CharField(max_length=10, choices=Account.choices)
    amount_minor = models.BigIntegerField()

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
