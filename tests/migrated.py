"""Databases that have their tables already: a program's migrations run once in a test run, and are copied from then on.

Shared by all workers of the run. Whoever tests the migrations themselves starts from an empty home instead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from lineaviva.cli import running
from lineaviva.sandbox.world import CARRIERS, World

FOLDER = "TESTS_MIGRATED"


def begin() -> None:
    """By the process that starts the run, before it starts others."""
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="lineaviva-migrated-")


def end() -> None:
    server = os.environ.get("LINEAVIVA_DATABASE_URL", "")
    for made in Path(os.environ[FOLDER]).glob("*.database"):
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {made.stem}")
    shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


def home(program: str, folder: Path) -> None:
    """Put a migrated SQLite database where the program looks for it when `folder` is its home."""
    name = f"{'lineaviva' if program == 'keeper' else program}.sqlite3"
    with alone(program) as made:
        if not (made / name).exists():
            draft = made / "draft"
            _migrate(program, draft, "")
            (draft / name).rename(made / name)
    shutil.copy(made / name, folder / name)


def world(home_of_keeper: Path) -> None:
    """Put all databases of a sandbox where `lineaviva serve --sandbox` in this home finds them and goes on at once."""
    place = World(home_of_keeper, 0)
    for part, program in {"provider": "provider", **dict.fromkeys((*CARRIERS, "smdp"), "carrier")}.items():
        place.folder(part).mkdir(parents=True)
        home(program, place.folder(part))
    place.folder("migrated").write_text(running.migrations_version())
    home("keeper", home_of_keeper)


def database(program: str, server: str, name: str) -> str:
    """Make a migrated database of this name on a PostgreSQL server; its address."""
    with alone(program) as made:
        template = f"lineaviva_migrated_{program}_{made.name.rpartition('-')[2]}".lower()
        mark = made / f"{template}.database"
        with psycopg.connect(server, autocommit=True) as connection:
            if not mark.exists():
                mark.touch()
                connection.execute(f"CREATE DATABASE {template}")
                _migrate(program, made / "draft", address(server, template))
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return address(server, name)


def address(server: str, database: str) -> str:
    """That of a database on the server that `server` is the address of."""
    start, _, options = server.partition("?")
    return f"{start.rpartition('/')[0]}/{database}?{options}"


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """The run's folder, while no other worker does anything of this name."""
    folder = Path(os.environ[FOLDER])
    with open(folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _migrate(program: str, folder: Path, url: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LINEAVIVA_", "DJANGO_"))}
    env |= {
        "LINEAVIVA_PROGRAM": program,
        "LINEAVIVA_HOME": str(folder),
        "LINEAVIVA_DATABASE_URL": url,
        "LINEAVIVA_SECRET_KEY": "for tests",
        "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
    }
    subprocess.run([sys.executable, "-m", "django", "migrate", "--verbosity", "0"], env=env, check=True)
