"""The statements behind the agenda, and how records become instances.

By hand, since the ORM has neither UPDATE ... RETURNING nor many rows of different values in one UPDATE, and since this
is the path that every step takes: bench/agenda.py measures it. Names come from our own models; values are parameters.
"""
# ruff: noqa: S608

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache, lru_cache
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.base import ModelState
from django.db.models.expressions import Col
from django.db.models.signals import post_init, pre_init
from django.db.utils import DEFAULT_DB_ALIAS

if TYPE_CHECKING:
    from lineaviva.kernel.agenda.models import AgendaRow
    from lineaviva.kernel.agenda.registry import Handler

Statement = tuple[str, list[Any]]
_new: Any = object.__new__
Mark = tuple[datetime, Any]  # look_at and key of a row

# A lease that ran out is a step that never ended: it counts as failed, so that a row that kills its worker gets stuck.
_LEASE = (
    "leased_until = %s, leased_by = %s, failures = CASE WHEN leased_until IS NULL THEN failures ELSE failures + 1 END"
)
_LEASE_COLUMNS = ("leased_until", "leased_by")
_WENT_WELL = ["failures = 0", "delays = 0", "last_error = ''", "stuck_reason = ''"]
_OWN = {"look_at", "leased_until", "leased_by", "wakes", "failures", "delays", "last_error", "stuck_reason"}
# Values of these types go to the driver as they are; for all others the field is asked.
_PLAIN: dict[type, type] = {
    models.CharField: str,
    models.TextField: str,
    models.IntegerField: int,
    models.SmallIntegerField: int,
    models.PositiveIntegerField: int,
    models.PositiveSmallIntegerField: int,
    models.BigIntegerField: int,
    models.BooleanField: bool,
}


def database() -> BaseDatabaseWrapper:
    """This thread's connection itself: `django.db.connection` looks it up again at each access."""
    return connections[DEFAULT_DB_ALIAS]


def whole(several: bool) -> AbstractContextManager[Any]:
    """A transaction for `several` statements. A single one is whole by itself: that saves two round trips."""
    return transaction.atomic() if several or database().in_atomic_block else nullcontext()


