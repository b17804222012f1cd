"""Writing what steps said: one transaction a batch, each settle function under a savepoint, a bad row alone."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import structlog
from django.db import Error, InterfaceError, OperationalError, connection, transaction

from lineaviva.kernel.agenda.backoff import after_error, describe
from lineaviva.kernel.agenda.bulk import Bulk
from lineaviva.kernel.agenda.claim import Claimed
from lineaviva.kernel.agenda.outcome import Outcome
from lineaviva.kernel.agenda.sql import table_of, whole

if TYPE_CHECKING:
    from lineaviva.kernel.agenda.registry import Handler

log = structlog.get_logger("lineaviva.agenda")

# On SQLite a transaction keeps all other writers out: one with many settle functions is cut at about this length.
_LONGEST = 0.25
# Pauses before a row is tried again on its own; deadlocks and lock time-outs pass.
_PAUSES = (0.02, 0.05, 0.15)


class Result(NamedTuple):
    """A claimed row and what its step returned or raised."""

    claimed: Claimed
    said: Outcome | Exception


class Failure(NamedTuple):
    """Why a step failed and what becomes of its row."""

    claimed: Claimed
    error: Exception
    outcome: Outcome


def write(handler: Handler, results: Sequence[Result], now: datetime) -> None:
    """Write all results whose lease still holds.

    Raises only if the database cannot be reached; calling again with the same results is then safe, since a row that
    was written has no lease any more.
    """
    waiting = deque(results)
    several = not table_of(handler.model).writes_at_once or any(
        isinstance(said, Outcome) and said.then is not None for _, said in results
    )
    while waiting:
        tried: list[Result] = []
        try:
            with whole(several):
                failures = _write_some(handler, waiting, tried, now)
        except Exception as error:  # noqa: BLE001 - the driver also refuses values by errors that are no database errors
            _raise_if_unreachable(error)
            # One of them cannot be written, or met a deadlock: each alone, so that it does not hold up the others.
            for result in tried:
                _write_alone(handler, result, now)
        else:
            _report(handler, failures)


def _write_some(handler: Handler, waiting: deque[Result], tried: list[Result], now: datetime) -> list[Failure]:
    until = time.monotonic() + _LONGEST
    bulk, failures = Bulk(handler), []
    while waiting and (not tried or time.monotonic() < until):
        tried.append(waiting.popleft())
        if (failure := _decide(handler, bulk, tried[-1], now)) is not None:
            failures.append(failure)
    bulk.write()
    return failures


def _write_alone(handler: Handler, result: Result, now: datetime) -> None:
    for pause in (*_PAUSES, None):
        try:
            with transaction.atomic():
                failures = _write_some(handler, deque([result]), [], now)
            return _report(handler, failures)
        except Exception as error:  # noqa: BLE001 - as above; written with the row
            _raise_if_unreachable(error)
            broken = error
            if pause is None or not isinstance(error, OperationalError | InterfaceError):
                break
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, guards nothing
    _write_failure(handler, result.claimed, broken, now)


def _write_failure(handler: Handler, claimed: Claimed, error: Exception, now: datetime) -> None:
    bulk = Bulk(handler)
    failure = _failed(bulk, claimed, error, now)
    try:
        with transaction.atomic():
            bulk.write()
    except Exception as worse:  # noqa: BLE001 - as above
        _raise_if_unreachable(worse)
        # Its lease keeps it from coming back at once; the others go on.
        log.error("agenda_row_unwritable", handler=handler.name, id=claimed.row.pk, error=describe(worse))
    else:
        _report(handler, [failure])


def _raise_if_unreachable(error: Exception) -> None:
    if isinstance(error, Error) and (not connection.is_usable() or "database is locked" in str(error)):
        raise error


def _decide(handler: Handler, bulk: Bulk, result: Result, now: datetime) -> Failure | None:
    """Add the row's new values to `bulk`, unless another worker has it by now."""
    claimed, said = result
    if isinstance(said, Exception):
        return _failed(bulk, claimed, said, now)
    try:
        if said.then is None:
            bulk.add(claimed, said)
        else:
            with transaction.atomic():
                _settle(handler, bulk, claimed, said)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - it is the row's own failure and is kept with it
        return _failed(bulk, claimed, error, now)
    return None


def _settle(handler: Handler, bulk: Bulk, claimed: Claimed, said: Outcome) -> None:
    row = table_of(handler.model).lock(claimed.row.pk)
    if row is None or row.leased_by != claimed.token or said.then is None:
        log.warning("agenda_lease_lost", handler=handler.name, id=claimed.row.pk)
        return
    then = said.then(row)
    if not isinstance(then, Outcome) or then.then is not None:
        raise TypeError(f"what {handler.name} settles by must return rest() or again()")
    bulk.add(claimed, Outcome(then.at, {**said.changes, **then.changes}), settled=True)


def _failed(bulk: Bulk, claimed: Claimed, error: Exception, now: datetime) -> Failure:
    row = claimed.row
    outcome = after_error(error, failures=row.failures, delays=row.delays, now=now)
    bulk.add(claimed, outcome, failed=True)
    return Failure(claimed, error, outcome)


def _report(handler: Handler, failures: Sequence[Failure]) -> None:
    """One log line for each failure: what and where, no content of the row."""
    for claimed, error, outcome in failures:
        stuck = "stuck_reason" in outcome.changes
        (log.error if stuck else log.warning)(
            "agenda_step_failed",
            handler=handler.name,
            model=handler.model._meta.label,
            id=claimed.row.pk,
            error=describe(error),
            where=_where(error),
            stuck=stuck,
            next_look=outcome.at.isoformat() if outcome.at else None,
        )


def _where(error: Exception) -> str:
    """File and line that raised it; a whole traceback could show numbers and keys."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
