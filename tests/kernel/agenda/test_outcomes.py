from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from lineaviva.kernel import agenda
from tests.agenda_app.models import Effect, Errand, Task

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
Register = Callable[..., Any]
Write = Callable[..., Task]


def test_rest_writes_the_columns_and_ends_lease_and_looks(register: Register, task: Write, now: datetime) -> None:
    row = task(note="before")

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        assert (row.note, row.leased_until, at) == ("before", now + timedelta(seconds=60), now)
        return agenda.rest(note="after", steps=1)

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert (row.note, row.steps, row.look_at, row.leased_until, row.leased_by) == ("after", 1, None, None, "")
    assert agenda.run_due(now + HOUR) == 0


def test_again_is_looked_at_then_and_not_before(register: Register, task: Write, now: datetime) -> None:
    row = task()

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest() if row.steps else agenda.again(at + HOUR, steps=1)

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert row.look_at == now + HOUR
    assert agenda.run_due(now + HOUR - timedelta(microseconds=1)) == 0
    assert agenda.run_due(now + HOUR) == 1


def test_again_at_once_goes_on_in_the_same_run(register: Register, task: Write, now: datetime) -> None:
    row = task()

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.again(at, steps=row.steps + 1) if row.steps < 3 else agenda.rest(state="done")

    assert agenda.run_due(now) == 4
    row.refresh_from_db()
    assert (row.steps, row.state) == (3, "done")


def test_settle_sees_the_row_as_it_is_and_writes_beside_it(register: Register, task: Write, now: datetime) -> None:
    row = task(reference="R1")

    @register(Task, outside=True)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        Task.objects.filter(pk=row.pk).update(note="changed meanwhile")

        def record(fresh: Task) -> agenda.Outcome:
            assert fresh.note == "changed meanwhile"
            Effect.objects.create(reference=fresh.reference, task=fresh)
            return agenda.again(at + HOUR, state="done")

        return agenda.settle(record, steps=7)

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert (row.note, row.steps, row.state, row.look_at) == ("changed meanwhile", 7, "done", now + HOUR)
    assert list(Effect.objects.values_list("reference", "task")) == [("R1", row.pk)]


def test_settle_may_change_its_own_row_by_save(register: Register, task: Write, now: datetime) -> None:
    row = task()

    def finish(fresh: Task) -> agenda.Outcome:
        fresh.state = "done"
        fresh.save()
        return agenda.rest(steps=1)

    @register(Task, states=("open",))
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.settle(finish)

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert (row.state, row.steps, row.look_at, row.leased_by) == ("done", 1, None, "")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"note": ""}, id="empty text"),
        pytest.param({"note": 'it\'s "quoted", {braced} \\ back'}, id="quotes"),
        pytest.param({"note": "two\nlines\tand tab"}, id="control characters"),
        pytest.param({"note": "NULL"}, id="the word NULL"),
        pytest.param({"note": "续费 €5 %s %(x)s ?1"}, id="Chinese and placeholders"),
        pytest.param({"detail": {"a": [1, None, 'x"y']}}, id="JSON"),
        pytest.param({"detail": []}, id="empty JSON list"),
        pytest.param({"detail": None}, id="no JSON"),
        pytest.param({"seen_at": datetime(2026, 3, 29, 1, 30, 0, 5, tzinfo=UTC)}, id="instant"),
        pytest.param({"seen_at": None}, id="no instant"),
        pytest.param({"note": "a", "detail": {"b": 1}, "steps": 999}, id="several"),
    ],
)
def test_any_column_can_be_written(register: Register, task: Write, now: datetime, changes: dict[str, Any]) -> None:
    others = [task() for _ in range(2)]
    row = task(note="before", detail={"before": True}, seen_at=now)

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(**changes) if each.pk == row.pk else agenda.rest(note="other", detail=[1], seen_at=at)

    assert agenda.run_due(now) == 3
    row.refresh_from_db()
    assert {name: getattr(row, name) for name in changes} == changes
    assert {other.note for other in Task.objects.exclude(pk=row.pk)} == {"other"}
    assert len(others) == 2


class Careful(Task):
    """A model that does something of its own when it is loaded."""

    class Meta:
        proxy = True
        app_label = "agenda_app"

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Careful:
        row = super().from_db(*args, **kwargs)
        row.loaded_note = row.note  # type: ignore[attr-defined]
        return row


def test_a_claimed_row_is_as_the_orm_would_have_loaded_it(register: Register, task: Write, now: datetime) -> None:
    first = task(look_at=None)
    row = task(note="a", detail={"b": [1]}, seen_at=now, before=first, steps=3)
    seen: list[Task] = []

    @register(Task)
    def look(each: Task, at: datetime) -> agenda.Outcome:
        loaded = Task.objects.get(pk=each.pk)
        names = [field.attname for field in Task._meta.concrete_fields]
        assert {name: getattr(each, name) for name in names} == {name: getattr(loaded, name) for name in names}
        assert each == loaded
        assert (each._state.adding, each._state.db, each.before) == (False, "default", first)
        assert each.get_deferred_fields() == set()
        each.note = "saved by the step"
        each.save(update_fields=["note"])
        seen.append(each)
        return agenda.rest()

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert (row.note, len(seen)) == ("saved by the step", 1)


def test_a_model_s_own_way_of_loading_is_kept(register: Register, task: Write, now: datetime) -> None:
    task(note="mine")
    seen: list[str] = []

    @register(Careful)
    def look(each: Any, at: datetime) -> agenda.Outcome:
        seen.append(each.loaded_note)
        return agenda.rest()

    assert agenda.run_due(now) == 1
    assert seen == ["mine"]


