"""Who is next: no kind of row holds up another, and none is forgotten behind the mark."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from lineaviva.kernel import agenda
from lineaviva.kernel.agenda import worker as worker_module
from tests.agenda_app.models import Errand, Task

pytestmark = pytest.mark.django_db
Register = Callable[..., Any]


def fill(model: type[Any], count: int, now: datetime) -> None:
    model.objects.bulk_create([model(look_at=now) for _ in range(count)])


def test_many_rows_of_one_kind_hold_up_others_for_one_batch(register: Register, now: datetime) -> None:
    fill(Task, 1000, now)
    fill(Errand, 1, now)

    @register(Task, batch=10)
    def task_look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=1)

    @register(Errand)
    def errand_look(row: Errand, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=1)

    assert agenda.Worker().run_once(now) == 11
    assert (Task.objects.filter(steps=1).count(), Errand.objects.filter(steps=1).count()) == (10, 1)


def test_a_slow_kind_is_cut_short_and_gives_back_what_it_did_not_begin(
    register: Register, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no time at all for a batch, one step is still taken each turn."""
    monkeypatch.setattr(worker_module, "LONGEST_BATCH", 0.0)
    fill(Task, 20, now)

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=1)

    worker = agenda.Worker()
    assert worker.run_once(now) == 1
    assert Task.objects.exclude(leased_by="").count() == 0
    assert Task.objects.filter(look_at=now).count() == 19
    assert [worker.run_once(now) for _ in range(19)] == [1] * 19
    assert worker.run_once(now) == 0
    assert Task.objects.filter(steps=1, look_at=None).count() == 20


def test_after_a_cut_batches_are_small_and_grow_again(
    register: Register, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(Task, 100, now)

    @register(Task, batch=16)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=1)

    worker = agenda.Worker()
    monkeypatch.setattr(worker_module, "LONGEST_BATCH", 0.0)
    assert worker.run_once(now) == 1
    monkeypatch.setattr(worker_module, "LONGEST_BATCH", 60.0)
    assert [worker.run_once(now) for _ in range(9)] == [1, 2, 4, 8, 16, 16, 16, 16, 16]
    assert [worker.run_once(now) for _ in range(2)] == [4, 0]


def test_a_row_that_becomes_due_behind_the_mark_is_found(register: Register, now: datetime) -> None:
    """A transaction that took its time commits a row that is older than what was claimed last."""
    fill(Task, 20, now)

    @register(Task, batch=5)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=1)

    worker = agenda.Worker()
    assert worker.run_once(now) == 5
    late = Task.objects.create(look_at=now - timedelta(minutes=1))
    assert sum(worker.run_once(now) for _ in range(4)) == 16
    late.refresh_from_db()
    assert late.steps == 1


def test_while_busy_the_oldest_rows_are_looked_for_from_time_to_time(
    register: Register, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "SWEEP", dict.fromkeys(worker_module.SWEEP, -1.0))
    fill(Task, 20, now)

    @register(Task, batch=5)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=1)

    worker = agenda.Worker()
    worker.run_once(now)
    late = Task.objects.create(look_at=now - timedelta(minutes=1))
    worker.run_once(now)
    late.refresh_from_db()
    assert late.steps == 1


def test_rows_of_equal_age_are_all_reached(register: Register, now: datetime) -> None:
    fill(Task, 47, now)

    @register(Task, batch=10)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.again(at, steps=row.steps + 1) if row.steps < 2 else agenda.rest(state="done")

    assert agenda.run_due(now) == 47 * 3
    assert Task.objects.filter(steps=2, state="done").count() == 47


def test_a_worker_may_be_given_only_some_steps(register: Register, now: datetime) -> None:
    fill(Task, 1, now)
    fill(Errand, 1, now)
    register(Task)(lambda row, at: agenda.rest(steps=1))
    register(Errand)(lambda row, at: agenda.rest(steps=1))
    from lineaviva.kernel.agenda.registry import registered

    only = [handler for handler in registered() if handler.model is Errand]
    assert agenda.Worker(only).run_once(now) == 1
    assert (Task.objects.filter(steps=1).count(), Errand.objects.filter(steps=1).count()) == (0, 1)


@override_settings(DEBUG=True)
def test_a_batch_of_any_size_is_a_few_statements(register: Register, now: datetime) -> None:
    """Look, claim, write; SQLite writes row by row inside the one transaction."""
    fill(Task, 150, now)

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=1)

    worker = agenda.Worker()
    with CaptureQueriesContext(connection) as queries:
        assert worker.run_once(now) == 150
    kinds = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert kinds in (["SELECT", "UPDATE", "UPDATE"], ["SELECT", "UPDATE", "150"])
