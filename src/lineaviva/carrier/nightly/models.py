"""How far the nightly run is, and what it has done so far."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Shard(models.Model):
    """One part of the lines, worked on by one worker at a time.

    It is brought from day to day, on each through the stages in their order; the position is the last row of the stage
    that is done. All of it is written in the transaction that does the work: what is done is never done again, and
    a worker that lost its lease finds the row changed and its work undone. Times are the database's own.
    """

    class Stage(models.TextChoices):
        NOTICES = "notices"  # of prices that change and offers that end
        LIFE = "life"  # of lines: first who is still in service ...
        FEES = "fees"  # ... and then who pays for it

    part = models.PositiveSmallIntegerField(primary_key=True)
    done_through = models.DateField(null=True)  # the last day that is done
    day = models.DateField(null=True)  # being worked on; None: not begun
    stage = models.CharField(max_length=7, choices=Stage.choices, default=Stage.NOTICES)
    at_day = models.DateField(null=True)
    at_subscription = models.BigIntegerField(null=True)
    at_number = models.BigIntegerField(null=True)
    holder = models.CharField(max_length=80, default="")
    lease_until = models.DateTimeField(null=True)
    turn = models.BigIntegerField(default=0)  # raised by each batch: who has another number has lost the shard


class Count(models.Model):
    """What the night of `day` did in one part: so many lines with that outcome, and the money that it moved."""

    part = models.PositiveSmallIntegerField()
    day = models.DateField()
    operator = models.CharField(max_length=24)
    outcome = models.CharField(max_length=20)
    lines = models.BigIntegerField()
    credit_minor = models.BigIntegerField()  # taken from credit
    debt_minor = models.BigIntegerField()  # owed since
    discount_minor = models.BigIntegerField()  # given away

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["part", "day", "operator", "outcome"], name="night_count_once")
        ]


class Run(models.Model):
    """One start of the nightly run on one host: for those who watch it, nothing else depends on it.

    `due` lines were to be done when it began; `lines` are those that had their turn until it ended, on whatever host.
    One that has no end is going on, or was killed.
    """

    as_of = models.DateField()
    host = models.CharField(max_length=40)
    due = models.BigIntegerField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    lines = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)


class NoticeGiven(models.Model):
    """The day on which a part's lines were told of a change; it takes effect for them no sooner than the law allows."""

    part = models.PositiveSmallIntegerField()
    change_id = models.BigIntegerField()
    on = models.DateField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["part", "change_id"], name="notice_given_once")]
