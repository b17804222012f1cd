"""A worker that runs for ever, in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from lineaviva.kernel import agenda
from lineaviva.kernel.agenda import worker as worker_module
from tests.agenda_app.models import Errand, Task
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.django_db(transaction=True)
Register = Callable[..., Any]


@contextmanager
def running(**options: Any) -> Iterator[agenda.Worker]:
    """The worker works while the block runs; then it has ended, or the test fails."""
    worker = agenda.Worker(**options)
    thread = threading.Thread(target=worker.run_forever, args=[threading.Event()])
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def done(count: int) -> Callable[[], bool]:
    return lambda: Task.objects.filter(state="done", leased_by="").count() == count


def now() -> datetime:
    return datetime.now(UTC)


def finish(row: Task, at: datetime) -> agenda.Outcome:
    return agenda.rest(state="done")


@pytest.mark.parametrize("outside", [False, True], ids=["inline", "in threads"])
def test_a_new_row_is_looked_at_at_once(register: Register, monkeypatch: pytest.MonkeyPatch, outside: bool) -> None:
    """Not by the sweep, which is put off here."""
    monkeypatch.setattr(worker_module, "SWEEP", dict.fromkeys(worker_module.SWEEP, 600.0))
    register(Task, states=("open",), outside=outside)(finish)
    with running():
        for count in (1, 2, 3):
            Task.objects.create(look_at=now())
            until(done(count), every=0.01)


def test_a_later_look_is_taken_at_its_time(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "SWEEP", dict.fromkeys(worker_module.SWEEP, 600.0))
    register(Task, states=("open",))(finish)
    at = now() + timedelta(seconds=0.6)
    Task.objects.create(look_at=at)
    with running():
        until(done(1), every=0.01)
    assert at <= now()


def test_the_sweep_finds_what_nobody_told_of(register: Register) -> None:
    register(Task, states=("open",))(finish)
    row = Task.objects.create(look_at=None)
    with running():
        Task.objects.filter(pk=row.pk).update(look_at=now())  # no NOTIFY
        until(done(1))


def test_steps_in_threads_run_side_by_side_and_close_their_connections(register: Register) -> None:
    together = threading.Barrier(3)

    @register(Task, states=("open",), outside=True)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        assert Task.objects.filter(pk=row.pk).count() == 1
        together.wait(PATIENCE)
        return agenda.rest(state="done")

    Task.objects.bulk_create([Task(look_at=now()) for _ in range(3)])
    with running(threads=3):
        until(done(3))
        if connection.vendor == "postgresql":
            # Test, worker and its listener.
            until(lambda: _connections() == 3)


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_no_more_steps_at_once_than_threads(register: Register) -> None:
    lock, running_now, most = threading.Lock(), 0, 0

    @register(Task, states=("open",), outside=True)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        nonlocal running_now, most
        with lock:
            running_now += 1
            most = max(most, running_now)
        time.sleep(0.005)
        with lock:
            running_now -= 1
        return agenda.rest(state="done")

    Task.objects.bulk_create([Task(look_at=now()) for _ in range(30)])
    with running(threads=4):
        until(done(30))
    assert 1 <= most <= 4


def test_a_hanging_step_holds_up_no_other_kind(register: Register) -> None:
    go_on = threading.Event()

    @register(Task, states=("open",), outside=True)
    def hang(row: Task, at: datetime) -> agenda.Outcome:
        go_on.wait(PATIENCE)
        return agenda.rest(state="done")

    @register(Errand)
    def quick(row: Errand, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=1)

    Task.objects.bulk_create([Task(look_at=now()) for _ in range(5)])
    with running(threads=2):
        Errand.objects.create(look_at=now())
        until(lambda: Errand.objects.filter(steps=1).count() == 1)
        # Only as many are leased as could begin.
        until(lambda: Task.objects.exclude(leased_by="").count() == 2)
        assert Task.objects.filter(leased_by="").count() == 3
        go_on.set()
        until(done(5))


def test_a_wake_while_a_thread_has_the_row_is_not_lost(register: Register) -> None:
    begun, go_on = threading.Event(), threading.Event()
    looks: list[int] = []

    @register(Task, states=("open",), outside=True)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        looks.append(row.wakes)
        begun.set()
        go_on.wait(PATIENCE)
        return agenda.rest(state="done") if len(looks) == 2 else agenda.again(at + timedelta(hours=1))

    row = Task.objects.create(look_at=now())
    with running():
        assert begun.wait(PATIENCE)
        agenda.wake(row, now())
        go_on.set()
        until(done(1))
    assert looks == [0, 1]


def test_ten_thousand_waiting_rows_cost_no_thread(register: Register) -> None:
    @register(Task, states=("open",), outside=True)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.again(at + timedelta(hours=1), steps=1)

    later = now() + timedelta(hours=1)
    with running(threads=2):
        Errand.objects.create(look_at=now())
        until(lambda: threading.active_count() >= 2)
        before = threading.active_count()
        Task.objects.bulk_create([Task(look_at=later) for _ in range(10_000)])
        agenda.announce()
        Task.objects.create(look_at=now())
        until(lambda: Task.objects.filter(steps=1, leased_by="").count() == 1)
        # One for the step that was due.
        assert threading.active_count() <= before + 1
        assert Task.objects.exclude(leased_by="").count() == 0


def test_a_set_event_stops_it(register: Register) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=agenda.Worker().run_forever, args=[stop])
    thread.start()
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_it_finishes_what_it_has_in_hand_and_begins_nothing_more(register: Register) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @register(Task, states=("open",), outside=True)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        begun.set()
        go_on.wait(PATIENCE)
        return agenda.rest(state="done")

    first = Task.objects.create(look_at=now())
    with running(threads=1) as worker:
        assert begun.wait(PATIENCE)
        second = Task.objects.create(look_at=now())
        worker.stop()
        go_on.set()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.leased_by) == ("done", "")
    assert (second.state, second.leased_by) == ("open", "")


def test_a_batch_that_is_stopped_half_way_is_written_and_the_rest_given_back(register: Register) -> None:
    workers: list[agenda.Worker] = []

    @register(Task, states=("open",))
    def look(row: Task, at: datetime) -> agenda.Outcome:
        if Task.objects.filter(leased_by=row.leased_by).order_by("pk")[2].pk == row.pk:
            workers[0].stop()
        return agenda.rest(state="done")

    Task.objects.bulk_create([Task(look_at=now()) for _ in range(10)])
    workers.append(agenda.Worker())
    thread = threading.Thread(target=workers[0].run_forever, args=[threading.Event()])
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert Task.objects.filter(state="done").count() == 3
    assert Task.objects.filter(state="open", leased_by="", leased_until=None).count() == 7


@pytest.mark.parametrize("broken", ["next_looks", "claim", "write"])
def test_it_survives_the_database_going_away(register: Register, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Three times in a row; a step whose result could not be written is not taken again for that."""
    works, troubles, steps = getattr(worker_module, broken), 3, 0

    def fail_at_first(*args: Any, **options: Any) -> Any:
        nonlocal troubles
        if troubles:
            troubles -= 1
            raise OperationalError("the server closed the connection unexpectedly")
        return works(*args, **options)

    @register(Task, states=("open",), outside=True)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        nonlocal steps
        steps += 1
        return agenda.rest(state="done")

    monkeypatch.setattr(worker_module, broken, fail_at_first)
    Task.objects.create(look_at=now())
    with capture_logs() as logs, running():
        until(done(1))
    assert (troubles, steps) == (0, 1)
    assert [entry["retry_in"] for entry in logs if entry["event"] == "agenda_database_trouble"] == [0.1, 0.2, 0.5]


def test_it_survives_its_connections_being_cut(register: Register) -> None:
    register(Task, states=("open",))(finish)
    with running():
        Task.objects.create(look_at=now())
        until(done(1))
        _cut_all_but_ours()
        Task.objects.create(look_at=now())
        until(done(2))


def _cut_all_but_ours() -> None:
    """What a restart of PostgreSQL does to its clients. SQLite has no server that could go away."""
    if connection.vendor == "postgresql":
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with connection.cursor() as cursor:
            # The worker's own and its bell's, which may be opened after the first row is done.
            until(lambda: cursor.execute(f"SELECT 1 {others}").rowcount >= 2)  # type: ignore[attr-defined]
            cursor.execute(f"SELECT pg_terminate_backend(pid) {others}")
            assert cursor.rowcount >= 2
