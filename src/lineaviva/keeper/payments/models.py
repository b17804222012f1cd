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


class SavedMethod(AgendaRow):
    """A card that its holder lets us charge later. Its number is at the provider only; here is what it is known by.

    `key` finds the page again on which it is saved. Consent is kept with it: when, and by which words of ours.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("To be saved with a payment")
        OPENED = "opened", _("Being saved")
        ACTIVE = "active", _("Saved")
        BROKEN = "broken", _("Does not work any more")
        REMOVING = "removing", _("Being removed")
        REMOVED = "removed", _("Removed")
        GIVEN_UP = "given_up", _("Not saved")

    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="saved_methods")
    provider = models.CharField(max_length=12)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPENED)
    key = models.CharField(max_length=60, unique=True)
    setup_ref = models.CharField(max_length=120, blank=True)
    redirect_url = models.TextField(blank=True)
    customer_ref = models.CharField(max_length=120, blank=True)
    method_ref = models.CharField(max_length=120, blank=True)
    brand = models.CharField(max_length=30, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    label = models.CharField(max_length=80, blank=True, default="", db_default="")  # of what is no card
    card_fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")  # as an attempt's
    expires_on = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)  # why it is broken, a code of errors.REASONS
    words = models.CharField(max_length=20)  # which version of our sentence they agreed to
    consented_at = models.DateTimeField()
    expires_at = models.DateTimeField()  # of the page
    saved_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "method_ref"], condition=~models.Q(method_ref=""), name="saved_method_once"
            ),
            models.UniqueConstraint(
                fields=["holder", "provider"], condition=models.Q(state="opened"), name="one_card_being_saved"
            ),
        ]

    @property
    def shown(self) -> str:
        """What its holder knows it by: "Visa …4242", "PayPal a…@example.org"."""
        brand = {"paypal": "PayPal"}.get(self.brand, self.brand.capitalize())
        return " ".join(part for part in (brand, f"…{self.last4}" if self.last4 else self.label) if part)


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
    # Charged without its holder; None: the payer pays on the provider's page.
    saved = models.ForeignKey(SavedMethod, on_delete=models.PROTECT, null=True, blank=True, related_name="attempts")
    charge_ref = models.CharField(max_length=120, blank=True)  # what a receipt shows and a refund names
    redirect_url = models.TextField(blank=True)
    # Money that came for an order which was closed, or paid by another attempt: it goes back by itself.
    surplus = models.BooleanField(default=False)
    # The payer did their part and the bank has not answered, when it was asked last.
    processing = models.BooleanField(default=False, db_default=False)
    # The same for the same card, and of no use to anybody else: a keyed hash of what its provider tells cards apart by.
    card_fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")
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
        indexes: ClassVar = [
            *AgendaRow.Meta.indexes,
            models.Index(
                fields=["card_fingerprint", "created_at"],
                condition=~models.Q(card_fingerprint=""),
                name="attempt_by_card",
            ),
        ]


class PayerCard(models.Model):
    """A card that has paid here, by its `card_fingerprint`: whoever counts what it paid holds this row meanwhile."""

    fingerprint = models.CharField(max_length=64, primary_key=True)


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


class Dispute(AgendaRow):
    """A payer has their money taken back, by their bank or by PayPal; it stands on the stuck list until it is decided.

    `attempt` is None where it is about no payment of ours. What it moves is posted with the provider's lines.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Wants an answer")
        UNDER_REVIEW = "under_review", _("Answered, not decided")
        WON = "won", _("Decided for us")
        LOST = "lost", _("Decided for the payer")
        CLOSED = "closed", _("Came to nothing")

    UNDECIDED = (State.OPEN, State.UNDER_REVIEW)

    provider = models.CharField(max_length=12)
    provider_ref = models.CharField(max_length=120)
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, null=True, blank=True, related_name="disputes"
    )
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    reason = models.CharField(max_length=60, blank=True)  # in the provider's own word
    answer_by = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["provider", "provider_ref"], name="dispute_once")]


class InboxEvent(AgendaRow):
    """A provider's webhook, kept before it is believed: its payload is only a hint to fetch the object again."""

    class State(models.TextChoices):
        NEW = "new"
        HANDLED = "handled"
        IGNORED = "ignored"

    source = models.CharField(max_length=12)
    external_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=60)
    about = models.CharField(max_length=8)  # as ports.About
    reference = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "external_id"], name="inbox_once")]
