"""New values for many rows in few statements, each row under the lease by which it was claimed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

import structlog
from django.db import transaction

from lineaviva.kernel.agenda.claim import Claimed
from lineaviva.kernel.agenda.outcome import Outcome
from lineaviva.kernel.agenda.sql import table_of

if TYPE_CHECKING:
    from lineaviva.kernel.agenda.registry import Handler

log = structlog.get_logger("lineaviva.agenda")

# What is equal for all rows of one statement: columns, guarded, well, token, state.
_Key = tuple[tuple[str, ...], bool, bool, str, str | None]


class _Group(NamedTuple):
    statement: str
    claimed: list[Claimed]
    outcomes: list[Outcome]


class Bulk:
    """Gathers outcomes of one handler's rows; `write` writes those whose lease still holds, and ends their leases."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._table = table_of(handler.model)
        self._has_state = self._table.has_state
        self._groups: dict[_Key, _Group] = {}

    def add(self, claimed: Claimed, outcome: Outcome, *, settled: bool = False, failed: bool = False) -> None:
        """Unless `settled` or `failed` the outcome is void if the row's state is no longer what the step saw.

        Raises TypeError or KeyError on columns that cannot be written; then nothing was added.
        """
        guarded = self._has_state and not (settled or failed)
        key = (tuple(outcome.changes), guarded, not failed, claimed.token, claimed.state if guarded else None)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(self._table.update(*key[:3]), [], [])
        group.claimed.append(claimed)
        group.outcomes.append(outcome)

    def write(self) -> None:
        """Raises TypeError or ValueError on a value that cannot be written."""
        with transaction.atomic(savepoint=False) if len(self._groups) > 1 else nullcontext():
            for (names, _, _, token, state), group in self._groups.items():
                self._write_group(group, names, token, state)

    def _write_group(self, group: _Group, names: tuple[str, ...], token: str, state: str | None) -> None:
        """By columns: what is done once for a column is not done for each of its rows."""
        table, many = self._table, len(group.claimed)
        columns = [
            [getattr(one.row, table.key) for one in group.claimed],
            [one.wakes for one in group.claimed],
            table.instants([one.look_at for one in group.claimed]),
            table.instants([one.at for one in group.outcomes]),
            *(table.values(name, [one.changes[name] for one in group.outcomes]) for name in names),
        ]
        written = table.write(group.statement, token, state, columns)
        if written < many:
            # A lease was lost, or the state changed during the step: then the outcome is void and the row still due.
            released = give_back(self._handler, group.claimed)
            log.info("agenda_outcome_void", handler=self._handler.name, void=many - written, released=released)


def give_back(handler: Handler, claimed: Sequence[Claimed]) -> int:
    """End the leases of rows without an outcome; they stay as due as they were. Returns how many were still ours."""
    if not claimed:
        return 0
    return handler.model._base_manager.filter(
        pk__in=[one.row.pk for one in claimed], leased_by__in={one.token for one in claimed}
    ).update(leased_until=None, leased_by="")
