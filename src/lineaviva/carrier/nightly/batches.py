"""One batch of a sweep: where it ends, which cases it has, and running it on the database at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection

from lineaviva.carrier.ledger.models import Entry, Event
from lineaviva.carrier.nightly.prepared import PLANNING, RANGE, Statement
from lineaviva.carrier.nightly.statements import SUMMARY, Sweep, as_one
from lineaviva.carrier.partitions import EVERY, table
from lineaviva.carrier.subscriptions.models import Plan, Subscription

Key = tuple[Any, ...]
# Keys that are days: none that is due is later than the night. The others are numbers, of which this is the last.
DAYS = ("due_on", "look_on")
LAST = 2**63 - 1
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """So many lines of an operator with that outcome, and the cents that it moved."""

    operator: str
    outcome: str
    lines: int
    credit_minor: int
    debt_minor: int
    discount_minor: int


@dataclass(frozen=True, slots=True)
class Done:
    """What a batch did; `whole` where nothing that is due in its range was left out."""

    outcomes: list[Outcome]
    whole: bool


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

    def sql(self, sweep: Sweep, text: str, after: Key | None = None, upto: Key | None = None) -> str:
        """The statement for this part's tables and that range of keys: above `after`, up to `upto`."""
        return self.spelled(sweep, text.replace(RANGE, _range(sweep, after, upto)))

    def spelled(self, sweep: Sweep, text: str) -> str:
        """The statement for this part's tables, whatever the range."""
        tables = {name: table(model, self.part) for name, model in _TABLES.items()}
        return _put(text, source=sweep.source, **tables, **_spelling(sweep, self.part))


@dataclass
class Job:
    """A sweep through one part, with the terms of its cases; `guessed` where there may be rows of other cases.

    `statement`: what PostgreSQL is told for each batch of it.
    """

    scene: Scene
    sweep: Sweep
    rows: Sequence[Row]
    guessed: bool = False
    statement: Statement | None = None

    def end(self) -> None:
        """There are no more batches."""
        if self.statement:
            self.statement.forget()


_TABLES = {"subscription": Subscription, "plan": Plan, "event": Event, "entry": Entry}


def end_of_batch(scene: Scene, sweep: Sweep, after: Key | None, size: int) -> tuple[Key, bool]:
    """Up to which key the next batch goes, and whether more may come behind it; the last one goes to the end."""
    columns = ", ".join(sweep.keys)
    text = f"SELECT {columns} FROM {{source}} WHERE {{range}} ORDER BY {columns} LIMIT 1 OFFSET {size - 1}"  # noqa: S608 - names of ours
    if found := rows_of(scene, sweep, text, after):
        return tuple(found[0]), True
    return tuple(scene.day if key in DAYS else LAST for key in sweep.keys), False


def cases_of(scene: Scene, sweep: Sweep, most: int = 0) -> list[Row]:
    """The distinct cases among the rows that are due, each once; among the first so many of them, if not 0."""
    first = f"ORDER BY {', '.join(sweep.columns)} LIMIT {most}" if most else ""
    due = f"SELECT {sweep.columns[0].partition('.')[0]}.* FROM {{source}} WHERE {{range}} {first}"  # noqa: S608 - names of ours
    return list(rows_of(scene, sweep, sweep.distinct.replace("{rows}", due)))


def rows_of(
    scene: Scene, sweep: Sweep, text: str, after: Key | None = None, upto: Key | None = None
) -> list[tuple[Any, ...]]:
    """What a SELECT over the range finds."""
    return _rows(scene.sql(sweep, text, after, upto), scene.params(after, upto))


class Disturbed(Exception):
    """Not every line was as it had been decided on: the caller's transaction must be undone, and be exact."""


class Unforeseen(Exception):
    """There are rows of cases that were not guessed: the caller's transaction must be undone, and all cases found."""


def apply_batch(job: Job, after: Key | None = None, upto: Key | None = None, *, exact: bool = True) -> Done:
    """Do what the job's terms say to every line of the range; what was done, by operator and outcome.

    Runs in the caller's transaction. Raises Disturbed, unless it is to be `exact`; Unforeseen where cases were guessed.
    """
    (due, decided, updated), found = (_at_once if connection.vendor == "postgresql" else _one_by_one)(
        job, after, upto, exact
    )
    if job.guessed and decided != due:
        raise Unforeseen
    if not exact and updated != decided:
        raise Disturbed
    outcomes = [Outcome(str(one[0]), str(one[1]), *(int(value) for value in one[2:])) for one in found]
    return Done(outcomes, whole=updated == due)


# Rows that are due in the range, rows that were decided on, lines that were updated; and what SUMMARY found.
_Found = tuple[tuple[int, int, int], list[Row]]


