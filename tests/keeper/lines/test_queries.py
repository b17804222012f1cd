from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lineaviva.keeper.lines import queries
from lineaviva.keeper.lines.actions import line_event_record, line_remove, line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.kernel.errors import Conflict, NotFound
from tests import factories

pytestmark = pytest.mark.django_db


def test_soonest_date_first_and_unknown_last(now: datetime) -> None:
    anna = factories.holder()
    unknown = factories.line(holder=anna, last_topup=None)
    later = factories.line(holder=anna, last_topup=date(2026, 6, 1))
    soon = factories.line(holder=anna, last_topup=date(2025, 12, 1))
    assert list(queries.lines_for(anna)) == [soon, later, unknown]


def test_each_line_says_which_right_its_reader_has(now: datetime) -> None:
    anna, bo = factories.holder(), factories.holder("bo@example.org")
    own = factories.line(holder=bo, last_topup=date(2026, 1, 1))
    read = factories.line(holder=anna, last_topup=date(2026, 2, 1))
    pay = factories.line(holder=anna, last_topup=date(2026, 3, 1))
    factories.line(holder=anna)
    line_share(line=read, with_email=bo.email, right="read", by=anna, now=now)
    line_share(line=pay, with_email=bo.email, right="pay", by=anna, now=now)
    assert [(line, line.my_right) for line in queries.lines_for(bo)] == [(own, "holder"), (read, "read"), (pay, "pay")]
    assert list(queries.lines_of(bo)) == [own]


@pytest.mark.parametrize("right", ["read", "pay"])
def test_an_outsider_finds_nothing(right: str) -> None:
    eve = factories.holder("eve@example.org", role="operations")
    line = factories.line()
    with pytest.raises(NotFound) as refusal:
        queries.line_for(user=eve, line_id=line.pk, right=right)
    assert refusal.value.code == "line_unknown"


@pytest.mark.parametrize(
    ("who", "wanted", "mine"),
    [
        pytest.param("anna", "pay", "holder", id="the holder"),
        pytest.param("bo", "pay", "pay", id="one who may pay"),
        pytest.param("bo", "read", "pay", id="who may pay may read"),
        pytest.param("dora", "read", "read", id="one who may read"),
        pytest.param("dora", "pay", None, id="who may read may not pay"),
        pytest.param("eve", "read", None, id="an outsider"),
    ],
)
def test_who_may_do_what_with_a_line(
    who: str, wanted: str, mine: str | None, now: datetime, django_assert_max_num_queries: Any
) -> None:
    people = {name: factories.holder(f"{name}@example.org") for name in ("anna", "bo", "dora", "eve")}
    line = factories.line(holder=people["anna"])
    line_share(line=line, with_email="bo@example.org", right="pay", by=people["anna"], now=now)
    line_share(line=line, with_email="dora@example.org", right="read", by=people["anna"], now=now)
    if mine is None:
        with pytest.raises(NotFound) as refusal:
            queries.line_for(user=people[who], line_id=line.pk, right=wanted)
        assert refusal.value.code == "line_unknown"
        return
    with django_assert_max_num_queries(1 if mine == "holder" else 2):
        found = queries.line_for(user=people[who], line_id=line.pk, right=wanted)
    assert (found, vars(found)["my_right"]) == (line, mine)
    listed = queries.lines_for(people[who]).get(pk=line.pk)
    assert (listed.my_right, found.holder.email) == (mine, "anna@example.org")


def test_a_line_that_was_removed_is_nobodys(now: datetime) -> None:
    line = factories.line()
    line_remove(line=line, by=line.holder, now=now)
    with pytest.raises(NotFound):
        queries.line_for(user=line.holder, line_id=line.pk)
    with pytest.raises(NotFound):
        queries.require_right(line, line.holder)


def test_one_query_for_a_list(django_assert_num_queries: object) -> None:
    anna = factories.holder()
    for _ in range(3):
        factories.line(holder=anna)
    with django_assert_num_queries(1):  # type: ignore[operator]
        for line in queries.lines_for(anna):
            assert queries.line_deadlines(line, date(2026, 11, 22)).state == "full_service"
            assert line.holder.email


