"""The steps that real worker processes take in the tests: each asks the outside, which the test itself is."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from urllib.request import Request, urlopen

from lineaviva.kernel import agenda
from tests.agenda_app.models import Errand, Task
from tests.patience import PATIENCE

LEASE = timedelta(seconds=float(os.environ.get("AGENDA_TEST_LEASE", "60")))
STEPS = 4


@agenda.handler(Task, states=("open",), lease=LEASE, outside=True)
def task_look(row: Task, now: datetime) -> agenda.Outcome:
    """One step, in a thread; what it writes is written by a settle function."""
    _ask(f"task-{row.pk}-{row.steps}")
    return agenda.settle(lambda fresh: _next(fresh, now))


@agenda.handler(Errand, lease=LEASE)
def errand_look(row: Errand, now: datetime) -> agenda.Outcome:
    """One step, in the worker's own thread; columns only."""
    if row.steps == STEPS:
        return agenda.rest()
    _ask(f"errand-{row.pk}-{row.steps}")
    return agenda.again(now, steps=row.steps + 1)


def _next(row: Task, now: datetime) -> agenda.Outcome:
    steps = row.steps + 1
    return agenda.again(now, steps=steps) if steps < STEPS else agenda.rest(steps=steps, state="done")


def _ask(reference: str) -> None:
    """Sends the reference as the idempotency key, as every adapter does."""
    url = f"{os.environ['AGENDA_TEST_OUTSIDE']}/{reference}"
    with urlopen(Request(url, method="POST", headers={"worker": str(os.getpid())}), timeout=PATIENCE):
        pass
