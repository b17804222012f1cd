"""What can be bought for a line, what it costs now, and the quote that holds that price for a while."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.lines.models import Line
from lineaviva.kernel.agenda.models import AgendaRow


class CatalogueSource(AgendaRow):
    """One operator's catalogue, from its rulebook and its carrier's TMF620 if there is one; read again in time."""

    operator = models.CharField(max_length=24, unique=True)
    state = models.CharField(max_length=8, default="live")
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta(AgendaRow.Meta):
        pass


class Offering(models.Model):
    """A ProductOffering of one operator. Whatever is not known is null, and is shown as not known.

    `allowances` holds data_mb, minutes, sms, eu_roaming_mb (-1: without limit) and calls_to_china (false, or a text by
    language code). Where the carrier lists what the rulebook also knows, the carrier's price and name stand here and
    `source_url`, `source_date` and `note` still say where the rest is known from.
    """

    class Kind(models.TextChoices):
        TOPUP = "topup", _("Top-up")
        PLAN = "plan", _("Plan")

    key = models.CharField(max_length=80, unique=True)  # operator:external id
    operator = models.CharField(max_length=24, db_index=True)
    external_id = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=120)
    price_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="EUR")
    period_months = models.PositiveSmallIntegerField(null=True, blank=True)
    period_days = models.PositiveSmallIntegerField(null=True, blank=True)
    allowances = models.JSONField(default=dict)
    # True, False or None: whether buying it moves the line's dates is itself a fact that can be unknown.
    extends = models.BooleanField(null=True)
    # Listed by a carrier that we reach, so it can be activated from here; the others are for comparing.
    sellable = models.BooleanField(default=False)
    source = models.CharField(max_length=10)  # rulebook or tmf620
    source_url = models.CharField(max_length=300, blank=True)
    source_date = models.CharField(max_length=20, blank=True)
    note = models.TextField(blank=True)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)  # half-open
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.key


class Promotion(models.Model):
    """A period, its conditions and what it takes off. Applied by the quote only.

    With a `code` it is for those who type that, and may be limited in number: a use is a quote that an order took.
    """

    key = models.CharField(max_length=120, unique=True)
    operator = models.CharField(max_length=24, db_index=True)  # empty, with a code only: every operator
    code = models.CharField(max_length=30, blank=True, default="", db_default="")  # as rules.code_read gives it
    uses_most = models.PositiveIntegerField(null=True, blank=True)
    person_most = models.PositiveSmallIntegerField(null=True, blank=True)
    # None: every offering of the operator.
    offering = models.ForeignKey(Offering, on_delete=models.CASCADE, null=True, related_name="promotions")
    name = models.CharField(max_length=120)
    off_minor = models.BigIntegerField(default=0)
    off_percent = models.PositiveSmallIntegerField(default=0)
    valid_from = models.DateTimeField()
    # Half-open: not valid at this instant any more. None: until its carrier stops listing it.
    valid_until = models.DateTimeField(null=True, blank=True)
    # minimum_minor, sim_type, once_per_line: all that are named must hold.
    conditions = models.JSONField(default=dict)
    source = models.CharField(max_length=10, default="staff")  # staff or tmf620

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(off_minor__gte=0, off_percent__lte=100), name="promotion_takes_off"
            ),
            models.UniqueConstraint(fields=["code"], condition=~models.Q(code=""), name="promotion_code_once"),
        ]

    def __str__(self) -> str:
        return self.key


class Quote(models.Model):
    """A price held for one line and offering until `valid_until`."""

    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="quotes")
    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, related_name="quotes")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, null=True, related_name="quotes")
    price_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    created_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    # Written when an order takes the quote; a promotion that counts once per line is counted by this.
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["promotion", "asked_by"],
                condition=models.Q(used_at__isnull=False, promotion__isnull=False),
                name="quotes_that_used",
            )
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(
                    total_minor=models.F("price_minor") - models.F("discount_minor"),
                    discount_minor__gte=0,
                    total_minor__gte=0,
                ),
                name="quote_adds_up",
            )
        ]
