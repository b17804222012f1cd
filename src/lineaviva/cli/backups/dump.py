"""Writing a backup: one consistent snapshot, streamed, and in its place only when it is whole."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import connection, transaction

from lineaviva.cli.backups import manifest, tables
from lineaviva.cli.backups.manifest import Manifest, Table
from lineaviva.kernel.errors import Conflict, InvalidInput

Progress = Callable[[str, int, int], None]  # table, rows done, rows in all


def backup_write(path: Path, *, overwrite: bool, now: datetime, progress: Progress) -> Manifest:
    """Write everything into `path`, readable by its owner only.

    Raises Conflict when the file is there and `overwrite` is False, InvalidInput where it cannot or may not be.
    """
    _check_place(path, overwrite)
    draft = _draft_beside(path)
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive, snapshot():
            made = _write_all(archive, now, progress)
        _into_place(draft, path, overwrite)
    finally:
        draft.unlink(missing_ok=True)
    return made


def _check_place(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder.", field="file")
    if path.exists() and not overwrite:
        raise Conflict(f"{path} is there already; --yes overwrites it.", code="file_exists", field="file")
    # What lies in these folders is served to everybody.
    for folder in static_folders():
        if path.resolve().is_relative_to(folder):
            raise InvalidInput(f"{path} would be public: {folder} is served to everybody.", field="file")


def static_folders() -> list[Path]:
    found = [getattr(settings, "STATIC_ROOT", None), getattr(settings, "MEDIA_ROOT", None)]
    for finder in finders.get_finders():
        storages = getattr(finder, "storages", {})
        found += [getattr(storage, "location", None) for storage in storages.values()]
    return [Path(folder).resolve() for folder in found if folder]


def _draft_beside(path: Path) -> Path:
    """In the same folder, so that putting it in its place is one step; mkstemp makes it 0600."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.resolve().parent)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.", field="file") from error
    os.close(handle)
    return Path(name)


def _into_place(draft: Path, path: Path, overwrite: bool) -> None:
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    if overwrite:
        draft.replace(path)
        return
    try:
        os.link(draft, path)  # unlike a rename it does not take the place of a file that came meanwhile
    except PermissionError:  # a file system without links
        draft.replace(path)
    except FileExistsError:
        raise Conflict(f"{path} is there already; --yes overwrites it.", code="file_exists", field="file") from None


@contextmanager
def snapshot() -> Iterator[None]:
    """Every read inside sees the same instant, and nobody else has to wait."""
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    # Not `atomic`: that begins IMMEDIATE on SQLite and would hold up every writer.
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _write_all(archive: zipfile.ZipFile, now: datetime, progress: Progress) -> Manifest:
    migrations = tables.migrations_applied()
    models = tables.backed_up()
    totals = {model: model._base_manager.count() for model in models}
    written = [_write_table(archive, model, totals[model], progress) for model in models]
    key = secret_key_file()
    made = Manifest(
        made_at=now.isoformat(),
        lineaviva=version("lineaviva"),
        program=settings.PROGRAM,
        migrations=migrations,
        tables=written,
        secret_key=key is not None,
    )
    if key is not None:
        archive.writestr(manifest.KEY_FILE, key.read_text())
    archive.writestr(manifest.NAME, made.dump())
    return made


def _write_table(archive: zipfile.ZipFile, model: tables.Model, total: int, progress: Progress) -> Table:
    label, rows, digest = model._meta.label_lower, 0, hashlib.sha256()
    entry = Table(label, tables.columns_of(model), 0, "").entry
    with archive.open(entry, "w", force_zip64=True) as out:
        for line in tables.lines_of(model):
            out.write(line)
            digest.update(line)
            rows += 1
            if rows % tables.CHUNK == 0:
                progress(label, rows, total)
    progress(label, rows, total)
    return Table(label, tables.columns_of(model), rows, digest.hexdigest())


def secret_key_file() -> Path | None:
    """The file of the key in use; None where the key comes from the environment and is not ours to copy."""
    path = settings.HOME / "secret.key"
    try:
        return path if path.read_text().strip() == settings.SECRET_KEY else None
    except OSError:
        return None