class Table:
    """The table of one model, on PostgreSQL or SQLite."""

    def __init__(self, model: type[AgendaRow], postgres: bool) -> None:
        fields: list[Any] = list(model._meta.concrete_fields)
        self.model = model
        self.postgres = postgres
        # PostgreSQL takes all rows of `write` in one statement, SQLite one after the other.
        self.writes_at_once = postgres
        self._quote: Any = database().ops.quote_name
        self._name = self._quote(model._meta.db_table)
        self._primary = cast(Any, model._meta.pk)
        self._key = self._quote(self._primary.column)
        self.key: str = self._primary.attname
        self._attnames = [field.attname for field in fields]
        self.has_state = "state" in self._attnames
        own = [base for base in model.__mro__ if base not in models.Model.__mro__]
        self._ordinary = not (
            any({"__init__", "from_db"} & vars(base).keys() for base in own)
            or pre_init.has_listeners(model)
            or post_init.has_listeners(model)
        )
        # A claim knows the first two: it has just set them.
        self._claimed = [*_LEASE_COLUMNS, *(name for name in self._attnames if name not in _LEASE_COLUMNS)]
        self._columns = ", ".join(self._quote(field.column) for field in fields if field.attname not in _LEASE_COLUMNS)
        every = ", ".join(self._quote(field.column) for field in fields)
        # Not FOR UPDATE: whoever writes a row that names this one need not wait, nor, at their commit, wait for us who
        # may be waiting for them. No key is ever changed.
        lock = " FOR NO KEY UPDATE" if postgres else ""
        self._lock = f"SELECT {every} FROM {self._name} WHERE {self._key} = %s{lock}"
        self._wake = (
            f"UPDATE {self._name} SET wakes = wakes + 1, look_at = CASE WHEN look_at < %s THEN look_at ELSE %s END "
            f"WHERE {self._key} = %s RETURNING look_at, wakes"
        )
        self._converters = [
            (field.attname, convert, Col(model._meta.db_table, field))
            for field in fields
            for convert in self._converters_of(field)
        ]
        self._fields = {field.attname: field for field in fields} | {field.name: field for field in fields}
        self._plain = {name: _PLAIN.get(type(field), NoneType) for name, field in self._fields.items()}

    def _converters_of(self, field: Any) -> list[Callable[..., Any]]:
        if field.attname in _LEASE_COLUMNS:
            return []
        if type(field) is models.DateTimeField:
            return [] if self.postgres else [lambda value, *_: instant(value)]
        column = Col(self.model._meta.db_table, field)
        return [*database().ops.get_db_converters(column), *column.get_db_converters(database())]

    # --- claiming ---------------------------------------------------------------------------------------------------

    def next_look(self, handler: Handler, now: datetime, until: datetime) -> Statement:
        """The earliest look_at of a row that nobody holds. Not after `until`: else rows that wait in other states would
        all be gone through, each time."""
        where, values = self._free(handler, now, None)
        order = f"ORDER BY look_at, {self._key} LIMIT 1"
        return f"SELECT look_at FROM {self._name} WHERE look_at <= %s AND {where} {order}", [self.stamp(until), *values]

    def due(self, handler: Handler, now: datetime, limit: int, after: Mark | None = None) -> Statement:
        """The keys of due rows, oldest first, locked and passing over locked ones where the database can.

        `after` is where the last claim ended. On PostgreSQL the index still holds what was claimed before it, dead,
        until the next vacuum; to wade through that would take longer with every batch.
        """
        where, values = self._free(handler, now, after)
        order = f"ORDER BY look_at, {self._key} LIMIT {limit:d}" + (
            " FOR NO KEY UPDATE SKIP LOCKED" if self.postgres else ""
        )
        return f"SELECT {self._key} FROM {self._name} WHERE look_at <= %s AND {where} {order}", [
            self.stamp(now),
            *values,
        ]

    def claim(self, handler: Handler, now: datetime, limit: int, token: str, after: Mark | None) -> Statement:
        """Lease due rows and return their records."""
        due, values = self.due(handler, now, limit, after)
        # ARRAY(...) is worked out once; under IN the planner may repeat the subquery and lock more than `limit`.
        chosen = f"= ANY(ARRAY({due}))" if self.postgres else f"IN ({due})"
        sql = f"UPDATE {self._name} SET {_LEASE} WHERE {self._key} {chosen} RETURNING {self._columns}"
        return sql, [self.stamp(now + handler.lease), token, *values]

    def claim_one(self, handler: Handler, now: datetime, key: Any, token: str) -> Statement:
        sql = f"UPDATE {self._name} SET {_LEASE} WHERE {self._key} = %s RETURNING {self._columns}"
        return sql, [self.stamp(now + handler.lease), token, key]

    def set_aside(self, key: Any, reason: str) -> Statement:
        sql = f"UPDATE {self._name} SET look_at = NULL, stuck_reason = %s WHERE {self._key} = %s"
        return sql, [reason, key]

    def load(self, statement: Statement, leased_until: datetime, leased_by: str) -> list[AgendaRow]:
        """Run a claim; its rows as the ORM would have loaded them. Raises what a field raises on a value gone bad."""
        db = database()
        with _cursor(db, self.postgres) as cursor:
            cursor.execute(*statement)
            records = cursor.fetchall()
        lease = leased_until, leased_by
        return [self._instance(dict(zip(self._claimed, lease + one, strict=True)), db) for one in records]

    def lock(self, key: Any) -> AgendaRow | None:
        """One row as it is, locked until the transaction ends; None where there is none."""
        db = database()
        with db.cursor() as cursor:
            if self.postgres:
                _read_times_in_c(cursor.cursor)
            cursor.execute(self._lock, [self._primary.get_db_prep_value(key, db)])
            found = cursor.fetchone()
        if found is None:
            return None
        values = dict(zip(self._attnames, found, strict=True))
        values["leased_until"] = instant(values["leased_until"])
        return self._instance(values, db)

    def _instance(self, values: dict[str, Any], db: BaseDatabaseWrapper) -> AgendaRow:
        for name, convert, column in self._converters:
            values[name] = convert(values[name], column, db)
        if not self._ordinary:
            return self.model.from_db(db.alias, self._attnames, [values[name] for name in self._attnames])
        # What from_db comes to for an ordinary model, at a third of its cost.
        row: AgendaRow = _new(self.model)
        values["_state"] = state = ModelState()
        state.adding, state.db = False, db.alias
        row.__dict__ = values
        return row

    def _free(self, handler: Handler, now: datetime, after: Mark | None) -> Statement:
        """What is not leased. `look_at IS NOT NULL` lets both databases see that the partial index will do."""
        where, values = "look_at IS NOT NULL AND (leased_until IS NULL OR leased_until < %s)", [self.stamp(now)]
        if after is not None:
            where += f" AND (look_at, {self._key}) > (%s, %s)"
            values += [self.stamp(after[0]), after[1]]
        if handler.states is not None:
            where += f" AND state IN ({', '.join(['%s'] * len(handler.states))})"
            values += handler.states
        return where, values

    def wake(self, key: Any, now: datetime) -> tuple[datetime | None, int] | None:
        """Make one row due at `now`, or leave it as due as it is; its look_at and wakes then, None where it is gone."""
        at = self.stamp(now)
        with database().cursor() as cursor:
            cursor.execute(self._wake, [at, at, self._primary.get_db_prep_value(key, database())])
            # All of it: SQLite does not commit while a statement has more to say.
            found = cursor.fetchall()
        return (instant(found[0][0]), found[0][1]) if found else None

    # --- writing ----------------------------------------------------------------------------------------------------
    # In both: a row that was woken during the step stays as due as the waker made it. One whose look_at somebody
    # changed otherwise is looked at when either of the two says: too early costs a look, too late may cost a line.

    def stamp(self, at: datetime) -> Any:
        """An instant as this database's driver takes it; as text for SQLite, in the form in which Django writes it."""
        return at if self.postgres else _utc_text(at)

    def instants(self, column: list[Any]) -> list[str | None]:
        """Instants, or None, as `write` takes them. Raises AttributeError or TypeError on anything else."""
        text = _text if self.postgres else _utc_text
        return [None if at is None else text(at) for at in column]

    def values(self, name: str, column: list[Any]) -> list[Any]:
        """New values of a column as the driver takes them. Raises KeyError, TypeError or ValueError."""
        if {*map(type, column)} <= {self._plain[name], NoneType}:
            return column
        return [None if value is None else self._value(name, value) for value in column]

    def _value(self, name: str, value: Any) -> Any:
        if hasattr(value, "resolve_expression"):
            raise TypeError(f"{name}: an expression cannot be written with a batch; use settle")
        return self._fields[name].get_db_prep_save(value.pk if isinstance(value, models.Model) else value, database())

    @cache  # noqa: B019 - tables live as long as the process
    def update(self, names: tuple[str, ...], guarded: bool, well: bool) -> str:
        """The statement for `write`. `guarded`: only rows whose state is as claimed. `well`: failures are forgotten.

        Raises TypeError if one of `names` is the agenda's own.
        """
        if well and not _OWN.isdisjoint(names):
            raise TypeError(f"{', '.join(sorted(_OWN.intersection(names)))}: only the agenda writes that")
        return (
            self._update_postgres(names, guarded, well) if self.postgres else self._update_sqlite(names, guarded, well)
        )

    def write(self, statement: str, token: str, state: str | None, columns: Sequence[list[Any]]) -> int:
        """Write keys, wakes and look_at as claimed, new look_at, new values; returns how many rows were found."""
        with _cursor(database(), self.postgres) as cursor:
            if self.postgres:
                cursor.execute(statement, [*map(_array, columns), token, state])
            else:
                cursor.executemany(statement, [(token, state, *row) for row in zip(*columns, strict=True)])
            return int(cursor.rowcount)

    def _update_postgres(self, names: tuple[str, ...], guarded: bool, well: bool) -> str:
        types = [_array_type(self._primary), "bigint", "timestamptz", "timestamptz"]
        arrays = ", ".join(f"%s::{kind}[]" for kind in types + [_array_type(self._fields[name]) for name in names])
        columns = ", ".join(["id", "wakes", "seen", "look_at", *(f"c{place}" for place in range(len(names)))])
        return (
            f"UPDATE {self._name} AS t SET {self._sets(names, well, 'v.c{}'.format)}, look_at = CASE "
            "WHEN t.wakes <> v.wakes THEN t.look_at "
            "WHEN t.look_at IS DISTINCT FROM v.seen THEN LEAST(t.look_at, v.look_at) ELSE v.look_at END "
            f"FROM unnest({arrays}) AS v({columns}) WHERE t.{self._key} = v.id AND "
            # Within COALESCE, of which the planner has no opinion: it would think that one row has this token, and go
            # through the new values again for each that has.
            + f"COALESCE(t.leased_by = %s AND {'t.state IS NOT DISTINCT FROM %s' if guarded else '%s::text IS NULL'})"
        )

    def _update_sqlite(self, names: tuple[str, ...], guarded: bool, well: bool) -> str:
        return (
            f"UPDATE {self._name} SET {self._sets(names, well, lambda place: f'?{place + 7}')}, look_at = CASE "
            "WHEN wakes <> ?4 THEN look_at WHEN look_at IS ?5 THEN ?6 "
            "ELSE COALESCE(MIN(look_at, ?6), look_at, ?6) END "
            f"WHERE {self._key} = ?3 AND leased_by = ?1 AND " + ("state IS ?2" if guarded else "?2 IS NULL")
        )

    def _sets(self, names: Sequence[str], well: bool, new: Callable[[int], str]) -> str:
        columns = [self._quote(self._fields[name].column) for name in names]
        sets = ["leased_until = NULL", "leased_by = ''", *(_WENT_WELL if well else [])]
        return ", ".join(sets + [f"{column} = {new(place)}" for place, column in enumerate(columns)])


