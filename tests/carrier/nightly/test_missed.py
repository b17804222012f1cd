"""Nights that were missed are made up for in their order: the same end as if each had been run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import Any

import pytest

from lineaviva.carrier.ledger.models import Event
from lineaviva.carrier.nightly.models import Shard
from lineaviva.carrier.partitions import parts
from lineaviva.carrier.subscriptions.models import Subscription
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import (
    NIGHT,
    NOTICES,
    day,
    events,
    in_part,
    money,
    night,
    outcomes,
    rolled_back,
    row,
    state,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]
OPERATORS = ("tim", "vodafone", "windtre", "iliad", "ho", "kena")


@pytest.fixture
def week(db: None) -> list[Subscription]:
    """Lines of six operators, each due on another day of a week, with credit for nothing, one month or several fees."""
    made, ids = [], chain(in_part(0, 30), in_part(1, 30) if len(parts()) > 1 else range(5001, 5031))
    Shard.objects.bulk_create([Shard(part=part, done_through=None if part < 2 else day(9)) for part in parts()])
    for place, operator in enumerate(OPERATORS):
        lines.offer(operator)
        lines.offer(operator, "daily", price=50, period_months=None, period_days=1)
        for days in range(7):
            line = lines.line(operator, credit=(0, 150, 850, 5000)[(days + place) % 4], id=next(ids))
            ahead = 2 if operator == "iliad" else 0
            lines.plan(line, f"{operator}-base", paid_until=day(days), due_on=day(days - ahead))
            if days % 3 == 0:
                lines.plan(line, f"{operator}-daily", price_minor=50, paid_until=day(days))
            made.append(line)
    return [*made, *_lives(ids)]


def _lives(ids: Iterator[int]) -> list[Subscription]:
    """A step on each day. Notices are due so late in the week that they are not too late for what they warn of."""
    dates: dict[str, Any] = {"receive_only_until": day(200), "number_kept_until": day(900)}
    return [
        *(
            lines.line(full_service_until=day(34 + days), look_on=day(days), id=next(ids), **dates)
            for days in range(2, 7)
        ),
        *(
            lines.line(
                full_service_until=day(days - 1),
                suspension_noticed_on=day(-40),
                look_on=day(days),
                id=next(ids),
                **dates,
            )
            for days in range(7)
        ),
        *(
            lines.line(
                id=next(ids),
                credit=777,
                phase="off",
                full_service_until=day(-400),
                receive_only_until=day(-370),
                number_kept_until=day(days - 1),
                loss_noticed_on=day(-40),
                look_on=day(days),
            )
            for days in range(0, 7, 3)
        ),
    ]


@pytest.mark.parametrize("batch", [3, 1000])
def test_a_week_made_up_for_is_a_week_run_night_by_night(week: list[Subscription], batch: int) -> None:
    with rolled_back():
        each = [outcomes(night(day(days))) for days in range(7)]
        one_by_one = state(NOTICES)
    summary = night(day(6), batch=batch)
    assert state(NOTICES) == one_by_one
    assert summary["since"] == day(-2).isoformat()  # iliad's are looked at two days ahead
    assert sum(outcomes(summary).values()) == sum(sum(one.values()) for one in each)
    assert summary["money"] == summary["ledger"]
    assert len(outcomes(summary)) > 15


def test_two_days_here_and_three_there_are_the_same(week: list[Subscription]) -> None:
    with rolled_back():
        for days in range(7):
            night(day(days))
        one_by_one = state(NOTICES)
    for days in (1, 4, 6):
        night(day(days))
    assert state(NOTICES) == one_by_one


def test_each_day_is_charged_on_its_day() -> None:
    line = lines.line("vodafone", credit=50)
    plan = lines.plan(line, lines.offer("vodafone"))
    night(day(3))
    rows = Event.objects.filter(subscription_id=line.pk, origin="night").order_by("number")
    assert list(rows.values_list("kind", "on", "amount_minor")) == [
        ("courtesy", NIGHT, 99),
        ("courtesy", day(1), 99),
        ("blocked", day(2), 0),
    ]
    assert (money(line), row(plan)["status"], row(plan)["late_days"]) == ((50, 198), "blocked", 2)


def test_a_plan_by_the_day_is_paid_for_each_day() -> None:
    line = lines.line(credit=1000)
    plan = lines.plan(line, lines.offer(key="daily", price=50, period_months=None, period_days=1), price_minor=50)
    night(day(9))
    assert events(line) == [("renewed", 50)] * 10
    assert (money(line), row(plan)["paid_until"]) == ((500, 0), day(10))


def test_days_on_which_nothing_was_due_are_passed_over() -> None:
    line = lines.line(credit=20_000)
    lines.plan(line, lines.offer(), paid_until=date(2025, 11, 22))
    summary = night()
    assert (summary["since"], events(line)) == ("2025-11-22", [("renewed", 799)] * 13)
    assert money(line) == (20_000 - 13 * 799, 0)


def test_parts_that_stopped_on_different_days_all_come_to_the_night() -> None:
    made = [lines.line(credit=5000) for _ in range(40)]
    lines.offer()
    for line in made:
        lines.plan(line, "tim-base", paid_until=day(-1))
    Shard.objects.bulk_create([Shard(part=part, done_through=day(-2 - part % 3)) for part in parts()])
    summary = night()
    assert outcomes(summary) == {"tim renewed": 40}
    assert set(Shard.objects.values_list("done_through", flat=True)) == {NIGHT}
    assert summary["since"] == day(-3 if len(parts()) > 1 else -1).isoformat()
