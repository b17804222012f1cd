"""Proof of a renewal, numbered without a gap."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import Refund
from lineaviva.kernel.agenda.models import AgendaRow

CREDIT_NOTES = "NC"


class ReceiptCounter(models.Model):
    """The last number given by one issuer in one year; locked while a number is taken.

    `series` is empty for receipts, CREDIT_NOTES for those.
    """

    issuer = models.CharField(max_length=8)
    year = models.PositiveSmallIntegerField()
    series = models.CharField(max_length=4, blank=True, default="", db_default="")
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "year", "series"], name="receipt_counter_once")
        ]


class Receipt(models.Model):
    """What was paid for, as it was on that day: `facts` never changes, whatever happens to line, offering or holder."""

    order = models.OneToOneField(ProductOrder, on_delete=models.PROTECT, related_name="receipt")
    issuer = models.CharField(max_length=8)
    year = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    language = models.CharField(max_length=8)
    facts = models.JSONField()  # facts.Facts
    proof_token = models.CharField(max_length=32, unique=True)
    issued_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "year", "number"], name="receipt_number_once")
        ]

    def __str__(self) -> str:
        return self.full_number

    @property
    def full_number(self) -> str:
        return f"{self.issuer}-{self.year}-{self.number:06d}"


class CreditNote(models.Model):
    """Takes back a part of a receipt: of money that was given back although something was delivered for it.

    Numbered without a gap in a series of its own; `facts` never changes.
    """

    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="credit_notes")
    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, related_name="credit_note")
    issuer = models.CharField(max_length=8)
    year = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    language = models.CharField(max_length=8)
    facts = models.JSONField()  # facts.CreditFacts
    issued_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "year", "number"], name="credit_note_number_once")
        ]

    def __str__(self) -> str:
        return self.full_number

    @property
    def full_number(self) -> str:
        return f"{self.issuer}-{CREDIT_NOTES}-{self.year}-{self.number:06d}"


class ReceiptMail(AgendaRow):
    """One sending of a receipt, or of a credit note of it; the first is written with it, each resend is another."""

    receipt = models.ForeignKey(Receipt, on_delete=models.CASCADE, related_name="mails")
    credit_note = models.ForeignKey(CreditNote, on_delete=models.CASCADE, null=True, blank=True, related_name="mails")
    to = models.EmailField()
    state = models.CharField(max_length=8, default="open")  # open, sent
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            # Asked for twice before the first went out, it goes out once.
            models.UniqueConstraint(
                fields=["receipt"],
                condition=models.Q(state="open", credit_note__isnull=True),
                name="one_open_receipt_mail",
            )
        ]
