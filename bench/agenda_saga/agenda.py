from __future__ import annotations

from datetime import datetime

from agenda_saga.models import Saga
from lineaviva.kernel import agenda

STEPS = 4


@agenda.handler(Saga, states=("open",))
def saga_look(row: Saga, now: datetime) -> agenda.Outcome:
    """One step that does nothing but advance."""
    step = row.step + 1
    return agenda.rest(step=step, state="done") if step == STEPS else agenda.again(now, step=step, state="open")
