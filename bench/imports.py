"""How long an import of many lines takes, beside the least that any import must do.

    python bench/imports.py [--rows 50000]

Runs on SQLite, or on the server of LINEAVIVA_DATABASE_URL, in a test database of its own. The floor is a plain loop:
csv.DictReader and one statement for each table, with no checking, no comparing and no dates.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Model

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
LIMIT = 30.0
FIRST = 1_000_000  # keys that nothing else has


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    rows = parser.parse_args().rows
    import django

    django.setup()
    data = sheet(rows)
    with database() as vendor:
        floor = timed(lambda: plain_loop(data))
        dry, first, second = timed(lambda: run(data, dry_run=True)), timed(lambda: run(data)), timed(lambda: run(data))
        changed = timed(lambda: run(sheet(rows, label="changed")))
        out = timed(export)
    print(f"{vendor}, {rows} rows of {rows // 100} holders")
    for name, (seconds, cpu) in (
        ("plain csv + insert", floor),
        ("dry run", dry),
        ("import", first),
        ("the same again (no change)", second),
        ("every label changed", changed),
        ("export", out),
    ):
        times = cpu / floor[1]
        print(f"{name:28} {seconds:7.2f} s {cpu:7.2f} s cpu {rows / seconds:9.0f} rows/s {times:5.1f} x plain (cpu)")
    ok = first[0] < LIMIT * rows / 50_000
    print(f"an import of 50,000 rows has to take less than {LIMIT:.0f} s: {'kept' if ok else 'MISSED'}")
    return 0 if ok else 1


def sheet(rows: int, label: str = "line") -> bytes:
    """A file as a shop would bring it: half of its own making, days as Excel writes them, half eSIM."""
    out = io.StringIO()
    write = csv.writer(out, delimiter=";")
    write.writerow("msisdn operator sim_type label holder_email last_topup plan plan_expires_on auto_renew".split())
    for number in range(rows):
        day = date(2025, 12, 1) + timedelta(days=number % 350)
        write.writerow(
            [
                f"39347{number + 1_000_000:07d}",
                ("tim", "vodafone", "windtre")[number % 3],
                ("physical", "esim")[number % 2],
                f"{label} {number}",
                f"holder{number % max(rows // 100, 1)}@example.org",
                f"{day:%d/%m/%Y}",
                "Base",
                "",
                ("sì", "no")[number % 2],
            ]
        )
    return out.getvalue().encode()


def run(data: bytes, *, dry_run: bool = False) -> None:
    from lineaviva.keeper.lines.sheet.actions import lines_import
    from lineaviva.kernel import clock

    plan = lines_import(data=data, holder=None, by=None, now=clock.now(), dry_run=dry_run)
    if plan.errors or plan.applied == dry_run:
        raise SystemExit(f"the import went wrong: {plan.errors[:3]}")


def export() -> None:
    from lineaviva.keeper.lines.models import Line
    from lineaviva.keeper.lines.sheet.export import lines_export

    for _ in lines_export(Line.objects.filter(removed_at=None)):
        pass


def plain_loop(data: bytes) -> None:
    """The floor; its rows are taken back. One statement for each table, and no ORM between the file and the table."""
    from django.db import transaction

    from lineaviva.keeper.accounts.models import User
    from lineaviva.keeper.lines.models import Line, LineEvent
    from lineaviva.kernel import clock

    now = clock.now()
    with transaction.atomic():
        rows = list(csv.DictReader(io.StringIO(data.decode()), delimiter=";"))
        holders = {email: key for key, email in enumerate(sorted({row["holder_email"] for row in rows}), FIRST)}
        insert(User, ({"id": key, "email": email} for email, key in holders.items()))
        insert(
            Line,
            (
                {
                    "id": key,
                    "holder_id": holders[row["holder_email"]],
                    "msisdn": f"+{row['msisdn']}",
                    "operator": row["operator"],
                    "sim_type": row["sim_type"],
                    "label": row["label"],
                    "plan": row["plan"],
                }
                for key, row in enumerate(rows, FIRST)
            ),
            created_at=now,
            look_at=now,
        )
        insert(
            LineEvent,
            (
                {"id": 2 * key + which, "line_id": key, "kind": kind}
                for key in range(FIRST, FIRST + len(rows))
                for which, kind in enumerate(("registered", "topup"))
            ),
            on=now.date(),
            recorded_at=now,
            reference="plain",
        )
        transaction.set_rollback(True)


def insert(model: type[Model], rows: Iterable[dict[str, Any]], **same: Any) -> None:
    """Write rows of plain values; what neither they nor `same` name is the field's default, made once."""
    from django.db import connection

    fields = model._meta.concrete_fields
    every = [f.get_db_prep_save(same.get(f.attname, f.get_default()), connection) for f in fields]
    place = {field.attname: index for index, field in enumerate(fields)}

    def filled(row: dict[str, Any]) -> list[Any]:
        values = every.copy()
        for name, value in row.items():
            values[place[name]] = value
        return values

    columns = ", ".join(f'"{field.column}"' for field in fields)
    table, marks = f'"{model._meta.db_table}" ({columns})', ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(filled(row))
        else:
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", list(map(filled, rows)))  # noqa: S608 - our names


def timed(act: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the clock, and seconds of this process's own work: the latter holds on a busy machine too."""
    start, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - start, time.process_time() - cpu


@contextmanager
def database() -> Iterator[str]:
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    before = setup_databases(verbosity=0, interactive=False)
    try:
        yield connection.vendor
    finally:
        teardown_databases(before, verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
