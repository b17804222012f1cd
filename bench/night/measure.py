"""What a night costs: processor time of the command and of the server, memory, bytes written ahead."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.night.server import Place

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Processor seconds, and bytes of write-ahead log (0 on SQLite)."""

    cpu: float = 0.0
    wal: int = 0


@contextmanager
def cost(place: Place) -> Iterator[Cost]:
    found, before = Cost(), _spent(place)
    yield found
    after = _spent(place)
    found.cpu, found.wal = after[0] - before[0], int(after[1] - before[1])


def _spent(place: Place) -> tuple[float, int]:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = time.process_time() + children.ru_utime + children.ru_stime
    if not place.pid:
        return cpu, 0
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
        wal = int(cursor.fetchone()[0])
    connection.close()
    time.sleep(0.2)  # a backend that ends is counted by its parent
    return cpu + _of_server(place.pid), wal


def _of_server(pid: int) -> float:
    """The server's own time, that of its children that have ended, and that of those that live."""
    lives = [other for other in os.listdir("/proc") if other.isdigit() and _parent(other) == pid]
    own = sum(_ticks(str(pid), (13, 14, 15, 16)))
    return (own + sum(sum(_ticks(one, (13, 14))) for one in lives)) / _TICK


def _fields(pid: str) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The command's name stands in brackets and may hold blanks.
    return ["", "", *text.rpartition(")")[2].split()]


def _parent(pid: str) -> int:
    fields = _fields(pid)
    return int(fields[3]) if fields else 0


def _ticks(pid: str, places: tuple[int, ...]) -> list[int]:
    fields = _fields(pid)
    return [int(fields[place]) for place in places] if fields else []


def night(place: Place, day: str, workers: int, batch: int) -> dict[str, Any]:
    """Run the command as its user does; its summary, with its memory."""
    argv = [sys.executable, "-m", "lineaviva.cli.main", "carrier", "nightly", "--as-of", day, "--json"]
    argv += ["--workers", str(workers), "--batch", str(batch)]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the night failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {**found, "workers": workers, "peak_rss_mb": round(peak, 1)}


def audit(place: Place) -> bool:
    """Whether the books balance, by the product's own proof."""
    argv = [sys.executable, "-m", "lineaviva.cli.main", "carrier", "audit", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True)
    return bool(json.loads(done.stdout)["balanced"])


def rows() -> int:
    """Events that there are: what both sides must have written as many of."""
    from lineaviva.carrier.ledger.models import Event

    return Event.objects.count()
