"""One step of one row: whatever goes wrong in it is the row's result, not the worker's end."""

from __future__ import annotations

from datetime import datetime

from lineaviva.kernel.agenda.backoff import STUCK_AFTER
from lineaviva.kernel.agenda.claim import Claimed
from lineaviva.kernel.agenda.outcome import Outcome
from lineaviva.kernel.agenda.registry import Handler
from lineaviva.kernel.agenda.write import Result
from lineaviva.kernel.errors import NeedsPerson


def take_step(handler: Handler, claimed: Claimed, now: datetime) -> Result:
    if claimed.row.failures >= STUCK_AFTER:
        # Only a lost lease brings a row here: a step that raises for the last time is stuck already.
        return Result(claimed, NeedsPerson(f"its worker died {STUCK_AFTER} times over it, or took too long"))
    try:
        said: object = handler.step(claimed.row, now)
    except Exception as error:  # noqa: BLE001 - kept with the row, and logged when it is written
        return Result(claimed, error)
    except SystemExit as error:
        return Result(claimed, RuntimeError(f"the step tried to end its process ({error})"))
    if not isinstance(said, Outcome):
        kind = type(said).__name__
        return Result(claimed, TypeError(f"{handler.name} must return rest(), again() or settle(), not {kind}"))
    return Result(claimed, said)
