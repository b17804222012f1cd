"""What goes wrong with one row stays with that row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from structlog.testing import capture_logs

from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.backoff import WAITS
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary
from tests.agenda_app.models import Effect, Task

pytestmark = pytest.mark.django_db
Register = Callable[..., Any]
Write = Callable[..., Task]
LEASE = timedelta(seconds=60)


def test_temporary_comes_back_when_the_outside_said(register: Register, task: Write, now: datetime) -> None:
    row = task()
    answers: list[Exception | None] = [Temporary("busy", timedelta(seconds=30)), None]

    @register(Task, outside=True)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        if answer := answers.pop(0):
            raise answer
        return agenda.rest(note="done")

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert (row.look_at, row.delays, row.failures, row.last_error) == (
        now + timedelta(seconds=30),
        1,
        0,
        "Temporary: busy",
    )
    assert agenda.run_due(now + timedelta(seconds=29)) == 0
    assert agenda.run_due(now + timedelta(seconds=30)) == 1
    row.refresh_from_db()
    assert (row.note, row.delays, row.last_error, row.look_at) == ("done", 0, "", None)


def test_a_long_outage_gets_nothing_stuck(register: Register, task: Write, clock: FrozenClock) -> None:
    row = task()

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        raise Temporary("down")

    for _ in range(40):
        assert agenda.run_due(clock.now()) == 1
        clock.advance(WAITS[-1])
    row.refresh_from_db()
    assert (row.delays, row.failures, row.stuck_reason) == (40, 0, "")


@pytest.mark.parametrize("error", [Permanent("closed"), NeedsPerson("call them")], ids=["permanent", "needs a person"])
def test_a_row_for_a_person_is_not_looked_at_again(
    register: Register, task: Write, now: datetime, error: Exception
) -> None:
    row = task()

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        raise error

    assert agenda.run_due(now) == 1
    assert agenda.run_due(now + timedelta(days=365)) == 0
    (found,) = agenda.stuck()
    assert (found.pk, found.stuck_reason, found.look_at, found.leased_by) == (
        row.pk,
        f"{type(error).__name__}: {error}",
        None,
        "",
    )
    assert agenda.unstick(found, now) is True
    assert agenda.run_due(now) == 1


def test_a_row_that_always_fails_is_stuck_after_eight_times(
    register: Register, task: Write, clock: FrozenClock
) -> None:
    row = task()

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        raise ZeroDivisionError("always")

    for times, wait in enumerate(WAITS, start=1):
        assert agenda.stuck() == []
        assert agenda.run_due(clock.now()) == 1
        row.refresh_from_db()
        assert row.failures == times
        clock.advance(wait)
    assert agenda.run_due(clock.now() + timedelta(days=1)) == 0
    assert [each.stuck_reason for each in agenda.stuck()] == ["failed 8 times: ZeroDivisionError: always"]


def test_a_step_that_goes_well_forgets_the_failures(register: Register, task: Write, clock: FrozenClock) -> None:
    row = task()

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        if each.failures < 7:
            raise ZeroDivisionError
        return agenda.again(at + timedelta(days=1), note="well")

    for wait in WAITS:
        agenda.run_due(clock.now())
        clock.advance(wait)
    row.refresh_from_db()
    assert (row.note, row.failures, row.last_error, agenda.stuck()) == ("well", 0, "", [])


def _raise(error: BaseException) -> Any:
    raise error


def _half_done(row: Task, then: Callable[[], Any]) -> Any:
    Effect.objects.create(reference=f"half done {row.pk}")
    return then()


POISON: dict[str, Callable[[], Any]] = {
    "raises": lambda: _raise(ZeroDivisionError()),
    "exits": lambda: _raise(SystemExit(3)),
    "says nonsense": lambda: 42,
    "is refused by the database": lambda: agenda.rest(steps=5000),
    "raises in settle": lambda: agenda.settle(lambda row: _half_done(row, lambda: _raise(ZeroDivisionError()))),
    "is refused in settle": lambda: agenda.settle(lambda row: _half_done(row, lambda: agenda.rest(steps=5000))),
    "has half a character": lambda: agenda.rest(reference="\ud800"),
    "counts too far": lambda: agenda.rest(steps=10**30),
    "says what cannot be stored": lambda: _raise(ValueError("\0 \ud800")),
    "writes twice in settle": lambda: agenda.settle(lambda row: _half_done(row, lambda: _half_done(row, agenda.rest))),
}


def test_poison_blocks_nobody(register: Register, task: Write, now: datetime) -> None:
    """Of each kind one, the oldest of all, in one batch with 50 that are fine."""
    poison = [task(look_at=now - timedelta(hours=1), note=kind).pk for kind in POISON]
    for _ in range(50):
        task()

    @register(Task)
    def look(row: Task, at: datetime) -> Any:
        return POISON[row.note]() if row.note else agenda.rest(steps=1)

    assert agenda.run_due(now) == 50 + len(POISON)
    assert Task.objects.filter(note="", steps=1, look_at=None, leased_by="").count() == 50
    failed = Task.objects.exclude(note="")
    assert {row.pk: (row.failures, row.steps, row.leased_by) for row in failed} == dict.fromkeys(poison, (1, 0, ""))
    assert all(row.look_at is not None and row.look_at > now for row in failed)
    assert Effect.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_what_only_the_commit_finds_fails_its_own_row(register: Register, task: Write, now: datetime) -> None:
    """Foreign keys are checked at commit, where the whole batch's transaction fails."""
    bad, good = task(), task()

    def dangle(row: Task) -> agenda.Outcome:
        Effect.objects.create(reference=f"E{row.pk}", task_id=10**9 if row.pk == bad.pk else row.pk)
        return agenda.rest(note="settled")

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.settle(dangle)

    assert agenda.run_due(now) == 2
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (good.note, good.failures) == ("settled", 0)
    assert (bad.note, bad.failures, bad.leased_by) == ("", 1, "")
    assert "IntegrityError" in bad.last_error
    assert list(Effect.objects.values_list("reference", flat=True)) == [f"E{good.pk}"]


