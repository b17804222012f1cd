"""The keeper's own books: what became of every cent that people paid, and no row is ever changed.

A posting is one thing that happened; its entries say which accounts it moved and add up to zero in each currency. They
are written by one action (`actions.post`) in the transaction of what happened, and triggers of the second migration
refuse to change or delete rows of either: a mistake is corrected by another posting.

Beside them stands what payment providers list, day by day, and in what it differs from ours.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from lineaviva.kernel.agenda.models import AgendaRow


class Kind(models.TextChoices):
    PAYMENT = "payment"  # money came for an order
    SALE = "sale"  # what was paid for is delivered
    REFUND = "refund"  # money went back by the way it came
    FEE = "fee"  # what a provider takes for its work
    PAYOUT = "payout"  # a provider hands our money to the bank
    DISPUTE = "dispute"  # a payer's bank took money back, or gave it again
    VOUCHER = "voucher"  # vouchers were sold, redeemed, made void, or expired
    CORRECTION = "correction"  # by a person, with a reason


class Posting(models.Model):
    """`key` says what happened, so that it is written once; `reference` is the order's code, or the provider's own."""

    key = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField()
    reference = models.CharField(max_length=120, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["at", "id"], name="postings_by_time"),
            models.Index(fields=["reference"], name="postings_by_reference"),
        ]

    def __str__(self) -> str:
        return self.key


class Entry(models.Model):
    """`amount_minor` above zero is a debit of the account, below zero a credit. `rules.known` has the chart."""

    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, related_name="entries")
    account = models.CharField(max_length=40)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")

    class Meta:
        verbose_name_plural = "entries"
        indexes: ClassVar = [models.Index(fields=["account", "currency"], name="entries_by_account")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(amount_minor=0), name="books_entry_not_zero"),
            models.UniqueConstraint(fields=["posting", "account"], name="books_account_once"),
        ]


class Reconciliation(AgendaRow):
    """One provider's list of one day in UTC: read once when the day is over, each day after the other."""

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"

    provider = models.CharField(max_length=12)
    day = models.DateField()
    state = models.CharField(max_length=4, choices=State.choices, default=State.OPEN)
    lines = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["provider", "day"], name="reconciled_once")]


class StatementLine(models.Model):
    """One line of a provider's list, as it was read. `line` is its own name for it, `key` ours where it told it."""

    provider = models.CharField(max_length=12)
    line = models.CharField(max_length=120)
    kind = models.CharField(max_length=8)  # charge, refund, fee, payout, dispute, other
    reference = models.CharField(max_length=120, blank=True)
    key = models.CharField(max_length=120, blank=True)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="EUR")
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["provider", "at"], name="lines_by_day"),
            models.Index(fields=["provider", "reference"], name="lines_by_reference"),
            models.Index(fields=["provider", "key"], name="lines_by_key", condition=~models.Q(key="")),
        ]
        constraints: ClassVar = [models.UniqueConstraint(fields=["provider", "line"], name="statement_line_once")]


class Difference(AgendaRow):
    """Something in which a provider's list and our rows differ; it stands on the stuck list until it is settled.

    `about` is the list's line where there is one, else our key of what is missing there. Amounts are what either side
    has, None for nothing, as the provider's account sees them: above zero it came.
    """

    class Kind(models.TextChoices):
        MISSING = "missing"  # ours, not on their list
        EXTRA = "extra"  # on their list, not ours
        AMOUNT = "amount"  # on both, with other amounts
        DISPUTE = "dispute"  # a payer's bank took money back, or gave it again

    class State(models.TextChoices):
        OPEN = "open"
        AGREED = "agreed"  # the other side was late
        SETTLED = "settled"  # by a person, with a reason

    provider = models.CharField(max_length=12)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    about = models.CharField(max_length=120)
    reference = models.CharField(max_length=120, blank=True)  # the order's code, else the provider's own
    ours_minor = models.BigIntegerField(null=True, blank=True)
    theirs_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="EUR")
    day = models.DateField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "kind", "about"], name="difference_filed_once")
        ]

    @property
    def lacking_minor(self) -> int:
        """What our account of the provider lacks to have what theirs has."""
        return (self.theirs_minor or 0) - (self.ours_minor or 0)
