"""The row of an action, read again and locked."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.transaction import TransactionManagementError

from lineaviva.kernel import agenda
from tests.agenda_app.models import Task
from tests.patience import PATIENCE

KEEPS_ALL_COLUMNS = {
    "state": "half",
    "reference": "r-1",
    "steps": 7,
    "note": "二",
    "detail": {"a": [1, None]},
    "leased_by": "worker:1",
    "failures": 2,
    "delays": 3,
    "wakes": 4,
    "last_error": "no",
    "stuck_reason": "why",
}


@pytest.mark.django_db
def test_it_is_what_the_orm_reads(now: datetime) -> None:
    first = Task.objects.create(look_at=None)
    lease = now + timedelta(seconds=90, microseconds=5)
    row = Task.objects.create(look_at=now, seen_at=now, leased_until=lease, before=first, **KEEPS_ALL_COLUMNS)
    with transaction.atomic():
        found, same = agenda.locked(Task, row.pk), Task.objects.get(pk=row.pk)
    columns = [field.attname for field in Task._meta.concrete_fields]
    assert [getattr(found, name) for name in columns] == [getattr(same, name) for name in columns]
    assert (found, found.leased_until, found.before, found.detail) == (row, lease, first, {"a": [1, None]})
    found.note = "three"
    found.save()
    row.refresh_from_db()
    assert (row.note, row.steps) == ("three", 7)


@pytest.mark.django_db
def test_it_is_one_statement(now: datetime, django_assert_num_queries: Any) -> None:
    row = Task.objects.create(look_at=now)
    with transaction.atomic(), django_assert_num_queries(1):
        assert agenda.locked(Task, row.pk) == row


@pytest.mark.django_db
def test_there_is_no_such_row() -> None:
    with transaction.atomic(), pytest.raises(Task.DoesNotExist):
        agenda.locked(Task, 404)


@pytest.mark.django_db(transaction=True)
def test_a_lock_outside_a_transaction_would_be_none(now: datetime) -> None:
    row = Task.objects.create(look_at=now)
    with pytest.raises(TransactionManagementError):
        agenda.locked(Task, row.pk)


@pytest.mark.django_db(transaction=True)
def test_the_second_waits_for_the_first_and_sees_what_it_wrote(now: datetime) -> None:
    row = Task.objects.create(look_at=now)
    seen: list[int] = []

    def count_up() -> None:
        try:
            with transaction.atomic():
                found = agenda.locked(Task, row.pk)
                seen.append(found.steps)
                found.steps += 1
                found.save(update_fields=["steps"])
        finally:
            connections.close_all()

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    with transaction.atomic():
        agenda.locked(Task, row.pk)
        for thread in threads:
            thread.start()
        threads[0].join(0.2)
        assert seen == []
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(seen) == [0, 1, 2, 3]
    assert connection.in_atomic_block is False
