"""One worker's night: it takes a part of the lines, brings it day by day to the night asked for, and takes the next.

Each batch is one transaction with its place in the part: a worker that is killed leaves whole batches, and whoever
takes the part over goes on behind the last of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction

from lineaviva import rulebook
from lineaviva.carrier.catalogue.models import OfferChange
from lineaviva.carrier.nightly.aside import Pass, batch_done, place
from lineaviva.carrier.nightly.batches import Job, Key, Outcome, Scene, end_of_batch
from lineaviva.carrier.nightly.known import Known
from lineaviva.carrier.nightly.models import NoticeGiven, Shard
from lineaviva.carrier.nightly.queries import Outlook, first_due, outlook
from lineaviva.carrier.nightly.rules import effective_on
from lineaviva.carrier.nightly.shards import shard_release, shard_write
from lineaviva.carrier.nightly.statements import FEES, LIFE, NEWS, NOTICE, Sweep
from lineaviva.carrier.nightly.sweeps import Offers, Row, Sold, fee_rows, life_rows
from lineaviva.kernel.clock import rome_date

log = logging.getLogger(__name__)
Told = Callable[[Sequence[Outcome]], None]
RowsOf = Callable[[Sequence[Row]], list[Row]]
# A pass leaves what others wrote to meanwhile, and what falls due by its own doing; after so many it is left for the
# next night.
MOST_PASSES = 20


@dataclass(frozen=True)
class Night:
    """`as_of` is the night to reach, `at` the time that rows are stamped with.

    `batch` lines a transaction. `told` hears of each batch when it is committed, `stopped` is asked before each.
    """

    as_of: date
    at: datetime
    batch: int
    told: Told = lambda outcomes: None
    stopped: Callable[[], bool] = lambda: False
    sold: Sold = field(default_factory=Sold)
    known: Known = field(default_factory=Known)

    @property
    def told_on(self) -> date:
        """The day on which its notices are given: today, also where the night is one that was missed."""
        return max(self.as_of, rome_date(self.at))


class Stopped(Exception):
    """The run was asked to stop; everything so far is committed."""


def shard_run(*, shard: Shard, night: Night) -> None:
    """Bring one part to the night. Raises ShardLost, Stopped and what the database raises when it goes away."""
    if shard.day is not None and shard.day > night.as_of:
        # A later night was begun, since nothing was due before it: it keeps its place.
        shard.done_through = night.as_of
    while (day := _next_day(shard, night.as_of)) is not None:
        stages, ahead = list(_STAGES), outlook(shard.part, day)
        for stage in stages[stages.index(Shard.Stage(shard.stage)) :]:
            _STAGES[stage](shard, night, day, ahead)
        _move(shard, done_through=day, day=None, stage=Shard.Stage.NOTICES, **_START)
        if day < night.as_of:
            shard_write(shard, lasting=False)
    shard_release(shard)


_START: dict[str, Any] = {"at_day": None, "at_subscription": None, "at_number": None}


def _next_day(shard: Shard, as_of: date) -> date | None:
    """The next day with work, or `as_of`; None when that is done. Days on which nothing is due are passed over."""
    if shard.done_through is not None and shard.done_through >= as_of:
        return None
    if shard.day is not None:
        return shard.day
    after = shard.done_through + timedelta(days=1) if shard.done_through else None
    if after == as_of:
        return as_of
    due = first_due(shard.part)
    after = after or due
    return min(max(due, after), as_of) if due and after else as_of


def _move(shard: Shard, **position: Any) -> None:
    """In our hands only: it is written with the next batch, or not needed."""
    for name, value in position.items():
        setattr(shard, name, value)


def _begin(shard: Shard, day: date, stage: str) -> None:
    """This stage of the day has work; unless it was begun before: then it goes on at its place."""
    if (shard.day, shard.stage) != (day, stage):
        _move(shard, day=day, stage=stage, **_START)


# --- stages --------------------------------------------------------------------------------------------------------


def _notices(shard: Shard, night: Night, day: date, ahead: Outlook) -> None:
    if not ahead.changes:
        return
    # Not those above the last one: what was entered later may well be announced sooner.
    given = NoticeGiven.objects.filter(part=shard.part).values("change_id")
    for change in OfferChange.objects.filter(announced_on__lte=day).exclude(pk__in=given).order_by("pk"):
        effective = effective_on(change.from_on, night.told_on, rulebook.legal().change_notice_days)
        scene = _scene(shard, night, day, offering=change.offering_id, effective=effective)
        _begin(shard, day, Shard.Stage.NOTICES)
        job = Job(scene, _heard(NOTICE, ahead), [(change.operator,)])
        _pass(shard, night, Pass(shard, job, learn=partial(replace, job)))
        _move(shard, **_START)
        with transaction.atomic():
            shard_write(shard)
            NoticeGiven.objects.get_or_create(part=shard.part, change_id=change.pk, defaults={"on": night.told_on})


def _life(shard: Shard, night: Night, day: date, ahead: Outlook) -> None:
    if ahead.lines:
        scene, sweep = _scene(shard, night, day), _heard(LIFE, ahead)
        _passes(shard, night, Shard.Stage.LIFE, sweep, scene, lambda cases: life_rows(cases, day, night.told_on))


def _fees(shard: Shard, night: Night, day: date, ahead: Outlook) -> None:
    if ahead.plans:
        scene, sweep, offers = _scene(shard, night, day), _heard(FEES, ahead), Offers(shard.part, day, night.sold)
        _passes(shard, night, Shard.Stage.FEES, sweep, scene, lambda cases: fee_rows(cases, offers, day))


_STAGES = {Shard.Stage.NOTICES: _notices, Shard.Stage.LIFE: _life, Shard.Stage.FEES: _fees}


def _scene(shard: Shard, night: Night, day: date, **more: Any) -> Scene:
    return Scene(part=shard.part, day=day, at=night.at, more=more)


def _passes(shard: Shard, night: Night, stage: str, sweep: Sweep, scene: Scene, rows_of: RowsOf) -> None:
    """Go through what is due until nothing is."""

    def learn(guess: bool = False) -> Job:
        cases = night.known.guessed(scene, sweep) if guess else night.known.found(scene, sweep)
        rows = rows_of(cases)
        return Job(scene, sweep.needed(rows), rows, guess)

    for nth in range(MOST_PASSES):
        # Who goes on where another one stopped does not see what that one left out.
        job = learn(guess=nth == 0 and (shard.day, shard.stage) != (scene.day, stage))
        if not job.rows:
            return
        if nth:
            _move(shard, **_START)
        else:
            _begin(shard, scene.day, stage)
        if _pass(shard, night, on := Pass(shard, job, learn)) and not _due_again(on.job):
            return
    log.error("part %s: %s are still due on %s after %s passes", shard.part, sweep.name, scene.day, MOST_PASSES)


def _heard(sweep: Sweep, ahead: Outlook) -> Sweep:
    """The sweep; on nights on which somebody listens, one that keeps the news for them."""
    return replace(sweep, apply=(*sweep.apply, NEWS)) if ahead.listened else sweep


def _due_again(job: Job) -> bool:
    """Whether any of these terms has a row be due on the same day once more."""
    places = [list(job.sweep.cases).index(name) for name in job.sweep.next_days]
    return any(row[place] is not None and row[place] <= job.scene.day for row in job.rows for place in places)


def _pass(shard: Shard, night: Night, on: Pass) -> bool:
    """Whether all that was due is done."""
    whole, more = _place(shard, on.sweep) is None, True
    while more:
        if night.stopped():
            raise Stopped
        after = _place(shard, on.sweep)
        upto, more = end_of_batch(on.scene, on.sweep, after, night.batch)
        done = batch_done(on, after, upto)
        night.told(done.outcomes)
        whole = whole and done.whole
    on.job.end()
    return whole


def _place(shard: Shard, sweep: Sweep) -> Key | None:
    values = [getattr(shard, column) for column in place(sweep, ("",) * len(sweep.keys))]
    return None if None in values else tuple(values)
