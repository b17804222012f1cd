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

# Where a part stands; its days are text on SQLite.
_POSITION = ("done_through", "day", "stage", "at_day", "at_subscription", "at_number")
_DAYS = ("done_through", "day", "at_day")


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
        RETURNING part, {", ".join(_POSITION)}, turn{_forgettable()}
    """  # noqa: S608 - texts of ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [holder, _value(as_of), holder])
        # All of it: SQLite does not commit while a statement has more to say.
        found = cursor.fetchall()
    if not found:
        return None
    names = ("part", *_POSITION, "turn")
    read = dict(zip(names, found[0][: len(names)], strict=True))
    return Shard(holder=holder, **{name: _read(name, value) for name, value in read.items()})


def shard_write(shard: Shard, *, lasting: bool = True) -> None:
    """Write where the part stands, in the caller's transaction, and keep it for another lease. Raises ShardLost.

    What does not need to be `lasting` may be lost with the machine: what was done is then found done.
    """
    _write(shard, f"lease_until = {_lease_end()}", _ended_when_silent() if lasting else _forgettable())
    shard.turn += 1


def shard_release(shard: Shard) -> None:
    """Write where the part stands and leave it to anybody. Raises ShardLost."""
    _write(shard, "lease_until = NULL, holder = ''", _forgettable())


def _write(shard: Shard, lease: str, returned: str) -> None:
    columns = "".join(f", {name} = %s" for name in _POSITION)
    sql = f"""
        UPDATE carrier_nightly_shard SET turn = turn + 1, {lease}{columns}
         WHERE part = %s AND holder = %s AND turn = %s RETURNING part{returned}
    """  # noqa: S608 - names and texts of ours
    with connection.cursor() as cursor:
        values = [_value(getattr(shard, name)) for name in _POSITION]
        cursor.execute(sql, [*values, shard.part, shard.holder, shard.turn])
        if not cursor.fetchall():
            raise ShardLost(f"part {shard.part} is somebody else's now")


def shards_waiting(as_of: date) -> Waiting:
    """How many parts are not done through `as_of`."""
    sql = f"""
        SELECT COUNT(*), SUM(CASE WHEN {_FREE[connection.vendor]} THEN 1 ELSE 0 END) FROM carrier_nightly_shard
         WHERE done_through IS NULL OR done_through < %s
    """  # noqa: S608 - names and texts of ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [_value(as_of)])
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
    return f", set_config('idle_in_transaction_session_timeout', '{settings.NIGHT_LEASE_SECONDS}s', true)"


def _forgettable() -> str:
    """This transaction's commit does not wait for the disk."""
    return ", set_config('synchronous_commit', 'off', true)" if connection.vendor == "postgresql" else ""


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) and connection.vendor != "postgresql" else value


def _read(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if name in _DAYS and isinstance(value, str) else value
