"""A batch, whatever is in it: a row that the database refuses is put aside and reported, and the rest is done."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection, transaction

from lineaviva.carrier.nightly.batches import Disturbed, Key, Outcome, Scene, apply_batch, end_of_batch, rows_of
from lineaviva.carrier.nightly.models import Count, Shard
from lineaviva.carrier.nightly.shards import shard_write
from lineaviva.carrier.nightly.statements import Sweep
from lineaviva.carrier.nightly.sweeps import Row
from lineaviva.kernel.mask import scrubbed

log = logging.getLogger(__name__)
# After one batch that had to be done anew so many are looked at twice at once.
EXACT_FOR = 10
_COLUMNS = {"due_on": "at_day", "look_on": "at_day", "subscription_id": "at_subscription", "id": "at_subscription"}


@dataclass
class Pass:
    """One way through a part's rows. `exact_for`: how many more batches look at every row twice."""

    shard: Shard
    sweep: Sweep
    scene: Scene
    rows: Sequence[Row]
    exact_for: int = 0


def batch_done(on: Pass, after: Key | None, upto: Key) -> list[Outcome]:
    """Do one range in one transaction with the part's place; halve it where a row in it spoils it.

    Raises ShardLost, and OperationalError, InterfaceError or ProgrammingError where the database and not a row is at
    fault.
    """
    exact, before = on.exact_for > 0, dict(vars(on.shard))
    try:
        with transaction.atomic():
            _write_place(on, upto)
            found = apply_batch(on.scene, on.sweep, on.rows, after, upto, exact=exact)
    except (OperationalError, InterfaceError, ProgrammingError):
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


def _halved(on: Pass, after: Key | None, upto: Key, error: Exception) -> list[Outcome]:
    many = int(rows_of(on.scene, on.sweep, "SELECT COUNT(*) FROM {source} WHERE {range}", after, upto)[0][0])
    middle = end_of_batch(on.scene, on.sweep, after, many // 2)[0] if many > 1 else None
    if middle is None:
        log.error("one of %s is put aside: %s", on.sweep.name, scrubbed(str(error)))
        return _put_aside(on, after, upto)
    return [*batch_done(on, after, middle), *batch_done(on, middle, upto)]


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
