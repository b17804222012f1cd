"""What people have paid beforehand, every movement of it, and the vouchers that fill it.

Movements are never changed: a trigger refuses it. `proof.py` says what must agree with what.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.kernel.agenda.models import AgendaRow


class Wallet(models.Model):
    """One person's prepaid balance; its row is the lock under which it moves, the last one that is taken."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="wallet")
    balance_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="EUR")
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(balance_minor__gte=0), name="wallet_never_owes")
        ]


class Paid(models.TextChoices):
    """Where the money came in for a voucher or a credit, and where it leaves again."""

    TILL = "till"
    BANK = "bank"
    GIFT = "gift"


class VoucherBatch(AgendaRow):
    """Vouchers that were sold together. Looked at when their time is over: what is left of them expires."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    name = models.CharField(max_length=60, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    count = models.PositiveIntegerField()
    paid = models.CharField(max_length=4, choices=Paid.choices)
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    expires_on = models.DateField()  # the last day on which one is good, in Rome
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta(AgendaRow.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(amount_minor__gt=0, count__gt=0), name="voucher_batch_is_something"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Voucher(models.Model):
    """`pin_hash` is a keyed hash: the PIN itself is shown once, to whoever makes the batch, and kept nowhere."""

    class State(models.TextChoices):
        ACTIVE = "active"
        REDEEMED = "redeemed"
        VOID = "void"
        EXPIRED = "expired"

    batch = models.ForeignKey(VoucherBatch, on_delete=models.PROTECT, related_name="vouchers")
    number = models.PositiveIntegerField()
    pin_hash = models.CharField(max_length=64, unique=True)
    last4 = models.CharField(max_length=4)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    expires_on = models.DateField()
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    redeemed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["batch", "number"], name="voucher_number_once"),
            models.CheckConstraint(
                condition=models.Q(state="redeemed", redeemed_by__isnull=False, redeemed_at__isnull=False)
                | (~models.Q(state="redeemed") & models.Q(redeemed_by__isnull=True, redeemed_at__isnull=True)),
                name="voucher_redeemed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.number}"


class WalletMovement(models.Model):
    """What came (above zero) or went. `key` says what happened, so that it is written once."""

    class Kind(models.TextChoices):
        VOUCHER = "voucher", _("Voucher")
        CREDIT = "credit", _("Credit")
        REFUND = "refund", _("Money back")
        PAYMENT = "payment", _("Renewal")
        DEBIT = "debit", _("Taken out")

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="movements")
    key = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    amount_minor = models.BigIntegerField()
    after_minor = models.BigIntegerField()
    order = models.ForeignKey(ProductOrder, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    voucher = models.OneToOneField(Voucher, on_delete=models.PROTECT, null=True, blank=True, related_name="movement")
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["wallet", "-id"], name="movements_of_wallet")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["voucher", "credit", "refund"], amount_minor__gt=0)
                | models.Q(kind__in=["payment", "debit"], amount_minor__lt=0),
                name="movement_goes_its_way",
            ),
            models.CheckConstraint(condition=models.Q(after_minor__gte=0), name="movement_leaves_no_debt"),
        ]
