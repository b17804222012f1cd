"""What others do with rows on the agenda: lock, wake them, list those that are stuck, set them going again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.apps import apps
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, F, Model, QuerySet, When

from lineaviva.kernel.agenda.bell import announce
from lineaviva.kernel.agenda.sql import table_of

if TYPE_CHECKING:
    from lineaviva.kernel.agenda.models import AgendaRow


Row = TypeVar("Row", bound="AgendaRow")


def wake(what: AgendaRow | QuerySet[Any], now: datetime) -> int:
    """Make a row, or all rows of a queryset, due at `now`; call it in your transaction. Returns how many there were.

    A worker that holds a row at this moment will leave it due, whatever its step says. A stuck row gets one more look.
    """
    if isinstance(what, Model):
        return _wake_one(what, now)
    rows = _as_rows(what)
    woken = rows.update(wakes=F("wakes") + 1, look_at=_at_latest(now))
    if woken:
        announce(rows.db)
    return woken


def _wake_one(row: AgendaRow, now: datetime) -> int:
    """The same in one statement, whose answer brings `row` up to date. Raises DoesNotExist where it is gone."""
    found = table_of(type(row)).wake(row.pk, now)
    if found is None:
        raise type(row).DoesNotExist(f"{type(row).__name__} {row.pk} is gone.")
    row.look_at, row.wakes = found
    announce(row._state.db)
    return 1


def locked(model: type[Row], key: Any) -> Row:
    """The row as it is, locked until the transaction at hand ends; call it inside one. Raises DoesNotExist.

    What `model.objects.select_for_update().get(pk=key)` gives, at a fifth of its cost: every action begins with it.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(f"{model.__name__} is to be locked outside a transaction")
    row = table_of(model).lock(key)
    if row is None:
        raise model.DoesNotExist(f"There is no {model.__name__} {key}.")
    return cast(Row, row)


def stuck() -> list[AgendaRow]:
    """All rows that no worker goes on with, oldest first within each model."""
    return [row for model in _models() for row in _read(model._base_manager.exclude(stuck_reason="").order_by("pk"))]


def unstick(row: AgendaRow, now: datetime) -> bool:
    """Set a stuck row going again from `now`, its failures forgotten. False if it was not stuck (any more)."""
    rows = _as_rows(row).exclude(stuck_reason="")
    freed = rows.update(
        stuck_reason="", last_error="", failures=0, delays=0, wakes=F("wakes") + 1, look_at=_at_latest(now)
    )
    if freed:
        announce(rows.db)
    row.refresh_from_db()
    return bool(freed)


def _read(rows: QuerySet[AgendaRow]) -> list[AgendaRow]:
    try:
        return list(rows)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # noqa: BLE001 - a row may be stuck just because a column of it cannot be read
        return list(rows.only("look_at", "stuck_reason", "last_error", "failures"))


def _as_rows(what: AgendaRow | QuerySet[Any]) -> QuerySet[Any]:
    return type(what)._base_manager.filter(pk=what.pk) if isinstance(what, Model) else what.order_by()


def _at_latest(now: datetime) -> Case:
    # A row that is due already keeps its place in the queue.
    return Case(When(look_at__lt=now, then=F("look_at")), default=now)


def _models() -> list[type[AgendaRow]]:
    from lineaviva.kernel.agenda.models import AgendaRow

    return [model for model in apps.get_models() if issubclass(model, AgendaRow) and not model._meta.proxy]
