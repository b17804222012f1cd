"""Reading a backup back: first all of it is checked, then all of it is written in one transaction, or nothing."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper

from lineaviva.cli.backups import manifest, tables
from lineaviva.cli.backups.dump import Progress
from lineaviva.cli.backups.manifest import Manifest, Table, broken
from lineaviva.kernel.errors import Conflict, InvalidInput

# A table of ours shrinks ten to forty times; a bomb up to a thousand.
MOST_TIMES = 200
ALWAYS_FINE = 16 * 1024 * 1024
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """The archive and its manifest. Raises InvalidInput for a file that is no backup of this version and program."""
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise InvalidInput(f"There is no file {path}.", field="file") from None
    except (zipfile.BadZipFile, OSError, ValueError):
        raise broken("it is no zip archive, or it was cut short") from None
    with archive:
        found = _read_manifest(archive)
        _check_names(archive, found)
        _check_version(found)
        yield archive, found


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        info = archive.getinfo(manifest.NAME)
    except KeyError:
        raise broken("it has no manifest") from None
    _check_entry(info, manifest.LARGEST)
    with _entry(archive, manifest.NAME) as inside:
        return manifest.parse(inside.read(manifest.LARGEST))


def _check_names(archive: zipfile.ZipFile, found: Manifest) -> None:
    names = archive.namelist()
    if len(set(names)) != len(names) or set(names) != found.entries:
        raise broken("it has other files than its manifest says")
    for info in archive.infolist():
        _check_entry(info, max(ALWAYS_FINE, info.compress_size * MOST_TIMES))


def _check_entry(info: zipfile.ZipInfo, largest: int) -> None:
    if info.flag_bits & 0x1 or info.compress_type not in _METHODS:
        raise broken(f"{info.filename[:80]!r} is packed in a way that lineaviva backup does not use")
    if info.file_size > largest:
        raise broken(f"{info.filename[:80]!r} is far larger than it could be")


def _check_version(found: Manifest) -> None:
    if found.program != settings.PROGRAM:
        raise broken(f"it is of the program {found.program!r}, this is {settings.PROGRAM!r}")
    ours = {model._meta.label_lower: tables.columns_of(model) for model in tables.backed_up()}
    if {table.label: table.columns for table in found.tables} != ours:
        raise broken(f"it was made by version {found.lineaviva} with other tables; restore it with that version")


@contextmanager
def _entry(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    try:
        with archive.open(name) as inside:
            yield inside
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError):
        raise broken(f"{name!r} is damaged") from None


def check(archive: zipfile.ZipFile, found: Manifest, progress: Progress) -> None:
    """Read every table to its end: its length, its checksum and its number of lines. Raises InvalidInput."""
    for table in found.tables:
        digest, rows = hashlib.sha256(), 0
        for line in _lines(archive, table):
            digest.update(line)
            rows += 1
            if rows > table.rows:
                break
        if rows != table.rows:
            raise broken(f"{table.label} has another number of rows than its manifest says")
        if digest.hexdigest() != table.sha256:
            raise broken(f"{table.label} does not match its checksum")
        progress(table.label, rows, table.rows)


def _lines(archive: zipfile.ZipFile, table: Table) -> Iterator[bytes]:
    with _entry(archive, table.entry) as inside:
        while line := inside.readline(tables.LONGEST_LINE + 1):
            if len(line) > tables.LONGEST_LINE:
                raise broken(f"a line of {table.label} is too long")
            yield line


def rows_present() -> int:
    """How many rows of people's data the database has now; what every migration makes does not count."""
    there = set(connection.introspection.table_names())
    models = [model for model in tables.backed_up() if model._meta.label_lower not in tables.DERIVED]
    return sum(model._base_manager.count() for model in models if model._meta.db_table in there)


def restore(archive: zipfile.ZipFile, found: Manifest, *, replace: bool, progress: Progress) -> None:
    """Put the archive's rows in the place of the database's, in one transaction.

    The database must be migrated and the archive checked. Raises Conflict when there are rows and `replace` is False,
    InvalidInput when the rows do not fit; then the database is as it was.
    """
    if sorted(found.migrations) != tables.migrations_applied():
        raise broken(f"it was made by version {found.lineaviva} with other migrations; restore it with that version")
    try:
        with transaction.atomic():
            if not replace and rows_present():
                raise not_empty()
            _clear()
            for table in found.tables:
                _fill(archive, table, progress)
            _sequences_reset()
    except DatabaseError as error:
        raise broken(f"the database did not take its rows ({type(error).__name__})") from error


def not_empty() -> Conflict:
    return Conflict(
        "The database is not empty; --yes replaces everything in it.", code="database_not_empty", field="file"
    )


def _clear() -> None:
    with connection.cursor() as cursor, _books_open(cursor):
        names = [*tables.backed_up(), *tables.left_out()]
        for model in names:
            # Foreign keys are checked at commit, on both databases: the order does not matter.
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608 - our own name


@contextmanager
def _books_open(cursor: CursorWrapper) -> Iterator[None]:
    """Tables whose triggers let nobody delete, emptied or without those triggers; in one transaction with the rest."""
    found = [m._meta.db_table for m in tables.backed_up() if m._meta.label_lower in tables.NEVER_CHANGED]
    if connection.vendor == "postgresql":
        if found:
            # Whatever is still to be checked of these tables is checked now: no table is emptied before.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
            cursor.execute(f"TRUNCATE {', '.join(map(connection.ops.quote_name, found))}")
        yield
        return
    cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = [(name, sql) for name, table, sql in cursor.fetchall() if table in found]
    for name, _sql in triggers:
        cursor.execute(f"DROP TRIGGER {connection.ops.quote_name(name)}")
    yield
    for _name, sql in triggers:
        cursor.execute(sql)


def _fill(archive: zipfile.ZipFile, table: Table, progress: Progress) -> None:
    model = next(model for model in tables.backed_up() if model._meta.label_lower == table.label)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in tables.fields_of(model))
    places = ", ".join(["%s"] * len(tables.fields_of(model)))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608 - our own names
    lines, done = _lines(archive, table), 0
    with connection.cursor() as cursor:
        while chunk := list(islice(lines, tables.CHUNK)):
            try:
                cursor.executemany(statement, [tables.row_of(model, line) for line in chunk])
            except ValueError as error:
                raise broken(f"in {table.label} {error}") from None
            done += len(chunk)
            progress(table.label, done, table.rows)


def _sequences_reset() -> None:
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables.backed_up()):
            cursor.execute(statement)


def secret_key_restore(archive: zipfile.ZipFile, found: Manifest) -> bool:
    """Put the archive's key in the place of ours, unless ours comes from the environment; whether it did."""
    path = settings.HOME / "secret.key"
    if not found.secret_key or os.environ.get("LINEAVIVA_SECRET_KEY") or os.environ.get("LINEAVIVA_SECRET_KEY_FILE"):
        return False
    with _entry(archive, manifest.KEY_FILE) as inside:
        key = inside.read(10_000)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(key)
    draft.replace(path)
    return True
