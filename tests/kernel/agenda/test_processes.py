"""Real worker processes on a real database, and an outside that counts what it is asked: the test itself.

The outside takes each reference once, as a payment provider does with an idempotency key, and knows who asks.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest
from django.db import connection

from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.worker import SWEEP
from tests.agenda_app.models import Errand, Task
from tests.patience import PATIENCE, slower, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
ROOT = Path(__file__).resolve().parents[3]


class Outside:
    """Counts who asked for what. A reference in `hold` is answered only after `go_on`."""

    def __init__(self) -> None:
        self.asked: dict[str, list[int]] = defaultdict(list)
        self.asking: Counter[str] = Counter()
        self.together: set[str] = set()
        self.hold: set[str] = set()
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def take(self, reference: str, worker: int) -> None:
        with self._lock:
            self.asked[reference].append(worker)
            self.asking[reference] += 1
            if self.asking[reference] > 1:
                self.together.add(reference)
            held = reference in self.hold
        if held:
            self.go_on.wait(PATIENCE)
        with self._lock:
            self.asking[reference] -= 1

    def workers(self) -> set[int]:
        return {worker for asked in self.asked.values() for worker in asked}


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    outside = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            outside.take(self.path.removeprefix("/"), int(self.headers["worker"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("AGENDA_TEST_OUTSIDE", f"http://127.0.0.1:{server.server_port}")
    yield outside
    outside.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


def database_url() -> str:
    """The test database as an address that another process can use."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["LINEAVIVA_DATABASE_URL"])._replace(path=f"/{name}").geturl()


def start() -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "LINEAVIVA_DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.agenda_app.worker"]
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    output: IO[str] | None = worker.stdout
    assert output is not None
    assert output.readline() == "ready\n"
    # Read on, so that its log never fills the pipe.
    threading.Thread(target=output.read, daemon=True).start()
    return worker


@contextmanager
def workers(count: int) -> Iterator[list[subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []
    try:
        running += [start() for _ in range(count)]
        yield running
    finally:
        for worker in running:
            worker.kill()
            worker.wait()


def all_done() -> bool:
    return not Task.objects.exclude(state="done").exists() and not Errand.objects.exclude(look_at=None).exists()


def make(model: type[Task] | type[Errand], count: int) -> list[int]:
    now = datetime.now(UTC)
    rows = [model(look_at=now) for _ in range(count)]
    model._base_manager.bulk_create(rows)
    agenda.announce()
    return [row.pk for row in rows]


def test_two_workers_never_hold_one_row(outside: Outside) -> None:
    with workers(2) as running:
        tasks, errands = make(Task, 60), make(Errand, 60)
        until(all_done)
        # Until both had their share: one of them may have come too late for the first rows.
        while outside.workers() != {worker.pid for worker in running}:
            tasks += make(Task, 10)
            until(all_done)
    references = {f"task-{key}-{step}" for key in tasks for step in range(4)}
    references |= {f"errand-{key}-{step}" for key in errands for step in range(4)}
    assert set(outside.asked) == references
    assert {len(asked) for asked in outside.asked.values()} == {1}
    assert outside.together == set()
    assert set(Task.objects.values_list("steps", "leased_by", "failures")) == {(4, "", 0)}


@pytest.mark.parametrize("kind", ["task", "errand"], ids=["in a thread", "inline"])
def test_a_killed_worker_s_row_is_taken_over_within_one_lease(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    lease = timedelta(seconds=3 * slower())
    monkeypatch.setenv("AGENDA_TEST_LEASE", str(lease.total_seconds()))
    rows = (Task if kind == "task" else Errand)._base_manager
    row = rows.create(look_at=None)
    key = row.pk
    held = f"{kind}-{key}-2"
    outside.hold.add(held)
    with workers(2) as running:
        # Not before both are there: the first one's lease would end while the second one starts.
        agenda.wake(row, datetime.now(UTC))
        until(lambda: bool(outside.asked[held]))
        (victim,) = [worker for worker in running if worker.pid == outside.asked[held][0]]
        (survivor,) = [worker for worker in running if worker is not victim]
        victim.kill()
        victim.wait()
        # The lease began before the kill; the survivor looks at the latest one sweep after its end.
        killed, ends = datetime.now(UTC), rows.values_list("leased_until", flat=True).get(pk=key)
        assert ends <= killed + lease
        outside.hold.clear()
        outside.go_on.set()
        until(lambda: len(outside.asked[held]) == 2)
        late = datetime.now(UTC) - max(ends, killed)
        assert late < timedelta(seconds=SWEEP[connection.vendor] + 3 * slower())
        until(all_done)
        assert outside.asked[held] == [victim.pid, survivor.pid]
    # Every other step was asked for once; the held one twice by one reference, so it was done once.
    assert {step: len(outside.asked[f"{kind}-{key}-{step}"]) for step in range(4)} == {0: 1, 1: 1, 2: 2, 3: 1}
    assert rows.filter(steps=4, leased_by="").count() == 1


def test_killed_again_and_again_nothing_is_lost_and_nothing_done_twice(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each life ends somewhere else between claim and commit."""
    monkeypatch.setenv("AGENDA_TEST_LEASE", str(slower()))
    tasks, errands = make(Task, 80), make(Errand, 80)
    lives = 0
    for more in (1, 7, 30, 75, 140):
        with workers(1) as (worker,):
            lives += 1
            enough = len(outside.asked) + more
            until(lambda enough=enough: len(outside.asked) >= enough or all_done())  # type: ignore[misc]
            worker.send_signal(signal.SIGKILL)
            worker.wait()
    assert not all_done()
    with workers(1):
        until(all_done)
    references = {f"task-{key}-{step}" for key in tasks for step in range(4)}
    references |= {f"errand-{key}-{step}" for key in errands for step in range(4)}
    assert set(outside.asked) == references
    assert max(len(asked) for asked in outside.asked.values()) <= lives + 1
    assert set(Task.objects.values_list("steps", "state", "stuck_reason")) == {(4, "done", "")}
    assert set(Errand.objects.values_list("steps", "stuck_reason")) == {(4, "")}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_lets_it_finish_what_it_has_in_hand(outside: Outside, how: signal.Signals) -> None:
    (first,) = make(Task, 1)
    outside.hold.add(f"task-{first}-0")
    with workers(1) as (worker,):
        until(lambda: bool(outside.asking[f"task-{first}-0"]))
        worker.send_signal(how)
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(0.5)
        (second,) = make(Task, 1)
        outside.go_on.set()
        assert worker.wait(PATIENCE) == 0
    assert list(outside.asked) == [f"task-{first}-0"]
    assert Task.objects.values_list("steps", "leased_by").get(pk=first) == (1, "")
    assert Task.objects.values_list("steps", "leased_by").get(pk=second) == (0, "")


def test_an_idle_worker_stops_at_once(outside: Outside) -> None:
    with workers(1) as (worker,):
        make(Task, 1)
        until(all_done)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
