"""One batch of a sweep: where it ends, which cases it has, and running it on the database at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection

from lineaviva.carrier.ledger.models import Entry, Event
from lineaviva.carrier.nightly.statements import SUMMARY, Sweep, as_one
from lineaviva.carrier.partitions import table
from lineaviva.carrier.subscriptions.models import Plan, Subscription

Key = tuple[Any, ...]
# Keys that are days: none that is due is later than the night. The others are numbers, of which this is the last.
DAYS = ("due_on", "look_on")
LAST = 2**63 - 1
Row = Sequence[Any]
# Of what SUMMARY finds, the column that counts lines.
_LINES = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """So many lines of an operator with that outcome, and the cents that it moved."""

    operator: str
    outcome: str
    lines: int
    credit_minor: int
    debt_minor: int
    discount_minor: int


@dataclass(frozen=True)
class Scene:
    """Where and when a sweep works: one part, one day. `more` are further parameters of its statements."""

    part: int
    day: date
    at: datetime
    origin: str = "night"
    more: dict[str, Any] = field(default_factory=dict)

    def params(self, after: Key | None = None, upto: Key | None = None) -> dict[str, Any]:
        found = {"part": self.part, "day": self.day, "at": self.at, "origin": self.origin, **self.more}
        for name, key in (("after", after), ("upto", upto)):
            found |= {f"{name}{place}": value for place, value in enumerate(key or ())}
        return {name: _plain(value) for name, value in found.items()}

    def sql(self, sweep: Sweep, text: str, after: Key | None, upto: Key | None) -> str:
        """The statement for this part's tables and that range of keys: above `after`, up to `upto`."""
        return _put(
            text,
            range=" AND ".join([sweep.due, *_limits(sweep, after, upto)]),
            source=sweep.source,
            **{name: table(model, self.part) for name, model in _TABLES.items()},
            **_spelling(sweep),
        )


_TABLES = {"subscription": Subscription, "plan": Plan, "event": Event, "entry": Entry}


def end_of_batch(scene: Scene, sweep: Sweep, after: Key | None, size: int) -> tuple[Key, bool]:
    """Up to which key the next batch goes, and whether more may come behind it; the last one goes to the end."""
    columns = ", ".join(sweep.keys)
    text = f"SELECT {columns} FROM {{source}} WHERE {{range}} ORDER BY {columns} LIMIT 1 OFFSET {size - 1}"  # noqa: S608 - names of ours
    if found := rows_of(scene, sweep, text, after):
        return tuple(found[0]), True
    return tuple(scene.day if key in DAYS else LAST for key in sweep.keys), False


def cases_of(scene: Scene, sweep: Sweep) -> tuple[list[Row], int]:
    """The distinct cases among the rows that are due, each once, and how many rows they are in all."""
    found = rows_of(scene, sweep, sweep.distinct)
    return [row[1:] for row in found], sum(row[0] for row in found)


def rows_of(
    scene: Scene, sweep: Sweep, text: str, after: Key | None = None, upto: Key | None = None
) -> list[tuple[Any, ...]]:
    """What a SELECT over the range finds."""
    return _rows(scene.sql(sweep, text, after, upto), scene.params(after, upto))


class Disturbed(Exception):
    """Not every line was as it had been decided on: the caller's transaction must be undone, and be exact."""


def apply_batch(
    scene: Scene,
    sweep: Sweep,
    rows: Sequence[Row],
    after: Key | None = None,
    upto: Key | None = None,
    *,
    exact: bool = True,
) -> list[Outcome]:
    """Do what the terms in `rows` say to every line of the range; what was done, by operator and outcome.

    Runs in the caller's transaction. Raises Disturbed, unless it is to be `exact`.
    """
    if connection.vendor == "postgresql":
        found = _at_once(scene, sweep, rows, after, upto, exact)
    else:
        found = _one_by_one(scene, sweep, rows, after, upto)
    return [Outcome(str(one[0]), str(one[1]), *(int(value) for value in one[2:])) for one in found]


def _at_once(
    scene: Scene, sweep: Sweep, rows: Sequence[Row], after: Key | None, upto: Key | None, exact: bool
) -> list[Row]:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(sweep.cases)
    _keep_to_indices()
    if sweep.lock:
        rows_of(scene, sweep, sweep.lock, after, upto)
    arrays = {f"case_{name}": list(values) for name, values in zip(sweep.cases, columns, strict=True)}
    text = scene.sql(sweep, as_one(sweep, exact=exact), after, upto)
    found = _rows(text, scene.params(after, upto) | arrays)
    if not exact and found and sum(one[_LINES] for one in found) != found[0][-1]:
        raise Disturbed
    return [one[:-1] for one in found]


