"""A batch, whatever is in it: a row that the database refuses is put aside and reported, and the rest is done."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection, transaction

from lineaviva.carrier.nightly.batches import (
    Disturbed,
    Done,
    Job,
    Key,
    Outcome,
    Scene,
    Unforeseen,
    apply_batch,
    end_of_batch,
    rows_of,
)
from lineaviva.carrier.nightly.models import Count, Shard
from lineaviva.carrier.nightly.prepared import forgotten
from lineaviva.carrier.nightly.shards import shard_write
from lineaviva.carrier.nightly.statements import Sweep
from lineaviva.kernel.mask import scrubbed

log = logging.getLogger(__name__)
# After one batch that had to be done anew so many are looked at twice at once.
EXACT_FOR = 10
_COLUMNS = {"due_on": "at_day", "look_on": "at_day", "subscription_id": "at_subscription", "id": "at_subscription"}


@dataclass
class Pass:
    """One way through a part's rows. `learn` gives the job with all cases that there are, where some were only guessed.

    `exact_for`: how many more batches look at every row twice.
    """

    shard: Shard
    job: Job
    learn: Callable[[], Job]
    exact_for: int = 0

    @property
    def sweep(self) -> Sweep:
        return self.job.sweep

    @property
    def scene(self) -> Scene:
        return self.job.scene


def batch_done(on: Pass, after: Key | None, upto: Key) -> Done:
    """Do one range in one transaction with the part's place; halve it where a row in it spoils it.

    Raises ShardLost, and OperationalError, InterfaceError or ProgrammingError where the database and not a row is at
    fault.
    """
    exact, before = on.exact_for > 0, dict(vars(on.shard))
    try:
        with transaction.atomic():
            _write_place(on, upto)
            found = apply_batch(on.job, after, upto, exact=exact)
    except Unforeseen:
        vars(on.shard).update(before)
        on.job.end()
        on.job = on.learn()
        return batch_done(on, after, upto)
    except (OperationalError, InterfaceError, ProgrammingError) as error:
        if on.job.statement and on.job.statement.may_last and forgotten(error):
            vars(on.shard).update(before)
            on.job.statement.lost()
            return batch_done(on, after, upto)
        # The last: a table or a right that is missing is missing for every row.
        raise
    except (DatabaseError, Disturbed) as error:
        if connection.connection is None:
            # Whatever the database calls it (a transaction that was silent too long is an "internal error"): no row of
            # the batch broke the connection.
            raise OperationalError(str(error)) from error
        # As we hold it, not as it stands there: it may be somebody else's by now, and then our next write must fail.
        vars(on.shard).update(before)
        if exact:
            return _halved(on, after, upto, error)
        # Somebody else wrote to a line meanwhile, or a line has two plans: then it will not be the only one.
        on.exact_for = EXACT_FOR
        return batch_done(on, after, upto)
    on.exact_for = max(0, on.exact_for - 1)
    return found


def place(sweep: Sweep, key: Key) -> dict[str, Any]:
    """The key as the columns of the part's place."""
    return {_COLUMNS.get(name, "at_number"): value for name, value in zip(sweep.keys, key, strict=True)}


def _halved(on: Pass, after: Key | None, upto: Key, error: Exception) -> Done:
    many = int(rows_of(on.scene, on.sweep, "SELECT COUNT(*) FROM {source} WHERE {range}", after, upto)[0][0])
    middle = end_of_batch(on.scene, on.sweep, after, many // 2)[0] if many > 1 else None
    if middle is None:
        log.error("one of %s is put aside: %s", on.sweep.name, scrubbed(str(error)))
        return Done(_put_aside(on, after, upto), whole=False)
    halves = batch_done(on, after, middle), batch_done(on, middle, upto)
    return Done([*halves[0].outcomes, *halves[1].outcomes], whole=halves[0].whole and halves[1].whole)


def _put_aside(on: Pass, after: Key | None, upto: Key) -> list[Outcome]:
    """The night asks for it again tomorrow; until then it is counted as stuck."""
    scene, sweep = on.scene, on.sweep
    with transaction.atomic():
        found = rows_of(scene, sweep, sweep.operators, after, upto)
        _write_place(on, upto)
        if sweep.put_aside:
            params = scene.params(after, upto) | {"again_on": _day(scene)}
            with connection.cursor() as cursor:
                cursor.execute(scene.sql(sweep, sweep.put_aside, after, upto), params)
        for (operator,) in found:
            count, _ = Count.objects.get_or_create(
                part=scene.part, day=scene.day, operator=operator, outcome="stuck", defaults=_NOTHING
            )
            Count.objects.filter(pk=count.pk).update(lines=count.lines + 1)
    return [Outcome(str(operator), "stuck", 1, 0, 0, 0) for (operator,) in found]


def _write_place(on: Pass, upto: Key) -> None:
    for name, value in place(on.sweep, upto).items():
        setattr(on.shard, name, value)
    shard_write(on.shard)


_NOTHING = {"lines": 0, "credit_minor": 0, "debt_minor": 0, "discount_minor": 0}


def _day(scene: Scene) -> Any:
    again = scene.day + timedelta(days=1)
    return again if connection.vendor == "postgresql" else again.isoformat()
