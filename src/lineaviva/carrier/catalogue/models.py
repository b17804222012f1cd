"""What the operator changes from day to day about its sales; the offerings come from its rulebook file."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Promotion(models.Model):
    """So much off one offering, for whoever buys it from `valid_from` to just before `valid_until`."""

    operator = models.CharField(max_length=24)
    key = models.CharField(max_length=60)
    offering_id = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    off_minor = models.BigIntegerField(default=0)
    off_percent = models.PositiveSmallIntegerField(default=0)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["operator", "key"], name="promotion_key_once"),
            models.CheckConstraint(
                condition=models.Q(valid_until__gt=models.F("valid_from"))
                & models.Q(off_minor__gte=0, off_percent__lte=100)
                & (models.Q(off_minor__gt=0, off_percent=0) | models.Q(off_minor=0, off_percent__gt=0)),
                name="promotion_takes_something_off",
            ),
        ]


class CatalogueResource(models.Model):
    """A TMF620 resource that the operator made itself, as it was sent. One that is sold has an OwnPlan beside it.

    `body` is checked before it is written, and has neither id nor dates: they are `key` and `last_update`.
    """

    class Kind(models.TextChoices):
        CATALOG = "catalog"
        CATEGORY = "category"
        OFFERING = "productOffering"
        PRICE = "productOfferingPrice"
        SPECIFICATION = "productSpecification"

    operator = models.CharField(max_length=24)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    key = models.CharField(max_length=60)
    body = models.JSONField()
    lifecycle_status = models.CharField(max_length=60)
    last_update = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["operator", "kind", "key"], name="catalogue_resource_once")
        ]


class OwnPlan(models.Model):
    """A plan that the operator made itself; those of its rulebook file are on sale without a row here.

    Exactly one of the two periods is given. Allowances as in `rules.Offering`: -1 without limit, None not known.
    `renewal_policy` names one of the operator's in its rulebook file; "" is its usual one. It can be bought from
    `sold_from` to just before `sold_until`; those who have it keep it, until it is withdrawn by an OfferChange.
    """

    operator = models.CharField(max_length=24)
    offering_id = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    price_minor = models.BigIntegerField()
    period_months = models.PositiveSmallIntegerField(null=True, blank=True)
    period_days = models.PositiveSmallIntegerField(null=True, blank=True)
    extends = models.BooleanField(default=False)
    data_mb = models.BigIntegerField(null=True, blank=True)
    minutes = models.BigIntegerField(null=True, blank=True)
    sms = models.BigIntegerField(null=True, blank=True)
    renewal_policy = models.CharField(max_length=40, blank=True, default="")
    sold_from = models.DateTimeField(null=True, blank=True)
    sold_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["operator", "offering_id"], name="own_plan_once"),
            models.CheckConstraint(condition=models.Q(price_minor__gt=0), name="own_plan_price_above_zero"),
            models.CheckConstraint(
                condition=models.Q(period_months__isnull=False, period_months__gt=0, period_days=None)
                | models.Q(period_months=None, period_days__isnull=False, period_days__gt=0),
                name="own_plan_one_period",
            ),
        ]


class OfferChange(models.Model):
    """A price that changes or an offer that ends, announced to the lines that have it; the nightly run gives notice.

    It takes effect at a line's first renewal on or after `from_on`, and never before the line's notice is as old as
    the law asks. `replaced_by`: the id of the offering that takes a withdrawn one's place, where there is one.
    """

    class Kind(models.TextChoices):
        PRICE = "price"
        WITHDRAWN = "withdrawn"

    operator = models.CharField(max_length=24)
    offering_id = models.CharField(max_length=60)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    announced_on = models.DateField()
    from_on = models.DateField()
    price_minor = models.BigIntegerField(null=True, blank=True)
    replaced_by = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind="price", price_minor__isnull=False, price_minor__gt=0, replaced_by="")
                | models.Q(kind="withdrawn", price_minor=None),
                name="offer_change_says_what",
            ),
            models.CheckConstraint(
                condition=models.Q(from_on__gt=models.F("announced_on")), name="offer_change_told_before"
            ),
            models.UniqueConstraint(fields=["operator", "offering_id", "kind", "from_on"], name="offer_change_once"),
        ]
