"""The test database as the migrations left it, brought back in milliseconds after a test that commits.

Django's own way empties every table one after the other and makes its own rows anew: a tenth of a second, hundreds of
times, and many times that where tables are partitioned.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder


def way_back() -> Callable[[], None]:
    """To be asked for once, before the first test; brings the database back to what it is now, whenever called."""
    return _sqlite_way_back() if connection.vendor == "sqlite" else _postgresql_way_back()


def _sqlite_way_back() -> Callable[[], None]:
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    connection.ensure_connection()
    connection.connection.backup(kept)

    def bring_back() -> None:
        connection.ensure_connection()
        kept.backup(connection.connection)

    return bring_back


def _postgresql_way_back() -> Callable[[], None]:
    """Deletes every row but Django's own; neither triggers nor foreign keys are asked (the test server's user may)."""
    django = {model._meta.db_table for model in (ContentType, Permission, MigrationRecorder.Migration)}
    with connection.cursor() as cursor:
        # A partitioned table stands for its parts, which are 'r' and have a parent.
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = current_schema()::regnamespace ORDER BY relname"
        )
        tables = [name for (name,) in cursor.fetchall() if name not in django]
    deletes = "".join(f'DELETE FROM "{table}";' for table in tables)  # noqa: S608 - names of our own tables
    statement = f"BEGIN; SET LOCAL session_replication_role = replica; {deletes} COMMIT;"

    def bring_back() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return bring_back