def test_a_relation_is_written_by_object_or_key(register: Register, task: Write, now: datetime) -> None:
    first, second, third = task(look_at=None), task(), task()

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(before=first) if row.pk == second.pk else agenda.rest(before_id=first.pk)

    assert agenda.run_due(now) == 2
    assert set(Task.objects.filter(before=first).values_list("pk", flat=True)) == {second.pk, third.pk}


@pytest.mark.parametrize(
    ("said", "error"),
    [
        pytest.param(lambda at: None, "must return rest(), again() or settle(), not NoneType", id="nothing"),
        pytest.param(lambda at: agenda.rest(look_at=at), "look_at: only the agenda writes that", id="own column"),
        pytest.param(lambda at: agenda.rest(colour="red"), "KeyError: 'colour'", id="no such column"),
        pytest.param(lambda at: agenda.rest(steps=F("steps") + 1), "use settle", id="expression"),
        pytest.param(lambda at: agenda.rest(steps="many"), "expected a number", id="wrong type"),
        pytest.param(lambda at: agenda.again(at.replace(tzinfo=None)), "needs an aware instant", id="naive instant"),
        pytest.param(lambda at: agenda.settle(lambda row: None), "must return rest() or again()", id="settles nothing"),
        pytest.param(
            lambda at: agenda.settle(lambda row: agenda.settle(lambda again: agenda.rest())),
            "must return rest() or again()",
            id="settles twice",
        ),
    ],
)
def test_a_step_that_says_nonsense_has_failed(
    register: Register, task: Write, now: datetime, said: Callable[[datetime], Any], error: str
) -> None:
    row, other = task(), task()

    @register(Task)
    def look(each: Task, at: datetime) -> Any:
        return said(at) if each.pk == row.pk else agenda.rest(note="fine")

    agenda.run_due(now)
    row.refresh_from_db()
    other.refresh_from_db()
    assert error in row.last_error
    assert (row.failures, row.steps, row.leased_by, other.note, other.failures) == (1, 0, "", "fine", 0)
    assert row.look_at is not None
    assert now < row.look_at <= now + timedelta(seconds=2)


def test_only_the_states_that_were_asked_for(register: Register, task: Write, now: datetime) -> None:
    for state in ("open", "half", "done", "other"):
        task(state=state)
    seen: list[str] = []

    @register(Task, states=("open",))
    def first(row: Task, at: datetime) -> agenda.Outcome:
        seen.append(f"first {row.state}")
        return agenda.rest()

    @register(Task, states=("half", "done"))
    def second(row: Task, at: datetime) -> agenda.Outcome:
        seen.append(f"second {row.state}")
        return agenda.rest()

    assert agenda.run_due(now) == 3
    assert sorted(seen) == ["first open", "second done", "second half"]
    assert Task.objects.get(state="other").look_at == now


def test_the_oldest_first_and_none_that_is_not_due(register: Register, task: Write, now: datetime) -> None:
    ages = [3, 0, -1, 5, 5, 1]
    rows = [task(look_at=now - age * HOUR) for age in ages]
    seen: list[int] = []

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        seen.append(ages[rows.index(row)])
        return agenda.rest()

    assert agenda.run_due(now) == 5
    assert seen == [5, 5, 3, 1, 0]


def test_a_row_whose_lease_was_lost_is_not_written(register: Register, task: Write, now: datetime) -> None:
    by_columns, _ = task(), task()
    until = now + HOUR

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        Task.objects.filter(pk=row.pk).update(leased_by="another worker", leased_until=until)
        if row.pk == by_columns.pk:
            return agenda.rest(note="too late")
        return agenda.settle(lambda fresh: pytest.fail("settled without a lease"))

    assert agenda.run_due(now) == 2
    for row in Task.objects.all():
        assert (row.note, row.look_at, row.leased_by, row.leased_until) == ("", now, "another worker", until)


def test_columns_are_void_if_the_state_changed_during_the_step(register: Register, task: Write, now: datetime) -> None:
    """An action paid the order while its expiry was being decided: what the step saw is no longer so."""
    row, other = task(), task()

    @register(Task, states=("open",))
    def expire(each: Task, at: datetime) -> agenda.Outcome:
        if each.pk == row.pk:
            Task.objects.filter(pk=each.pk).update(state="paid")
        return agenda.rest(state="expired")

    assert agenda.run_due(now) == 2
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, row.look_at, row.leased_by, row.leased_until) == ("paid", now, "", None)
    assert (other.state, other.look_at) == ("expired", None)

    @register(Task, states=("paid",))
    def paid(each: Task, at: datetime) -> agenda.Outcome:
        return agenda.rest(state="active")

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert row.state == "active"


def test_a_model_without_a_state(register: Register, errand: Callable[..., Errand], now: datetime) -> None:
    row = errand()

    @register(Errand)
    def look(each: Errand, at: datetime) -> agenda.Outcome:
        return agenda.rest(steps=each.steps + 1)

    assert agenda.run_due(now) == 1
    row.refresh_from_db()
    assert row.steps == 1


def test_a_step_that_never_rests_is_told_so(register: Register, task: Write, now: datetime) -> None:
    task()

    @register(Task)
    def look(row: Task, at: datetime) -> agenda.Outcome:
        return agenda.again(at)

    with pytest.raises(RuntimeError, match="did not come to rest in 20 steps"):
        agenda.run_due(now, limit=20)


def test_nothing_registered_nothing_done(register: Register, task: Write, now: datetime) -> None:
    row = task()
    assert agenda.run_due(now) == 0
    row.refresh_from_db()
    assert row.look_at == now