@cache
def _table(model: type[AgendaRow], postgres: bool) -> Table:
    return Table(model, postgres)


def table_of(model: type[AgendaRow]) -> Table:
    return _table(model, database().vendor == "postgresql")


# Rows of one batch often share their instants.
@lru_cache(maxsize=4096)
def _text(at: datetime) -> str:
    return str(at)


@lru_cache(maxsize=4096)
def _utc_text(at: datetime) -> str:
    return str(at if at.tzinfo is UTC else at.astimezone(UTC))[:-6]


@lru_cache(maxsize=4096)
def instant(value: Any) -> datetime | None:
    """What SQLite gives for an instant (text, or without a zone), aware; it stores UTC."""
    found: datetime | None = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _array_type(field: Any) -> str:
    # Without a length: a cast would cut a text that is too long, where the assignment refuses it.
    return re.sub(r"\(.*\)", "", field.cast_db_type(database()))


def _array(values: list[Any]) -> Any:
    """A PostgreSQL array literal for the common types, several times faster than the driver's; else the list itself."""
    kinds = {*map(type, values)}
    if kinds == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    if kinds == {str}:
        text = '","'.join(values)
        # Seldom anything in it that must be quoted: one look at all of it is less than one at each.
        if "\\" not in text and text.count('"') == 2 * (len(values) - 1):
            return '{"' + text + '"}'
    if kinds <= {int, NoneType}:
        return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"
    if kinds <= {str, NoneType}:
        return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"
    return values


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def _cursor(db: BaseDatabaseWrapper, postgres: bool) -> Iterator[Any]:
    """Django's cursor on SQLite. On PostgreSQL the driver's own, which sends values beside the statement instead of
    in its text: half the work for many rows."""
    with db.cursor() as cursor:
        if not postgres:
            yield cursor
            return
        import psycopg  # only where it is there already

        own: Any
        with psycopg.Cursor(db.connection) as own:
            _read_times_in_c(own)
            yield db.make_debug_cursor(own) if db.queries_logged else db.make_cursor(own)


def _read_times_in_c(cursor: Any) -> None:
    """Django reads timestamptz in Python; the driver has the same UTC instants in a tenth of the time."""
    import psycopg

    times = psycopg.adapters.types["timestamptz"].oid
    loader = psycopg.adapters.get_loader(times, psycopg.pq.Format.TEXT)
    if loader is not None:
        cursor.adapters.register_loader(times, loader)
