"""Every try to collect money, every refund, and everything a provider told us."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.kernel.agenda.models import AgendaRow


class AttemptState(models.TextChoices):
    OPEN = "open", _("Waiting")
    SUCCEEDED = "succeeded", _("Paid")
    FAILED = "failed", _("Declined")
    EXPIRED = "expired", _("Not paid in time")


class PaymentAttempt(AgendaRow):
    """One try to collect one order's total from one provider.

    `idempotency_key` is purpose, order and attempt number: sent again it finds the same charge; a new attempt is a
    new charge.
    """

    order = models.ForeignKey(ProductOrder, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    provider = models.CharField(max_length=12)
    state = models.CharField(max_length=10, choices=AttemptState.choices, default=AttemptState.OPEN)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    idempotency_key = models.CharField(max_length=60, unique=True)
    provider_ref = models.CharField(max_length=120, blank=True)  # what `fetch` asks about
    charge_ref = models.CharField(max_length=120, blank=True)  # what a receipt shows and a refund names
    redirect_url = models.TextField(blank=True)
    # Money that came for an order which was closed, or paid by another attempt: it goes back by itself.
    surplus = models.BooleanField(default=False)
    # The payer did their part and the bank has not answered, when it was asked last.
    processing = models.BooleanField(default=False, db_default=False)
    reason = models.CharField(max_length=200, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "number"], name="attempt_number_once"),
            models.UniqueConstraint(fields=["order"], condition=models.Q(state="open"), name="one_open_attempt"),
            models.UniqueConstraint(
                fields=["order"], condition=models.Q(state="succeeded", surplus=False), name="one_paying_attempt"
            ),
            models.UniqueConstraint(
                fields=["provider", "provider_ref"],
                condition=~models.Q(provider_ref=""),
                name="attempt_by_ref",
            ),
        ]


class Refund(AgendaRow):
    """Money on its way back by the way it came: the whole of an attempt's, or parts of it that are no more together.

    `requested_by` is who of operations gave something back for what was delivered; nobody where nothing was delivered
    and the money goes back by itself.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("On its way")
        SUCCEEDED = "succeeded", _("Given back")

    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="refunds")
    number = models.PositiveSmallIntegerField(default=1)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    reason = models.CharField(max_length=200)
    provider_ref = models.CharField(max_length=120, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["attempt", "number"], name="refund_number_once"),
            models.UniqueConstraint(
                fields=["attempt"], condition=models.Q(state="requested"), name="one_refund_on_its_way"
            ),
        ]


class InboxEvent(AgendaRow):
    """A provider's webhook, kept before it is believed: its payload is only a hint to fetch the object again."""

    class State(models.TextChoices):
        NEW = "new"
        HANDLED = "handled"
        IGNORED = "ignored"

    source = models.CharField(max_length=12)
    external_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=60)
    about = models.CharField(max_length=8)  # payment, refund, nothing
    reference = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "external_id"], name="inbox_once")]
