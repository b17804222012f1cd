from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Permanent
from tests.agenda_app.models import Task

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
Register = Callable[..., Any]
Write = Callable[..., Task]


def test_wake_a_row(task: Write, now: datetime) -> None:
    row = task(look_at=now + HOUR)
    assert agenda.wake(row, now) == 1
    assert (row.look_at, row.wakes) == (now, 1)
    row.refresh_from_db()
    assert (row.look_at, row.wakes) == (now, 1)


def test_wake_a_row_that_rests(task: Write, now: datetime) -> None:
    row = task(look_at=None)
    assert agenda.wake(row, now) == 1
    assert row.look_at == now


def test_waking_a_row_is_one_statement(task: Write, now: datetime, django_assert_num_queries: Any) -> None:
    row = task(look_at=None)
    with django_assert_num_queries(1):
        agenda.wake(row, now)


def test_a_row_that_is_gone_cannot_be_woken(task: Write, now: datetime) -> None:
    row = task()
    Task.objects.all().delete()
    with pytest.raises(Task.DoesNotExist):
        agenda.wake(row, now)


def test_wake_a_queryset(task: Write, now: datetime) -> None:
    rows = [task(look_at=now + HOUR, note=note) for note in ("a", "a", "b")]
    assert agenda.wake(Task.objects.filter(note="a").order_by("-pk"), now) == 2
    assert [row.look_at for row in Task.objects.order_by("pk")] == [now, now, now + HOUR]
    assert len(rows) == 3
    assert agenda.wake(Task.objects.filter(note="none"), now) == 0


def test_a_row_that_is_due_keeps_its_place(task: Write, now: datetime) -> None:
    row = task(look_at=now - HOUR)
    agenda.wake(row, now)
    assert (row.look_at, row.wakes) == (now - HOUR, 1)


def test_a_wake_that_is_rolled_back_never_was(task: Write, now: datetime) -> None:
    row = task(look_at=now + HOUR)

    def wake_and_fail() -> None:
        with transaction.atomic():
            agenda.wake(row, now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wake_and_fail()
    row.refresh_from_db()
    assert (row.look_at, row.wakes) == (now + HOUR, 0)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(lambda at: agenda.rest(), id="rest"),
        pytest.param(lambda at: agenda.again(at + HOUR), id="again"),
        pytest.param(lambda at: agenda.settle(lambda row: agenda.rest()), id="settle and rest"),
        pytest.param(lambda at: agenda.settle(lambda row: agenda.again(at + HOUR)), id="settle and again"),
        pytest.param(lambda at: ValueError("broken"), id="failure"),
        pytest.param(lambda at: Permanent("no"), id="permanent"),
    ],
)
def test_a_wake_during_the_step_is_not_lost(
    register: Register, task: Write, now: datetime, said: Callable[[datetime], Any]
) -> None:
    row, other = task(), task()
    looks: list[int] = []

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        looks.append(each.pk)
        if each.pk == other.pk or looks.count(row.pk) == 2:
            return agenda.rest(note="done")
        agenda.wake(Task.objects.filter(pk=each.pk), at)
        found = said(at)
        if isinstance(found, Exception):
            raise found
        return found

    agenda.run_due(now)
    row.refresh_from_db()
    assert (looks.count(row.pk), looks.count(other.pk)) == (2, 1)
    assert (row.note, row.look_at, row.failures, row.stuck_reason) == ("done", None, 0, "")


def test_a_settle_function_may_wake_its_own_row(register: Register, task: Write, now: datetime) -> None:
    row = task()

    def wake_itself(fresh: Task) -> agenda.Outcome:
        agenda.wake(fresh, now)
        return agenda.rest()

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        return agenda.settle(wake_itself, steps=1) if each.steps == 0 else agenda.rest(note="woken")

    assert agenda.run_due(now) == 2
    row.refresh_from_db()
    assert row.note == "woken"


@pytest.mark.parametrize(
    ("theirs", "ours", "then"),
    [
        pytest.param(1, 2, 1, id="theirs is earlier"),
        pytest.param(2, 1, 1, id="ours is earlier"),
        pytest.param(1, None, 1, id="we would rest"),
        pytest.param(None, 1, 1, id="they would rest"),
        pytest.param(None, None, None, id="both rest"),
    ],
)
def test_a_look_that_somebody_saved_during_the_step(
    register: Register, task: Write, now: datetime, theirs: int | None, ours: int | None, then: int | None
) -> None:
    row = task(look_at=now - HOUR)

    def at(hours: int | None) -> datetime | None:
        return None if hours is None else now + hours * HOUR

    @register(Task)
    def look(each: Task, _: datetime) -> agenda.Outcome:
        Task.objects.filter(pk=each.pk).update(look_at=at(theirs))
        return agenda.rest() if ours is None else agenda.again(now + ours * HOUR)

    agenda.run_due(now)
    row.refresh_from_db()
    assert row.look_at == at(then)


def test_waking_a_stuck_row_gives_it_one_more_look(register: Register, task: Write, now: datetime) -> None:
    row = task(look_at=None, stuck_reason="refused", last_error="refused")

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        if each.steps == 0:
            Task.objects.filter(pk=each.pk).update(steps=1)
            raise Permanent("refused again")
        return agenda.rest(note="done")

    agenda.wake(row, now)
    assert agenda.run_due(now) == 1
    assert [(each.pk, each.stuck_reason) for each in agenda.stuck()] == [(row.pk, "Permanent: refused again")]
    agenda.wake(row, now)
    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert (row.note, row.stuck_reason, row.last_error) == ("done", "", "")


def test_unstick(register: Register, task: Write, now: datetime) -> None:
    row = task(look_at=None, stuck_reason="failed 8 times", last_error="x", failures=8, delays=3)
    fine = task(look_at=None, note="fine")
    assert agenda.unstick(row, now) is True
    assert (row.stuck_reason, row.last_error, row.failures, row.delays, row.look_at) == ("", "", 0, 0, now)
    assert agenda.unstick(row, now + HOUR) is False
    assert agenda.unstick(fine, now) is False
    row.refresh_from_db()
    fine.refresh_from_db()
    assert (row.look_at, fine.look_at) == (now, None)
    assert agenda.stuck() == []
