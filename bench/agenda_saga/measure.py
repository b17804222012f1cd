"""Run by bench/agenda.py, once for each database: measures both loops in turn and prints one JSON line for each run."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="PostgreSQL; empty means SQLite")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--runs", type=int, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        set_up(options.url, Path(folder))
        for _ in range(options.runs):
            for name, loop in {"plain": plain, "agenda": agenda}.items():
                print(json.dumps({"loop": name, **loop(options.rows, options.steps, options.batch)}), flush=True)


def set_up(url: str, folder: Path) -> None:
    """Django with nothing but the agenda, on a database of the product's own settings."""
    os.environ["LINEAVIVA_HOME"] = str(folder)
    import django
    from django.conf import settings

    from lineaviva.config.settings import database

    settings.configure(
        DATABASES={"default": database(url, folder / "bench.sqlite3")},
        INSTALLED_APPS=["lineaviva.kernel.agenda", "agenda_saga"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()


def plain(rows: int, steps: int, batch: int) -> dict[str, Any]:
    import psycopg
    from django.db import connection

    from agenda_saga.plain import OnPostgres, OnSqlite, run

    if connection.vendor == "postgresql":
        parameters = {**connection.get_connection_params(), "autocommit": True, "cursor_factory": psycopg.Cursor}
        with psycopg.connect(**parameters) as own:
            postgres = OnPostgres(own, rows)
            return timed(lambda: run(postgres, steps=steps, batch=batch))
    own_file = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    own_file.executescript(connection.settings_dict["OPTIONS"]["init_command"])
    sqlite = OnSqlite(own_file, rows)
    try:
        return timed(lambda: run(sqlite, steps=steps, batch=batch))
    finally:
        own_file.close()


def agenda(rows: int, steps: int, batch: int) -> dict[str, Any]:
    from dataclasses import replace

    from django.db import connection

    from agenda_saga.models import Saga
    from lineaviva.kernel.agenda import Worker
    from lineaviva.kernel.agenda.registry import registered

    now = datetime.now(UTC)
    fill(Saga, rows, now)
    worker = Worker([replace(handler, batch=batch) for handler in registered()])

    def run() -> int:
        stepped = 0
        while stepped < steps and (some := worker.run_once(now)):
            stepped += some
        return stepped

    found = timed(run)
    if steps >= 4 * rows and Saga.objects.exclude(state="done", step=4, look_at=None).exists():
        raise SystemExit("the agenda left sagas unfinished")
    connection.close()
    return found


def fill(saga: Any, rows: int, now: datetime) -> None:
    from django.db import connection

    with connection.schema_editor() as editor:
        if saga._meta.db_table in connection.introspection.table_names():
            editor.delete_model(saga)
        editor.create_model(saga)
    saga(look_at=now).save()
    table = saga._meta.db_table
    columns = ", ".join(field.column for field in saga._meta.concrete_fields if not field.primary_key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "  # noqa: S608 - names and texts of ours
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}, n"
        )
        cursor.execute(f"ANALYZE {table}")


def timed(run: Callable[[], int]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    steps = run()
    return {"steps": steps, "seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    main()
