"""Cases are guessed from the first rows and from other parts: what was guessed wrong costs time, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lineaviva.carrier.nightly import known
from lineaviva.carrier.nightly.models import Shard
from lineaviva.carrier.partitions import parts
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, day, in_part, money, other_than, problems, rolled_back, state
from tests.carrier.nightly.worlds import mixed, statements, two_parts_due, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]


def found(asked: list[str]) -> int:
    """How many times cases were looked for, among all rows or some."""
    return sum("SELECT DISTINCT s.operator" in sql for sql in asked)


def looked_through(asked: list[str]) -> int:
    """How many times all the rows that are due were gone through for it."""
    return sum("SELECT DISTINCT s.operator" in sql and "LIMIT" not in sql for sql in asked)


def everything(work: Callable[[], Any]) -> dict[str, Any]:
    with rolled_back():
        work()
        return state()


@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize("sample", [1, 2, 1000])
def test_whatever_was_guessed_the_night_ends_the_same(monkeypatch: pytest.MonkeyPatch, sample: int, batch: int) -> None:
    mixed()
    monkeypatch.setattr(known, "MOST", 0)  # nothing is guessed: all rows are gone through first
    expected = everything(lambda: work(100))
    monkeypatch.setattr(known, "MOST", 500)
    monkeypatch.setattr(known, "SAMPLE", sample)
    work(batch)
    assert other_than(expected) == {}
    assert problems() == []


def test_a_part_of_one_case_is_not_gone_through_for_it() -> None:
    lines.offer()
    for pk in [pk for part in parts()[:3] for pk in in_part(part, 4)]:
        lines.plan(lines.line(credit=900, id=pk))
    Shard.objects.bulk_create([Shard(part=part, done_through=None if part < 3 else NIGHT) for part in parts()])
    asked = statements(2)
    fees = [sql for sql in asked if "p.offering_id, p.status" in sql]
    assert (found(fees), looked_through(fees)) == (1, 0)
    assert set(Subscription.objects.values_list("credit_minor", flat=True)) == {101}


def test_a_case_that_comes_late_has_all_rows_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "SAMPLE", 1)
    lines.offer()
    made = [lines.line(credit=900, id=pk) for pk in in_part(0, 6)]
    for place, line in enumerate(made):
        lines.plan(line, paid_until=NIGHT if place < 4 else day(-place), due_on=NIGHT)
    Shard.objects.bulk_create([Shard(part=part, done_through=None if part == 0 else NIGHT) for part in parts()])
    asked = [sql for sql in statements(2) if "p.offering_id, p.status" in sql]
    assert (found(asked), looked_through(asked)) == (2, 1)
    assert set(Subscription.objects.values_list("credit_minor", flat=True)) == {101}


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_of_two_plans_the_first_is_paid_first_also_where_its_case_was_not_guessed(
    monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Of the line's plans only the second is of the case that was guessed, and its credit is enough for one."""
    monkeypatch.setattr(known, "SAMPLE", 1)
    lines.offer()
    lines.offer(key="more")
    first, both = (lines.line(credit=900, id=pk) for pk in in_part(0, 2))
    lines.plan(first, "tim-more")
    lines.plan(both, "tim-base")
    lines.plan(both, "tim-more")
    two_parts_due()
    work(batch)
    assert money(both) == (101, 0)
    assert list(Plan.objects.filter(subscription_id=both.pk).order_by("number").values_list("status", flat=True)) == [
        "active",
        "asleep",
    ]


def test_a_plan_of_no_line_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "SAMPLE", 1)
    lines.offer()
    orphaned, *others = (lines.line(credit=900, id=pk) for pk in in_part(0, 3))
    for line in (orphaned, *others):
        lines.plan(line)
    two_parts_due()
    with rolled_back():
        Subscription.objects.filter(pk=orphaned.pk).delete()
        work(2)
        assert [money(line) for line in others] == [(101, 0), (101, 0)]
        assert Plan.objects.get(subscription_id=orphaned.pk).due_on == NIGHT
    work(2)


def test_many_cases_are_not_carried_from_part_to_part(monkeypatch: pytest.MonkeyPatch) -> None:
    mixed()
    expected = everything(lambda: work(100))
    monkeypatch.setattr(known, "MOST", 2)
    work(3)
    assert other_than(expected) == {}
