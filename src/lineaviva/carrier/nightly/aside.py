"""A batch, whatever is in it: a row that the database refuses is put aside and reported, and the rest is done."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection, transaction

from lineaviva.carrier.nightly.batches import Key, Outcome, Scene, apply_batch, end_of_batch, rows_of
from lineaviva.carrier.nightly.models import Count, Shard
from lineaviva.carrier.nightly.shards import shard_write
from lineaviva.carrier.nightly.statements import Sweep
from lineaviva.carrier.nightly.sweeps import Row
from lineaviva.kernel.mask import scrubbed

log = logging.getLogger(__name__)
_COLUMNS = {"due_on": "at_day", "look_on": "at_day", "subscription_id": "at_subscription", "id": "at_subscription"}


def batch_done(
    shard: Shard, sweep: Sweep, scene: Scene, rows: Sequence[Row], after: Key | None, upto: Key
) -> list[Outcome]:
    """Do one range in one transaction with the part's place; halve it where a row in it spoils it.

    Raises ShardLost, and OperationalError, InterfaceError or ProgrammingError where the database and not a row is at
    fault.
    """
    before = dict(vars(shard))
    try:
        with transaction.atomic():
            shard_write(shard, **place(sweep, upto))
            return apply_batch(scene, sweep, rows, after, upto)
    except (OperationalError, InterfaceError, ProgrammingError):
        # The last: a table or a right that is missing is missing for every row.
        raise
    except DatabaseError as error:
        if connection.connection is None:
            # Whatever the database calls it (a transaction that was silent too long is an "internal error"): no row of
            # the batch broke the connection.
            raise OperationalError(str(error)) from error
        # As we hold it, not as it stands there: it may be somebody else's by now, and then our next write must fail.
        vars(shard).update(before)
        return _halved(shard, sweep, scene, rows, after, upto, error)


def place(sweep: Sweep, key: Key) -> dict[str, Any]:
    """The key as the columns of the part's place."""
    return {_COLUMNS.get(name, "at_number"): value for name, value in zip(sweep.keys, key, strict=True)}


def _halved(
    shard: Shard, sweep: Sweep, scene: Scene, rows: Sequence[Row], after: Key | None, upto: Key, error: DatabaseError
) -> list[Outcome]:
    many = int(rows_of(scene, sweep, "SELECT COUNT(*) FROM {source} WHERE {range}", after, upto)[0][0])
    middle = end_of_batch(scene, sweep, after, many // 2)[0] if many > 1 else None
    if middle is None:
        log.error("one of %s is put aside: %s", sweep.name, scrubbed(str(error)))
        return _put_aside(shard, sweep, scene, after, upto)
    return [
        *batch_done(shard, sweep, scene, rows, after, middle),
        *batch_done(shard, sweep, scene, rows, middle, upto),
    ]


def _put_aside(shard: Shard, sweep: Sweep, scene: Scene, after: Key | None, upto: Key) -> list[Outcome]:
    """The night asks for it again tomorrow; until then it is counted as stuck."""
    with transaction.atomic():
        found = rows_of(scene, sweep, sweep.operators, after, upto)
        shard_write(shard, **place(sweep, upto))
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


_NOTHING = {"lines": 0, "credit_minor": 0, "debt_minor": 0, "discount_minor": 0}


def _day(scene: Scene) -> Any:
    again = scene.day + timedelta(days=1)
    return again if connection.vendor == "postgresql" else again.isoformat()
