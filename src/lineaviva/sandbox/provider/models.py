"""What the pretend payment provider remembers. Instants are seconds since 1970, as in the API that it speaks."""

from __future__ import annotations

import secrets
import time
from typing import ClassVar

from django.db import models


def new_id(prefix: str) -> str:
    """A name that nobody guesses; later ones sort after earlier ones."""
    return f"{prefix}_{time.time_ns():x}{secrets.token_hex(10)}"


class CheckoutSession(models.Model):
    """A page on which one amount can be paid once, or a card be saved.

    What a saved card pays without its holder has such a row too, which is no page, so that charges, refunds and lists
    are the same for both.
    """

    id = models.CharField(primary_key=True, max_length=60)
    status = models.CharField(max_length=10, default="open")  # open, complete, expired
    mode = models.CharField(max_length=11, default="payment", db_default="payment")  # payment, setup, off_session
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    title = models.CharField(max_length=500)
    detail = models.CharField(max_length=500, blank=True)
    locale = models.CharField(max_length=8, blank=True)
    email = models.CharField(max_length=254, blank=True)
    reference = models.CharField(max_length=200, blank=True)
    success_url = models.TextField()
    cancel_url = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)
    intent_data = models.JSONField(default=dict)
    created = models.BigIntegerField()
    expires_at = models.BigIntegerField(db_index=True)


class SetupIntent(models.Model):
    """A card on its way to being saved, and then the saved card: `customer` and `method` are how a shop calls it."""

    id = models.CharField(primary_key=True, max_length=60)
    session = models.OneToOneField(CheckoutSession, on_delete=models.PROTECT, related_name="setup")
    status = models.CharField(max_length=30, default="requires_payment_method")
    card = models.CharField(max_length=20, blank=True)
    customer = models.CharField(max_length=60, blank=True, db_index=True)
    method = models.CharField(max_length=60, blank=True, db_index=True)
    detached = models.BooleanField(default=False)
    error = models.JSONField(null=True)
    created = models.BigIntegerField()


class PaymentIntent(models.Model):
    """Made when a card is first tried on a session's page, or when a saved card is charged."""

    id = models.CharField(primary_key=True, max_length=60)
    session = models.OneToOneField(CheckoutSession, on_delete=models.PROTECT, related_name="intent")
    status = models.CharField(max_length=30, default="requires_payment_method")
    # The test card that waits for its 3-D Secure step.
    card = models.CharField(max_length=20, blank=True)
    saved = models.ForeignKey(SetupIntent, on_delete=models.PROTECT, null=True, related_name="charged")
    error = models.JSONField(null=True)
    created = models.BigIntegerField()


class Charge(models.Model):
    """One try of one card. The database itself refuses a second success."""

    id = models.CharField(primary_key=True, max_length=60)
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="charges")
    paid = models.BooleanField()
    card = models.CharField(max_length=20)
    failure_code = models.CharField(max_length=40, blank=True)
    created = models.BigIntegerField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["intent"], condition=models.Q(paid=True), name="provider_charged_once")
        ]


class Refund(models.Model):
    """`becomes` is what a refund that is pending turns into at `due`."""

    id = models.CharField(primary_key=True, max_length=60)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="refunds")
    amount = models.BigIntegerField()
    status = models.CharField(max_length=10)
    becomes = models.CharField(max_length=10, blank=True)
    due = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=40, blank=True)
    metadata = models.JSONField(default=dict)
    created = models.BigIntegerField()


class Dispute(models.Model):
    """A cardholder's bank wants a charge back. `taken` and `returned` are when its money moved, 0 for not."""

    id = models.CharField(primary_key=True, max_length=60)
    charge = models.OneToOneField(Charge, on_delete=models.PROTECT, related_name="dispute")
    amount = models.BigIntegerField()
    reason = models.CharField(max_length=60)
    status = models.CharField(max_length=30)
    taken = models.BigIntegerField(default=0)
    returned = models.BigIntegerField(default=0)
    due = models.BigIntegerField()
    created = models.BigIntegerField()


class Event(models.Model):
    """What is told by webhook, frozen as it was then."""

    id = models.CharField(primary_key=True, max_length=60)
    kind = models.CharField(max_length=60)
    sender = models.CharField(max_length=10, default="stripe")  # or paypal
    body = models.JSONField()
    created = models.BigIntegerField()


class Delivery(models.Model):
    """One telling of an event: tried again until it is taken or given up."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    due = models.FloatField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    answer = models.CharField(max_length=80, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due"], name="provider_delivery_due", condition=models.Q(due__isnull=False))
        ]


class KeyedAnswer(models.Model):
    """The answer to a request that carried an Idempotency-Key, given again to the same request."""

    key = models.CharField(primary_key=True, max_length=255)
    request = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created = models.BigIntegerField()


class Knobs(models.Model):
    """How the provider misbehaves; one row."""

    values = models.JSONField(default=dict)
