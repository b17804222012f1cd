"""New values for many rows in few statements, each row under the lease by which it was claimed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

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
    rows: list[tuple[Any, ...]]
    claimed: list[Claimed]


class Bulk:
    """Gathers outcomes of one handler's rows; `write` writes those whose lease still holds, and ends their leases."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._table = table_of(handler.model)
        self._groups: dict[_Key, _Group] = {}

    def add(self, claimed: Claimed, outcome: Outcome, *, settled: bool = False, failed: bool = False) -> None:
        """Unless `settled` or `failed` the outcome is void if the row's state is no longer what the step saw.

        Raises TypeError, ValueError or KeyError on values that cannot be written; then nothing was added.
        """
        row, token, wakes, look_at, state = claimed
        at, changes, _ = outcome
        table = self._table
        text, value = table.text, table.value
        guarded = table.has_state and not (settled or failed)
        key = (tuple(changes), guarded, not failed, token, state if guarded else None)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(table.update(*key[:3]), [], [])
        values = [value(name, new) for name, new in changes.items()]
        group.rows.append((row.pk, wakes, text(look_at), None if at is None else text(at), *values))
        group.claimed.append(claimed)

    def write(self) -> None:
        with transaction.atomic(savepoint=False) if len(self._groups) > 1 else nullcontext():
            for (_, _, _, token, state), group in self._groups.items():
                if group.rows:
                    self._write_group(group, token, state)

    def _write_group(self, group: _Group, token: str, state: str | None) -> None:
        written = self._table.write(group.statement, token, state, group.rows)
        if written < len(group.rows):
            # A lease was lost, or the state changed during the step: then the outcome is void and the row still due.
            released = give_back(self._handler, group.claimed)
            void = len(group.rows) - written
            log.info("agenda_outcome_void", handler=self._handler.name, void=void, released=released)


def give_back(handler: Handler, claimed: Sequence[Claimed]) -> int:
    """End the leases of rows without an outcome; they stay as due as they were. Returns how many were still ours."""
    if not claimed:
        return 0
    return handler.model._base_manager.filter(
        pk__in=[one.row.pk for one in claimed], leased_by__in={one.token for one in claimed}
    ).update(leased_until=None, leased_by="")
