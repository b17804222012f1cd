"""Who works on which part: a lease on a row, by the database's clock, so that hosts need not agree on the time.

A host that the network cuts off may leave a transaction open on the server, and in it the lock on the row: its part
would be nobody's for as long as the server thinks that it is there. So the server ends such a transaction, too, when
it has heard nothing for a lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection

from lineaviva.carrier.nightly.models import Shard
from lineaviva.carrier.partitions import parts


class ShardLost(Exception):
    """Somebody else has the part now: what was begun must not be committed."""


@dataclass(frozen=True)
class Waiting:
    """Parts that are not done: those that anybody may take now, and those that somebody works on."""

    free: int
    held: int


def shards_prepare() -> None:
    """A row for each part there is."""
    Shard.objects.bulk_create([Shard(part=part) for part in parts()], ignore_conflicts=True)


def shard_claim(*, holder: str, as_of: date) -> Shard | None:
    """A part that is not done through `as_of` and that nobody else works on, or None. It is ours for a lease."""
    skip = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    sql = f"""
        UPDATE carrier_nightly_shard SET holder = %s, lease_until = {_lease_end()}, turn = turn + 1
         WHERE part = (SELECT part FROM carrier_nightly_shard
                        WHERE (done_through IS NULL OR done_through < %s)
                          AND ({_FREE[connection.vendor]} OR holder = %s)
                        ORDER BY part LIMIT 1 {skip})
        RETURNING part
    """  # noqa: S608 - texts of ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [holder, _day(as_of), holder])
        # All of it: SQLite does not commit while a statement has more to say.
        found = cursor.fetchall()
    return Shard.objects.get(part=found[0][0]) if found else None


def shard_write(shard: Shard, **changes: Any) -> None:
    """Move the part on, in the caller's transaction, and keep it for another lease. Raises ShardLost."""
    for name, value in changes.items():
        setattr(shard, name, value)
    columns = "".join(f", {name} = %s" for name in changes)
    sql = f"""
        UPDATE carrier_nightly_shard SET turn = turn + 1, lease_until = {_lease_end()}{columns}
         WHERE part = %s AND holder = %s AND turn = %s {_ended_when_silent()}
    """  # noqa: S608 - names and texts of ours
    with connection.cursor() as cursor:
        values = [_day(value) if isinstance(value, date) else value for value in changes.values()]
        cursor.execute(sql, [*values, shard.part, shard.holder, shard.turn])
        if cursor.rowcount != 1:
            raise ShardLost(f"part {shard.part} is somebody else's now")
    shard.turn += 1


def shard_release(shard: Shard) -> None:
    """Leave the part to anybody."""
    Shard.objects.filter(part=shard.part, holder=shard.holder, turn=shard.turn).update(holder="", lease_until=None)


def shards_waiting(as_of: date) -> Waiting:
    """How many parts are not done through `as_of`."""
    sql = f"""
        SELECT COUNT(*), SUM(CASE WHEN {_FREE[connection.vendor]} THEN 1 ELSE 0 END) FROM carrier_nightly_shard
         WHERE done_through IS NULL OR done_through < %s
    """  # noqa: S608 - names and texts of ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [_day(as_of)])
        every, free = cursor.fetchone()
    return Waiting(free=int(free or 0), held=int(every) - int(free or 0))


_FREE = {
    "postgresql": "(lease_until IS NULL OR lease_until < clock_timestamp())",
    "sqlite": "(lease_until IS NULL OR lease_until < strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now'))",
}


def _lease_end() -> str:
    seconds = settings.NIGHT_LEASE_SECONDS
    if connection.vendor == "postgresql":
        return f"clock_timestamp() + interval '{seconds} seconds'"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+{seconds} seconds')"


def _ended_when_silent() -> str:
    """For this transaction only, with the statement that takes the lock: between two there would be a gap."""
    if connection.vendor != "postgresql":
        return ""
    return f"RETURNING set_config('idle_in_transaction_session_timeout', '{settings.NIGHT_LEASE_SECONDS}s', true)"


def _day(day: date) -> Any:
    return day if connection.vendor == "postgresql" else day.isoformat()
