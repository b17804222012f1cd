"""How a waiting worker hears of work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.bell import Bell
from tests.agenda_app.models import Task
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bell() -> Iterator[Bell]:
    """A bell that has heard all that there was to hear so far."""
    bell = Bell()
    while bell.wait(0.2):
        pass
    yield bell
    bell.close()


def elsewhere(act: Callable[[], Any]) -> None:
    """Do it in another thread, by another connection."""

    def run() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_quiet(bell: Bell) -> None:
    assert bell.wait(0.15) is False


def test_a_ring_is_heard_even_before_waiting(bell: Bell) -> None:
    for _ in range(100_000):
        bell.ring()
    assert bell.wait(PATIENCE) is True
    assert bell.wait(0.1) is False


def test_a_ring_from_another_thread_is_heard_at_once(bell: Bell) -> None:
    timer = threading.Timer(0.1, bell.ring)
    timer.start()
    assert bell.wait(PATIENCE) is True
    timer.join()


@pytest.mark.parametrize("how", ["create", "save", "wake", "announce"])
def test_a_commit_of_another_connection_is_heard(bell: Bell, now: datetime, how: str) -> None:
    row = Task.objects.create(look_at=None)
    while bell.wait(0.2):
        pass

    def act() -> None:
        with transaction.atomic():
            match how:
                case "create":
                    Task.objects.create(look_at=now)
                case "save":
                    row.look_at = now
                    row.save()
                case "wake":
                    agenda.wake(row, now)
                case "announce":
                    Task.objects.bulk_create([Task(look_at=now)])
                    agenda.announce()

    elsewhere(act)
    assert bell.wait(PATIENCE) is True


def test_what_is_rolled_back_is_not_heard(bell: Bell, now: datetime) -> None:
    def act() -> None:
        with transaction.atomic():
            Task.objects.create(look_at=now)
            transaction.set_rollback(True)

    elsewhere(act)
    assert bell.wait(0.3) is False


def test_one_transaction_tells_once(now: datetime) -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        rows = [Task.objects.create(look_at=now) for _ in range(3)]
        agenda.wake(rows[0], now + timedelta(hours=1))
        Task.objects.create(look_at=None)
    told = [query["sql"] for query in queries if "NOTIFY" in query["sql"]]
    assert told == {"postgresql": ["NOTIFY lineaviva_agenda"], "sqlite": []}[connection.vendor]


def test_a_savepoint_that_is_rolled_back_does_not_silence_the_rest(now: datetime) -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        with transaction.atomic():
            Task.objects.create(look_at=now)
            transaction.set_rollback(True)
        Task.objects.create(look_at=now)
    told = [query["sql"] for query in queries if "NOTIFY" in query["sql"]]
    assert len(told) == {"postgresql": 1, "sqlite": 0}[connection.vendor]


def test_it_hears_again_after_its_connection_broke(bell: Bell, now: datetime) -> None:
    """PostgreSQL ends the listening connection; on SQLite the worker's own is closed, and opened again when asked."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query = 'LISTEN lineaviva_agenda' AND datname = current_database()"
            )
            assert cursor.rowcount == 1
        # It may have missed something, so it rings once it listens again.
        assert bell.wait(PATIENCE) is True
    else:
        connection.close()
        assert bell.wait(0.1) is False
    elsewhere(lambda: Task.objects.create(look_at=now))
    assert bell.wait(PATIENCE) is True