def test_the_three_dates(now: datetime) -> None:
    line = factories.line(operator="tim", last_topup=date(2025, 3, 31))
    dates = queries.line_deadlines(line, date(2026, 4, 15))
    assert (dates.full_service_until, dates.receive_only_until, dates.number_kept_until) == (
        date(2026, 3, 31),
        date(2026, 4, 30),
        date(2027, 3, 31),
    )
    assert (dates.state, dates.days_left, dates.next_on) == ("receive_only", 15, date(2026, 4, 30))


class TestDue:
    def test_within_sixty_days(self, now: datetime) -> None:
        today = date(2026, 11, 22)
        on_the_day = factories.line(last_topup=date(2025, 11, 22))
        in_sixty = factories.line(last_topup=date(2026, 1, 21))
        factories.line(last_topup=date(2026, 1, 22))
        factories.line(last_topup=None)
        gone = factories.line(last_topup=date(2025, 12, 1))
        line_remove(line=gone, by=None, now=now)
        assert queries.lines_due(within_days=60, as_of=today) == [on_the_day, in_sixty]

    def test_nothing_is_missed_when_no_worker_ran(self, now: datetime) -> None:
        line = factories.line(last_topup=date(2025, 12, 1))
        (found,) = queries.lines_due(within_days=60, as_of=date(2026, 12, 10))
        assert (found, found.state, found.next_deadline_on) == (line, "receive_only", date(2027, 1, 1))
        line.refresh_from_db()
        assert line.next_deadline_on == date(2026, 12, 1)

    def test_of_one_reader(self) -> None:
        bo = factories.holder("bo@example.org")
        factories.line(last_topup=date(2025, 12, 1))
        mine = factories.line(holder=bo, last_topup=date(2025, 12, 1))
        assert queries.lines_due(within_days=60, as_of=date(2026, 11, 22), user=bo) == [mine]


def test_history_is_newest_first_and_says_who(now: datetime) -> None:
    anna = factories.holder()
    line = factories.line(holder=anna, last_topup=date(2026, 3, 31))
    line_event_record(line=line, kind="topup", on=date(2026, 11, 20), reference="order:A", now=now)
    assert [(event.kind, event.on, event.recorded_by) for event in queries.history(line)] == [
        ("registered", date(2026, 11, 22), anna),
        ("topup", date(2026, 11, 20), None),
        ("topup", date(2026, 3, 31), anna),
    ]


class TestByNumber:
    def test_however_it_is_written(self) -> None:
        line = factories.line(msisdn="3471234567")
        assert queries.line_by_number("0039 347 123 4567") == line

    def test_kept_by_two(self) -> None:
        bo = factories.holder("bo@example.org")
        factories.line(msisdn="3471234567")
        his = factories.line(holder=bo, msisdn="3471234567")
        with pytest.raises(Conflict) as refusal:
            queries.line_by_number("3471234567")
        assert refusal.value.code == "line_ambiguous"
        assert queries.line_by_number("3471234567", holder=bo) == his

    def test_kept_by_nobody(self, now: datetime) -> None:
        line = factories.line(msisdn="3471234567")
        line_remove(line=line, by=None, now=now)
        with pytest.raises(NotFound):
            queries.line_by_number("3471234567")
        assert queries.removed_line_by_number("3471234567") == line
        with pytest.raises(NotFound):
            queries.removed_line_by_number("3471234568")


def test_dates_of_many_lines_are_reckoned_once() -> None:
    queries.deadlines_of.cache_clear()
    line = Line(operator="tim", extended_on=date(2026, 3, 31))
    for _ in range(100):
        queries.line_deadlines(line, date(2026, 11, 22))
    assert queries.deadlines_of.cache_info().misses == 1


def test_the_next_day_is_another_answer() -> None:
    line = Line(operator="tim", extended_on=date(2025, 11, 22))
    today = date(2026, 11, 22)
    assert queries.line_deadlines(line, today).state == "full_service"
    assert queries.line_deadlines(line, today + timedelta(days=1)).state == "receive_only"
