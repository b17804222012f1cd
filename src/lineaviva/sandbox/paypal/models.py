"""What the pretend PayPal remembers. Amounts are in minor units, instants seconds since 1970.

Its answers by key, webhooks, knobs and clock are those of the pretend bank, in whose process it lives.
"""

from __future__ import annotations

import secrets

from django.db import models

# As in PayPal's own names; letters that could be taken for digits do not occur.
_LETTERS = "123456789ABCDEFGHJKLMNPRSTUVWXY"


def new_id() -> str:
    """A name of seventeen letters and digits that nobody guesses."""
    return "".join(secrets.choice(_LETTERS) for _ in range(17))


class SavedPayer(models.Model):
    """A payer's account that a shop may charge later: first a setup token by this name, then the payment token."""

    id = models.CharField(primary_key=True, max_length=20)
    status = models.CharField(max_length=25, default="PAYER_ACTION_REQUIRED")  # then APPROVED, VAULTED
    customer = models.CharField(max_length=22, db_index=True)
    token = models.CharField(max_length=20, blank=True, db_index=True)
    forgotten = models.BooleanField(default=False)
    description = models.CharField(max_length=128, blank=True)
    locale = models.CharField(max_length=10, blank=True)
    return_url = models.TextField()
    cancel_url = models.TextField()
    payer = models.CharField(max_length=20, blank=True)
    created = models.BigIntegerField()


class Order(models.Model):
    """What somebody may pay once. `payer` is who approved it, by the choice of the page."""

    id = models.CharField(primary_key=True, max_length=20)
    status = models.CharField(max_length=10, default="CREATED")  # CREATED, APPROVED, COMPLETED
    intent = models.CharField(max_length=10, default="CAPTURE")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=127, blank=True)
    invoice = models.CharField(max_length=127, blank=True)
    custom = models.CharField(max_length=127, blank=True)
    locale = models.CharField(max_length=10, blank=True)
    return_url = models.TextField()
    cancel_url = models.TextField()
    payer = models.CharField(max_length=20, blank=True)
    saved = models.ForeignKey(SavedPayer, on_delete=models.PROTECT, null=True, related_name="orders")
    created = models.BigIntegerField()
    updated = models.BigIntegerField()


class Capture(models.Model):
    """The order's money. The database itself refuses a second one. One that is pending is completed at `due`."""

    id = models.CharField(primary_key=True, max_length=20)
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="capture")
    status = models.CharField(max_length=10)  # PENDING, COMPLETED
    due = models.BigIntegerField(default=0)
    created = models.BigIntegerField(db_index=True)


class Refund(models.Model):
    """`becomes` is what a refund that is pending turns into at `due`."""

    id = models.CharField(primary_key=True, max_length=20)
    capture = models.ForeignKey(Capture, on_delete=models.PROTECT, related_name="refunds")
    amount = models.BigIntegerField()
    status = models.CharField(max_length=10)  # PENDING, COMPLETED, FAILED
    becomes = models.CharField(max_length=10, blank=True)
    due = models.BigIntegerField(default=0)
    custom = models.CharField(max_length=127, blank=True)
    created = models.BigIntegerField()


class Dispute(models.Model):
    """A payer wants a capture back. `outcome` is empty until it is decided."""

    id = models.CharField(primary_key=True, max_length=30)
    capture = models.ForeignKey(Capture, on_delete=models.PROTECT, related_name="disputes")
    amount = models.BigIntegerField()
    reason = models.CharField(max_length=60)
    status = models.CharField(max_length=30)
    outcome = models.CharField(max_length=30, blank=True)
    due = models.BigIntegerField()
    created = models.BigIntegerField()
    updated = models.BigIntegerField()
