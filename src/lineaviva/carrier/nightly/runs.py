"""Starts of the nightly run and how they ended, for those who watch it."""

from __future__ import annotations

import socket
from datetime import UTC, date, datetime, timedelta

from django.db import connection

from lineaviva.carrier.nightly.models import Run
from lineaviva.kernel.errors import Conflict

# Fees are charged by the host's date: one whose clock is that far off must not begin.
MOST_APART = timedelta(minutes=10)


def host_clock() -> datetime:
    """The machine's own clock, whatever LINEAVIVA_CLOCK says."""
    return datetime.now(UTC)


def clocks_compare() -> None:
    """Raises Conflict (clocks_disagree) where this host and the database's do not agree on the time."""
    if connection.vendor != "postgresql":
        return  # SQLite's is this host's
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        apart = abs(cursor.fetchone()[0] - host_clock())
    if apart > MOST_APART:
        raise Conflict(
            f"This host's clock and the database's are {apart // timedelta(minutes=1)} minutes apart. Nothing was "
            "done: set the clock that is wrong, and start the night again.",
            code="clocks_disagree",
        )


def run_begin(*, as_of: date, due: int, now: datetime) -> Run:
    return Run.objects.create(as_of=as_of, host=socket.gethostname()[:40], due=due, began_at=now)


def run_end(*, run: Run, lines: int, seconds: float, now: datetime) -> None:
    """`lines` had their turn in so many seconds. The same again changes nothing."""
    Run.objects.filter(pk=run.pk).update(ended_at=now, lines=lines, seconds=seconds)


def last_run() -> Run | None:
    """The one that began last."""
    return Run.objects.order_by("-pk").first()


def last_rate() -> Run | None:
    """The last one that came to its end, with something to do."""
    return Run.objects.filter(ended_at__isnull=False, lines__gt=0).order_by("-pk").first()