def _keep_to_indices() -> None:
    """A batch is a small part of its table, however little the planner can tell so from a range of three columns."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")


def _one_by_one(scene: Scene, sweep: Sweep, rows: Sequence[Row], after: Key | None, upto: Key | None) -> list[Row]:
    params = scene.params(after, upto)
    names = f"temp.night_{sweep.name}_cases", f"temp.night_{sweep.name}_decided", f"temp.night_{sweep.name}_summed"
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
        cursor.execute(f"CREATE TEMP TABLE night_{sweep.name}_cases ({', '.join(sweep.cases)})")
        marks = ", ".join(["%s"] * len(sweep.cases))
        plain = [[_plain(value) for value in row] for row in rows]
        cursor.executemany(f"INSERT INTO {names[0]} VALUES ({marks})", plain)  # noqa: S608 - names of ours
        decide = scene.sql(sweep, sweep.decide, after, upto)
        cursor.execute(f"SELECT * FROM ({decide}) LIMIT 0", params)  # noqa: S608 - names and texts of ours
        found = [column[0] for column in cursor.description if column[0] != "subscription_id"]
        derived = [f"{name} GENERATED ALWAYS AS ({text}) STORED" for name, text in sweep.derived.items()]
        # One row a line: what comes second finds the line's place taken.
        columns = ", ".join(["subscription_id INTEGER PRIMARY KEY", *found, *derived])
        cursor.execute(f"CREATE TEMP TABLE night_{sweep.name}_decided ({columns})")
        names_found = ", ".join(["subscription_id", *found])
        cursor.execute(
            f"INSERT OR IGNORE INTO {names[1]} ({names_found}) SELECT {names_found} FROM ({decide})",  # noqa: S608 - names and texts of ours
            params,
        )
        cursor.execute(f"CREATE TEMP TABLE night_{sweep.name}_summed AS {scene.sql(sweep, SUMMARY, after, upto)}")
        for text in (sweep.win, *sweep.apply):
            cursor.execute(scene.sql(sweep, text, after, upto), params)
        cursor.execute(f"SELECT * FROM {names[2]}")  # noqa: S608 - names and texts of ours
        return list(cursor.fetchall())


def _spelling(sweep: Sweep) -> dict[str, str]:
    """How each database writes what the statements leave open."""
    if connection.vendor == "postgresql":
        return {
            "cases": "cases",
            "decided": "decided",
            "summed": "summed",
            # Rows are found again by their place on the disk: no index is asked twice, and one that somebody else
            # wrote to meanwhile is not there any more.
            "s_row": "s.ctid AS s_row",
            "p_row": "p.ctid AS p_row",
            # Not the place alone: there is one in every part, and not every PostgreSQL looks again, when it has waited
            # for another writer, whether the row that it finds is still the one at that place.
            "same_s": "s.ctid = d.s_row AND s.id = d.subscription_id AND s.last_number = d.last_number",
            "same_p": "p.ctid = w.p_row AND p.subscription_id = w.subscription_id AND p.number = w.plan_number",
            "day": "%(day)s::date",
            "at": "%(at)s::timestamptz",
            "effective": "%(effective)s::date",
            "no_day": "DATE '0001-01-01'",
        }
    return {
        "cases": f"temp.night_{sweep.name}_cases",
        "decided": f"temp.night_{sweep.name}_decided",
        "won": f"temp.night_{sweep.name}_decided",
        "summed": f"temp.night_{sweep.name}_summed",
        "in_order": f"ORDER BY {', '.join(sweep.columns)}",
        "s_row": "s.id AS s_row",
        "p_row": "p.number AS p_row",
        # The sign keeps it from going through all lines, asking of each whether it was decided on.
        "same_s": "s.id = +d.subscription_id",
        "same_p": "p.subscription_id = +w.subscription_id AND p.number = +w.plan_number",
        "day": "%(day)s",
        "at": "%(at)s",
        "effective": "%(effective)s",
        "no_day": "''",
    }


def _put(text: str, **names: str) -> str:
    # Twice: a name may stand for text with names in it.
    for _ in range(2):
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
    return text


def _limits(sweep: Sweep, after: Key | None, upto: Key | None) -> list[str]:
    """What both ends have in common is said to be equal: a range of it would leave the planner without an idea."""
    columns, same = sweep.columns, 0
    if after and upto:
        while same < len(columns) - 1 and after[same] == upto[same]:
            same += 1
    rest = f"({', '.join(columns[same:])})"
    ends = ((">", "after", after), ("<=", "upto", upto))
    return [f"{column} = %(after{place})s" for place, column in enumerate(columns[:same])] + [
        f"{rest} {sign} ({_marks(name, key, same)})" for sign, name, key in ends if key
    ]


def _marks(name: str, key: Key, since: int) -> str:
    return ", ".join(f"%({name}{place})s" for place in range(since, len(key)))


def _plain(value: Any) -> Any:
    """The value as the database at hand takes it in a statement of our own."""
    if connection.vendor == "postgresql":
        return value
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value.isoformat() if isinstance(value, date) else value


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
