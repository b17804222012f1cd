"""The threads in which steps talk to the outside, and the database connections that they keep."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from lineaviva.kernel.agenda import pool as pool_module
from lineaviva.kernel.agenda.pool import Crew
from tests.agenda_app.models import Task
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections live longer than a test, as in the settings that people run."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 600)


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    monkeypatch.setattr(pool_module, "_KEEP_SECONDS", 60.0)
    made = Crew(2, "crew-under-test")
    yield made
    made.close()


def crew_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "crew-under-test"]


class Notes:
    """What works did, in their order: their thread and the connection that they used."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.connections: list[Any] = []
        self.done = threading.Semaphore(0)

    def work(self) -> None:
        Task.objects.count()
        self.threads.append(threading.get_ident())
        self.connections.append(connections["default"].connection)
        self.done.release()

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self.done.acquire(timeout=PATIENCE)


def test_one_work_after_the_other_is_done_by_one_thread_with_one_connection(crew: Crew) -> None:
    notes = Notes()
    for _ in range(5):
        crew.begin(notes.work, busy=1)
        notes.wait(1)
    assert len(set(notes.threads)) == len(set(map(id, notes.connections))) == 1


def test_a_connection_that_broke_is_not_kept(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()

    def breaks() -> None:
        # As Django leaves it after an error, when the database does not answer any more.
        broken = connections["default"]
        broken.errors_occurred = True
        monkeypatch.setattr(broken, "is_usable", lambda: False)
        notes.done.release()

    for work in (notes.work, breaks, notes.work):
        crew.begin(work, busy=1)
        notes.wait(1)
    assert len(set(notes.threads)) == 1
    assert notes.connections[0] is not notes.connections[1]


def test_no_more_threads_than_asked_for_and_nothing_is_left_undone(crew: Crew) -> None:
    notes = Notes()
    for busy in range(1, 21):
        crew.begin(notes.work, busy=busy)
    assert len(crew_threads()) == 2
    notes.wait(20)
    assert len(notes.threads) == 20


def test_a_thread_without_work_ends_and_gives_its_connection_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_KEEP_SECONDS", 0.02)
    closed: list[str] = []
    close_all = connections.close_all

    def noted(*args: Any, **more: Any) -> None:
        closed.append(threading.current_thread().name)
        close_all(*args, **more)

    monkeypatch.setattr(connections, "close_all", noted)
    crew, notes = Crew(2, "crew-under-test"), Notes()
    crew.begin(notes.work, busy=1)
    notes.wait(1)
    until(lambda: not crew_threads(), every=0.005)
    assert closed == ["crew-under-test"]
    crew.begin(notes.work, busy=1)  # the next is done by another
    notes.wait(1)
    assert len(notes.threads) == 2
    crew.close()


def test_work_that_comes_just_as_a_thread_ends_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_KEEP_SECONDS", 0.001)
    crew, notes = Crew(1, "crew-under-test"), Notes()
    for _ in range(100):
        crew.begin(notes.work, busy=1)
        notes.wait(1)
        time.sleep(0.001)
    crew.close()
    # One that was ending by itself is not waited for.
    until(lambda: not crew_threads(), every=0.005)
    assert len(notes.threads) == 100


def test_close_waits_for_what_was_begun(crew: Crew) -> None:
    notes = Notes()
    for busy in range(1, 7):
        crew.begin(notes.work, busy=busy)
    crew.close()
    assert (len(notes.threads), crew_threads()) == (6, [])
