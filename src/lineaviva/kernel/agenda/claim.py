"""Taking due rows under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from lineaviva.kernel.agenda.backoff import describe
from lineaviva.kernel.agenda.sql import Mark, instant, table_of, whole

if TYPE_CHECKING:
    from lineaviva.kernel.agenda.models import AgendaRow
    from lineaviva.kernel.agenda.registry import Handler

log = structlog.get_logger("lineaviva.agenda")


class Claimed(NamedTuple):
    """A row under our lease, and what it was like when we took it."""

    row: AgendaRow
    token: str
    wakes: int
    look_at: datetime
    state: str | None


def next_looks(handlers: Sequence[Handler], now: datetime, *, until: datetime) -> dict[Handler, datetime]:
    """The earliest `look_at` up to `until` of a row that nobody holds, where there is one; one statement for all."""
    if not handlers:
        return {}
    # In one order, whichever's turn it is: then the database knows the statement already.
    handlers = sorted(handlers, key=attrgetter("name"))
    parts = [table_of(handler.model).next_look(handler, now, until) for handler in handlers]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(f"({sql})" for sql, _ in parts), [value for _, values in parts for value in values]
        )
        looks = zip(handlers, map(instant, cursor.fetchone()), strict=True)
        return {handler: at for handler, at in looks if at is not None}


def claim(handler: Handler, *, now: datetime, limit: int, token: str, after: Mark | None = None) -> list[Claimed]:
    """Take up to `limit` due rows under `token`, oldest first. Committed on return, unless in an outer transaction."""
    table = table_of(handler.model)
    try:
        with whole(False):
            rows = table.load(table.claim(handler, now, limit, token, after), now + handler.lease, token)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # noqa: BLE001 - whatever one unreadable record does must not stop the others
        handler.model._base_manager.filter(leased_by=token).update(leased_until=None, leased_by="")
        rows = _take_one_by_one(handler, now=now, limit=limit, token=token)
    rows.sort(key=attrgetter("look_at", table.key))
    if table.has_state:
        return [Claimed(row, token, row.wakes, row.look_at or now, row.state) for row in cast(list[Any], rows)]
    return [Claimed(row, token, row.wakes, row.look_at or now, None) for row in rows]


def _take_one_by_one(handler: Handler, *, now: datetime, limit: int, token: str) -> list[AgendaRow]:
    """The slow way round a record that cannot be read: such a record is set aside as stuck."""
    taken: list[AgendaRow] = []
    for _ in range(limit):
        first = _take_first(handler, now=now, token=token)
        if first is None:
            break
        taken += first
    return taken


def _take_first(handler: Handler, *, now: datetime, token: str) -> list[AgendaRow] | None:
    """The first due row; an empty list if it cannot be read; None if nothing is due."""
    table = table_of(handler.model)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(*table.due(handler, now, 1))
        if (found := cursor.fetchone()) is None:
            return None
        try:
            with transaction.atomic():
                return table.load(table.claim_one(handler, now, found[0], token), now + handler.lease, token)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - the reason is kept with the row
            reason = f"the record cannot be read: {describe(error)}"
            log.error("agenda_row_unreadable", model=handler.model._meta.label, id=found[0], error=reason)
            cursor.execute(*table.set_aside(found[0], reason))
            return []
