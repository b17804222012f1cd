"""Starts of the nightly run and how they ended, for those who watch it."""

from __future__ import annotations

import socket
from datetime import date, datetime

from lineaviva.carrier.nightly.models import Run


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
