"""Rows with a time at which somebody must look at them again, and the workers that look.

    from lineaviva.kernel import agenda

    @agenda.handler(Activation, states=("waiting",), outside=True)
    def activation_look(row: Activation, now: datetime) -> agenda.Outcome:
        result = gateway.perform(...)                       # outside any transaction
        return agenda.settle(partial(record, result, now))  # inside one, with the row read again and locked

Due rows are claimed in batches under a lease that is committed before anything else happens; a step runs outside any
transaction; outcomes are written for the whole batch in one. A step may therefore run twice (its worker died, or its
lease ran out): whatever it does outside must carry the row's own reference as its idempotency key.

Others may change a row while a worker holds it: columns that a step returns are void if the row's `state` is no longer
what it saw, and a `wake` meanwhile leaves the row due. A settle function sees the row as it is and decides by that.
"""

from __future__ import annotations

from lineaviva.kernel.agenda import limits
from lineaviva.kernel.agenda.bell import announce
from lineaviva.kernel.agenda.outcome import Outcome, again, rest, settle
from lineaviva.kernel.agenda.registry import Handler, handler
from lineaviva.kernel.agenda.rows import locked, stuck, unstick, wake
from lineaviva.kernel.agenda.worker import Worker, run_due

__all__ = [
    "Handler",
    "Outcome",
    "Worker",
    "again",
    "announce",
    "handler",
    "limits",
    "locked",
    "rest",
    "run_due",
    "settle",
    "stuck",
    "unstick",
    "wake",
]