def _spoil(row: Task) -> None:
    """Put an instant into the record that cannot be read back; each database takes another one."""
    instant = "2026-13-45 00:00:00" if connection.vendor == "sqlite" else "-infinity"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agenda_app_task SET seen_at = %s WHERE id = %s", [instant, row.pk])


@pytest.mark.django_db(transaction=True)
def test_a_record_that_cannot_be_read_is_set_aside(register: Register, task: Write, now: datetime) -> None:
    spoiled = [task(look_at=now - timedelta(hours=1)), task()]
    fine = [task(look_at=now - timedelta(hours=2)), task(), task()]
    for row in spoiled:
        _spoil(row)

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(note="done")

    with capture_logs() as logs:
        assert agenda.run_due(now) == 3
    assert Task.objects.filter(note="done").count() == len(fine)
    aside = Task.objects.exclude(stuck_reason="").values_list("pk", "look_at", "leased_until", flat=False)
    assert sorted(aside) == [(row.pk, None, None) for row in spoiled]
    assert [entry["event"] for entry in logs] == ["agenda_row_unreadable"] * 2
    assert [(row.pk, row.stuck_reason.partition(":")[0]) for row in agenda.stuck()] == [
        (row.pk, "the record cannot be read") for row in spoiled
    ]


def test_a_failure_is_one_line_in_the_log_without_content(register: Register, task: Write, now: datetime) -> None:
    row, _ = task(), task(note="fine")

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        if each.note == "fine":
            return agenda.rest()
        raise ValueError("no such line: +39 347 123 4567")

    with capture_logs() as logs:
        agenda.run_due(now)
    row.refresh_from_db()
    (entry,) = logs
    assert entry["event"] == "agenda_step_failed"
    assert (entry["log_level"], entry["model"], entry["id"]) == ("warning", "agenda_app.Task", row.pk)
    assert entry["error"] == "ValueError: no such line: …4567"
    assert entry["where"].partition(":")[0] == __file__
    assert (entry["stuck"], entry["next_look"]) == (False, row.look_at.isoformat() if row.look_at else "")
    assert "1234567" not in repr(logs).replace(" ", "")


class Killed(BaseException):
    """Ends a worker in the middle of a step, as kill -9 does: nothing after it is written."""


def test_a_lost_lease_counts_as_a_failure(register: Register, task: Write, now: datetime) -> None:
    row = task(leased_until=now - timedelta(seconds=1), leased_by="a dead worker")

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        return agenda.again(at + LEASE) if each.failures == 1 else pytest.fail("not counted")

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert (row.failures, row.leased_by, row.look_at) == (0, "", now + LEASE)


def test_a_row_under_lease_is_left_alone_until_it_ends(register: Register, task: Write, now: datetime) -> None:
    task(leased_until=now, leased_by="a worker that lives")

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest()

    assert agenda.run_due(now) == 0
    assert agenda.run_due(now + timedelta(microseconds=1)) == 1


def test_a_row_that_kills_its_worker_gets_stuck_and_the_others_are_done(
    register: Register, task: Write, clock: FrozenClock
) -> None:
    rows = [task(note=note) for note in ("", "", "kills", "", "")]

    @register(Task, lease=LEASE)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        if each.note == "kills":
            raise Killed
        return agenda.rest(note="done")

    def live_until_killed() -> bool:
        try:
            agenda.run_due(clock.now())
        except Killed:
            return False
        return True

    lives = 1
    while not live_until_killed():
        lives += 1
        clock.advance(LEASE + timedelta(seconds=1))
        assert lives < 20
    assert lives == 9
    assert Task.objects.filter(note="done", failures=0).count() == len(rows) - 1
    assert [(each.pk, each.stuck_reason) for each in agenda.stuck()] == [
        (rows[2].pk, "NeedsPerson: its worker died 8 times over it, or took too long")
    ]
