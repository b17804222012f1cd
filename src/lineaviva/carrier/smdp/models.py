"""Profiles, what is made of them, who is downloading one, what phones reported, what operators are still to hear."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from lineaviva.carrier.smdp.states import State
from lineaviva.kernel.agenda.models import AgendaRow


class Profile(models.Model):
    """One profile, and the one order that it may be under.

    `order_number` counts the orders that it was ever under: whatever was begun under an earlier one is void. `eid` is
    the eUICC it was ordered for, else the one that downloaded it. `matching_id` is NULL where there is none, also for
    an order that only its EID finds. `confirmation_hash` is SHA-256 of the confirmation code, which is nowhere.
    `transaction_id` is the download whose package was handed out last. `failure` says why it is in Error ("8.8.5/6.4").
    `phone` is what the eUICC last said of it (enabled, disabled, deleted), in the order of its `phone_sequence`.
    `major`, `policy_rules` and `size` are what an eUICC must be able to take: the version of the profile package,
    the bits of its PPRs as in tag 99, and bytes.
    """

    iccid = models.CharField(max_length=20, unique=True)
    operator = models.CharField(max_length=24)
    profile_type = models.CharField(max_length=64)
    state = models.CharField(max_length=11, default=State.AVAILABLE, choices=[(s.value, s.value) for s in State])
    eid = models.CharField(max_length=32, blank=True, default="")
    matching_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    confirmation_hash = models.BinaryField(null=True, max_length=32)
    confirmation_failures = models.PositiveSmallIntegerField(default=0)
    order_number = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    transaction_id = models.CharField(max_length=32, blank=True, default="")
    failure = models.CharField(max_length=12, blank=True, default="")
    phone = models.CharField(max_length=8, blank=True, default="")
    phone_sequence = models.BigIntegerField(default=-1)
    major = models.PositiveSmallIntegerField(default=2)
    policy_rules = models.PositiveSmallIntegerField(default=0)
    size = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # The stock of a type, from which orders take the oldest.
            models.Index(
                fields=["operator", "profile_type", "id"],
                condition=models.Q(state=State.AVAILABLE),
                name="profile_in_stock",
            ),
            models.Index(fields=["eid", "id"], condition=~models.Q(eid=""), name="profile_of_euicc"),
        ]

    def __str__(self) -> str:
        return f"profile {self.pk}"


class Package(models.Model):
    """What is downloaded of a profile: apart from it, since it is large and never changes.

    `metadata` is StoreMetadata (BF25). `unprotected` is the profile package as it was imported and `keys` the random
    keys it was protected with, both sealed; `segments` is the protected package, which only those keys open.
    """

    profile = models.OneToOneField(Profile, on_delete=models.CASCADE, primary_key=True, related_name="package")
    metadata = models.BinaryField()
    keys = models.BinaryField()
    segments = models.BinaryField()
    unprotected = models.BinaryField()


class OrderCall(models.Model):
    """A downloadOrder, by a digest of who made which call: however often it comes, it orders once."""

    digest = models.CharField(max_length=64, unique=True)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+", db_index=False)
    order_number = models.PositiveIntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"order {self.order_number} of profile {self.profile_id}"


class Stage(models.TextChoices):
    AUTHENTICATED = "authenticated"
    DELIVERED = "delivered"  # the bound package was handed out, perhaps more than once
    CANCELLED = "cancelled"


class Session(models.Model):
    """A download by one eUICC under one order, from its authentication on. It holds no secret.

    Kept long after `expires_at`, when nothing can be fetched in it any more: by the eUICC's public key in it, a `point`
    of `curve`, a late result is verified. `ci` is the subject key id of the CI under which the server signs. `bound` is
    what came in front of the protected package (`packages.head`) and `otpk` the eUICC's one-time key: a retry with it
    needs no new keys.
    """

    transaction_id = models.CharField(max_length=32, primary_key=True)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="sessions", db_index=False)
    order_number = models.PositiveIntegerField()
    eid = models.CharField(max_length=32)
    stage = models.CharField(max_length=13, choices=Stage.choices, default=Stage.AUTHENTICATED)
    ci = models.BinaryField()
    point = models.BinaryField()
    curve = models.CharField(max_length=16)
    signature = models.BinaryField()  # smdpSignature2, which the eUICC signs again
    otpk = models.BinaryField(default=b"")
    bound = models.BinaryField(default=b"")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["profile", "order_number"], name="session_of_order"),
            models.Index(fields=["created_at"], name="session_age"),
        ]

    def __str__(self) -> str:
        return f"download of profile {self.profile_id}"


class Notice(models.Model):
    """A notification that an eUICC signed, verified and kept as it came; once, however often it comes."""

    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of `raw`
    kind = models.CharField(max_length=7)  # install, enable, disable or delete
    eid = models.CharField(max_length=32)
    iccid = models.CharField(max_length=20, blank=True)
    profile = models.ForeignKey(Profile, on_delete=models.SET_NULL, null=True, related_name="notices")
    sequence = models.BigIntegerField()
    # Of an installation: "installed", or the command and reason it failed with, "4/13".
    result = models.CharField(max_length=20, blank=True, default="")
    raw = models.BinaryField()
    received_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["eid", "iccid"], name="notice_of_euicc")]

    def __str__(self) -> str:
        return f"{self.kind} of profile {self.profile_id}"


class ProgressState(models.TextChoices):
    WAITING = "waiting"
    TOLD = "told"


class Progress(AgendaRow):
    """One ES2+.HandleDownloadProgressInfo for the operator. `failure` names a `Failure`; empty: the point went well.

    `result` is the eUICC's PendingNotification, where there is one.
    """

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="progress")
    operator = models.CharField(max_length=24)
    state = models.CharField(max_length=7, choices=ProgressState.choices, default=ProgressState.WAITING)
    point = models.PositiveSmallIntegerField()
    eid = models.CharField(max_length=32, blank=True)
    failure = models.CharField(max_length=32, blank=True, default="")
    result = models.BinaryField(default=b"")
    at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    answer = models.CharField(max_length=120, blank=True, default="")

    class Meta(AgendaRow.Meta):
        verbose_name_plural = "progress"
        indexes: ClassVar = [
            *AgendaRow.Meta.indexes,
            models.Index(fields=["at"], condition=models.Q(state="told"), name="progress_told"),
        ]
