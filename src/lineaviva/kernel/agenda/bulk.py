"""New values for many rows in one statement, each under the lease by which it was claimed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from django.db import transaction

from lineaviva.kernel.agenda.claim import Claimed
from lineaviva.kernel.agenda.outcome import Outcome
from lineaviva.kernel.agenda.sql import Table, table_of

if TYPE_CHECKING:
    from lineaviva.kernel.agenda.registry import Handler

log = structlog.get_logger("lineaviva.agenda")


class Group(NamedTuple):
    """What is equal for all rows of one statement."""

    statement: str
    token: str
    state: str | None  # None: whatever the state is by now


class Line(NamedTuple):
    """One row's new values, as the driver takes them."""

    group: Group
    values: tuple[Any, ...]
    claimed: Claimed


def line(table: Table, claimed: Claimed, outcome: Outcome, *, guarded: bool, well: bool = True) -> Line:
    """`guarded`: void if the state is no longer what the step saw. `well`: failures are forgotten.

    Raises TypeError, ValueError or KeyError on values that cannot be written so.
    """
    row, token, wakes, look_at, state = claimed
    at, changes, _ = outcome
    text, value = table.text, table.value
    group = Group(table.update(tuple(changes), guarded, well), token, state if guarded else None)
    values = (
        row.pk,
        wakes,
        text(look_at),
        None if at is None else text(at),
        *[value(name, new) for name, new in changes.items()],
    )
    return Line(group, values, claimed)


def write_lines(handler: Handler, lines: Sequence[Line]) -> None:
    """Write the lines whose lease still holds, and end their leases."""
    groups: dict[Group, list[Line]] = defaultdict(list)
    for each in lines:
        groups[each.group].append(each)
    with transaction.atomic(savepoint=False) if len(groups) > 1 else nullcontext():
        for group, members in groups.items():
            _write_group(handler, group, members)


def _write_group(handler: Handler, group: Group, members: Sequence[Line]) -> None:
    written = table_of(handler.model).write(*group, [each.values for each in members])
    if written < len(members):
        # A lease was lost, or the state changed during the step: then the outcome is void and the row still due.
        released = give_back(handler, [each.claimed for each in members])
        log.info("agenda_outcome_void", handler=handler.name, released=released, of=len(members) - written)


def give_back(handler: Handler, claimed: Sequence[Claimed]) -> int:
    """End the leases of rows without an outcome; they stay as due as they were. Returns how many were still ours."""
    if not claimed:
        return 0
    return handler.model._base_manager.filter(
        pk__in=[one.row.pk for one in claimed], leased_by__in={one.token for one in claimed}
    ).update(leased_until=None, leased_by="")
