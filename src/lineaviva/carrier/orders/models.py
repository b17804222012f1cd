"""What somebody asked the operator to do for a line, and how it was decided: once, for good."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Kind(models.TextChoices):
    TOPUP = "topup"
    PLAN = "plan"


class Status(models.TextChoices):
    COMPLETED = "completed"
    FAILED = "failed"


class ServiceOrder(models.Model):
    """A top-up (TMF654) or a plan (TMF622) for one number.

    `reference` is the requester's own and decides once: sent again it finds this row, done or refused, whatever became
    of the line since. None: the requester gave none, so nothing protects it from asking twice.
    """

    operator = models.CharField(max_length=24)
    requester = models.CharField(max_length=40)
    reference = models.CharField(max_length=64, null=True, blank=True)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    msisdn = models.CharField(max_length=16)
    offering_id = models.CharField(max_length=60)
    amount_minor = models.BigIntegerField(null=True, blank=True)  # asked for; top-ups only
    body = models.JSONField(default=dict)  # the resource as it was posted, to be shown again
    status = models.CharField(max_length=9, choices=Status.choices)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    subscription_id = models.BigIntegerField(null=True)
    event_number = models.BigIntegerField(null=True)  # of the line's event that it became
    plan_number = models.BigIntegerField(null=True)  # of the line's plan that it started
    price_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    received_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["operator", "requester", "reference"], name="service_order_reference_once"),
            models.CheckConstraint(
                condition=models.Q(
                    status=Status.COMPLETED, subscription_id__isnull=False, event_number__isnull=False, code=""
                )
                | (models.Q(status=Status.FAILED, event_number=None) & ~models.Q(code="")),
                name="service_order_done_or_refused",
            ),
            models.UniqueConstraint(fields=["subscription_id", "event_number"], name="service_order_event_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["operator", "kind", "id"], name="service_order_listed")]


class MoveKind(models.TextChoices):
    ADJUST = "adjust"
    TRANSFER = "transfer"


class CreditMove(models.Model):
    """Credit that was corrected by hand, or moved from a line to another one, `receiver_id` (TMF654).

    `amount_minor` is below zero where an adjustment took credit back. `reference` decides once, as a ServiceOrder's
    does; but what was refused is not kept: nobody paid for it.
    """

    operator = models.CharField(max_length=24)
    requester = models.CharField(max_length=40)
    reference = models.CharField(max_length=64, null=True, blank=True)
    kind = models.CharField(max_length=8, choices=MoveKind.choices)
    subscription_id = models.BigIntegerField()
    event_number = models.BigIntegerField()
    receiver_id = models.BigIntegerField(null=True)
    receiver_event_number = models.BigIntegerField(null=True)
    amount_minor = models.BigIntegerField()
    body = models.JSONField(default=dict)  # the resource as it was posted, to be shown again
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["operator", "requester", "kind", "reference"], name="move_reference_once"),
            models.UniqueConstraint(fields=["subscription_id", "event_number"], name="move_event_once"),
            models.CheckConstraint(
                condition=(models.Q(kind=MoveKind.ADJUST, receiver_id=None, receiver_event_number=None))
                | models.Q(
                    kind=MoveKind.TRANSFER,
                    receiver_id__isnull=False,
                    receiver_event_number__isnull=False,
                    amount_minor__gt=0,
                ),
                name="move_has_what_its_kind_has",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["operator", "kind", "id"], name="move_listed")]


class CancelRequest(models.Model):
    """Somebody wanted an order undone (TMF622). Orders are decided at once, so it always comes too late."""

    operator = models.CharField(max_length=24)
    requester = models.CharField(max_length=40)
    order = models.ForeignKey(ServiceOrder, on_delete=models.PROTECT, related_name="cancel_requests")
    reason = models.CharField(max_length=500, blank=True)
    wanted_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["operator", "id"], name="cancel_request_listed")]