def _at_once(job: Job, after: Key | None, upto: Key | None, exact: bool) -> _Found:
    scene, sweep = job.scene, job.sweep
    if sweep.lock:
        with connection.cursor() as cursor:
            cursor.execute(PLANNING)
        rows_of(scene, sweep, sweep.lock, after, upto)
    if job.statement is None:
        job.statement = _statement(job)
    # All batches but the first and the only one have ranges of one form.
    kinds = ["date" if key in DAYS else "bigint" for key in sweep.keys] if after and upto else []
    types = {f"{end}{place}": kind for end in ("after", "upto") for place, kind in enumerate(kinds)}
    found = job.statement.rows(exact, _range(sweep, after, upto), scene.params(after, upto), types)
    counts = found[0][:3]
    return counts, [one[3:] for one in found if one[3] is not None]


def _statement(job: Job) -> Statement:
    columns = list(zip(*job.rows, strict=True)) if job.rows else [()] * len(job.sweep.cases)
    arrays = {f"case_{name}": list(values) for name, values in zip(job.sweep.cases, columns, strict=True)}
    return Statement(
        lambda exact: job.scene.spelled(job.sweep, as_one(job.sweep, exact=exact)), job.scene.params() | arrays
    )


def _one_by_one(job: Job, after: Key | None, upto: Key | None, exact: bool) -> _Found:
    """Nobody else writes meanwhile: it is exact in any case."""
    scene, sweep, rows = job.scene, job.sweep, job.rows
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
        cursor.execute(f"SELECT * FROM {names[2]}")  # noqa: S608 - names and texts of ours
        summed = list(cursor.fetchall())
        cursor.execute(scene.sql(sweep, "SELECT COUNT(*) FROM {source} WHERE {range}", after, upto), params)
        due, decided = int(cursor.fetchone()[0]), sum(int(one[2]) for one in summed)
        if due == decided or not job.guessed:
            for text in (sweep.win, *sweep.apply):
                cursor.execute(scene.sql(sweep, text, after, upto), params)
        return (due, decided, decided), summed


def _spelling(sweep: Sweep, part: int) -> dict[str, str]:
    """How each database writes what the statements leave open."""
    if connection.vendor == "postgresql":
        return _spelling_of_postgres() | (_BY_KEY if part == EVERY else _ROW_BY_ROW)
    return {
        "cases": f"temp.night_{sweep.name}_cases",
        "decided": f"temp.night_{sweep.name}_decided",
        "charges": f"temp.night_{sweep.name}_decided",
        "won": f"temp.night_{sweep.name}_decided",
        "summed": f"temp.night_{sweep.name}_summed",
        "in_order": f"ORDER BY {', '.join(sweep.columns)}",
        "s_row": "s.id AS s_row",
        "p_row": "p.number AS p_row",
        "with_line": _BY_KEY["with_line"],
        # The sign keeps it from going through all lines, asking of each whether it was decided on.
        "same_s": "s.id = +d.subscription_id",
        "same_p": "p.subscription_id = +w.subscription_id AND p.number = +w.plan_number",
        "day": "%(day)s",
        "at": "%(at)s",
        "effective": "%(effective)s",
        "no_day": "''",
    }


def _spelling_of_postgres() -> dict[str, str]:
    return {
        "cases": "cases",
        "decided": "decided",
        "summed": "summed",
        # Rows are found again by their place on the disk: no index is asked twice, and one that somebody else
        # wrote to meanwhile is not there any more.
        "s_row": "s.ctid AS s_row",
        "p_row": "p.ctid AS p_row",
        "day": "%(day)s::date",
        "at": "%(at)s::timestamptz",
        "effective": "%(effective)s::date",
        "no_day": "DATE '0001-01-01'",
    }


# Not the place alone: there is one in every part, and not every PostgreSQL looks again, when it has waited for another
# writer, whether the row that it finds is still the one at that place.
_BY_KEY = {
    "with_line": "JOIN {subscription} s ON s.id = p.subscription_id",
    "same_s": "s.ctid = d.s_row AND s.id = d.subscription_id AND s.last_number = d.last_number",
    "same_p": "p.ctid = w.p_row AND p.subscription_id = w.subscription_id AND p.number = w.plan_number",
}
# The same of one part. Where many lines are alike, the planner takes a batch for a good deal of the part, and would go
# through all of it by the key: three times a batch. Said so, there is no other way than from row to row.
_ROW_BY_ROW = {
    "with_line": """
      CROSS JOIN LATERAL (
            SELECT s.ctid, s.id, s.operator, s.last_number, s.credit_minor, s.debt_minor, s.status, s.phase
              FROM {subscription} s WHERE s.id = p.subscription_id OFFSET 0) s
    """,
    "same_s": "s.ctid = d.s_row AND s.id - d.subscription_id = 0 AND s.last_number = d.last_number",
    "same_p": "p.ctid = w.p_row AND p.subscription_id - w.subscription_id = 0 AND p.number = w.plan_number",
}


def _put(text: str, **names: str) -> str:
    # Twice: a name may stand for text with names in it.
    for _ in range(2):
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
    return text


def _range(sweep: Sweep, after: Key | None, upto: Key | None) -> str:
    return " AND ".join([sweep.due, *_limits(sweep, after, upto)])


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
