"""A line whose plan is bought again, and not the smallest top-up."""

from __future__ import annotations

from datetime import date

import pytest

from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.renewals.actions import auto_change
from lineaviva.keeper.renewals.models import AutoRenewal, AutoRun
from lineaviva.keeper.renewals.queries import run_of, what_next
from lineaviva.keeper.renewals.rules import Step
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money
from tests.keeper.renewals.conftest import World

PLAN = AutoRenewal.Choice.PLAN


def on_plan(world: World, *, until: date, extends: bool = True) -> AutoRenewal:
    """Mamma's line is on Casa 20, 9.99 EUR a month, until that day; it is to be bought again three days before."""
    Offering.objects.create(
        key="tim:casa-20",
        operator="tim",
        external_id="casa-20",
        kind="plan",
        name="Casa 20",
        price_minor=999,
        extends=extends,
        sellable=True,
        source="tmf620",
        period_months=1,
    )
    Line.objects.filter(pk=world.line.pk).update(plan="casa 20", plan_expires_on=until)
    world.line.refresh_from_db()
    return world.on(ceiling=1000, lead_days=3, choice=PLAN)


def test_the_plan_is_bought_again_before_it_ends_month_after_month(world: World) -> None:
    auto = on_plan(world, until=date(2026, 12, 18))
    world.days(date(2026, 12, 1), date(2026, 12, 1))
    assert what_next(auto, world.clock.now()).steps[:2] == [
        Step("notice", date(2026, 12, 13)),
        Step("charge", date(2026, 12, 15), Money(999)),
    ]
    world.days(date(2026, 12, 12), date(2026, 12, 16))
    run = AutoRun.objects.order_by("pk")[0]
    assert (run.state, run.deadline, run.deadline_on, run.amount_minor) == ("done", "plan", date(2026, 12, 18), 999)
    line = Line.objects.get(pk=world.line.pk)
    assert (line.plan, line.plan_expires_on) == ("Casa 20", date(2027, 1, 15))
    world.days(date(2027, 1, 9), date(2027, 1, 13))
    assert [one.deadline_on for one in AutoRun.objects.filter(state="done")] == [date(2026, 12, 18), date(2027, 1, 15)]
    assert list(world.bank.charged.values()) == [999, 999]


@pytest.mark.parametrize(("extends", "charged"), [(True, 999), (False, 500)])
def test_where_the_line_itself_ends_first_it_is_kept(world: World, extends: bool, charged: int) -> None:
    """By the plan, where that moves the line's date; else by the smallest top-up."""
    on_plan(world, until=date(2027, 4, 20), extends=extends)
    world.days(date(2027, 3, 25), date(2027, 3, 29))
    run = AutoRun.objects.order_by("pk")[0]
    assert (run.state, run.deadline, run.deadline_on) == ("done", "limited", date(2027, 3, 31))
    assert list(world.bank.charged.values()) == [charged]


def test_a_plan_that_is_not_sold_any_more_is_not_replaced_by_another(world: World) -> None:
    on_plan(world, until=date(2026, 12, 18))
    Offering.objects.filter(key="tim:casa-20").update(sellable=False)
    world.days(date(2026, 12, 12), date(2026, 12, 19))
    assert world.states()[0] == ("skipped", "nothing_to_buy")
    assert world.bank.asked == []
    assert run_of(AutoRenewal.objects.get()) == AutoRun.objects.get(deadline_on=date(2027, 3, 31)), (
        "the line's own date"
    )


def test_another_choice_is_another_date(world: World) -> None:
    auto = on_plan(world, until=date(2026, 12, 18))
    world.work()
    for choice, day in (("keepalive", date(2027, 3, 31)), (PLAN, date(2026, 12, 18))):
        auto_change(auto=auto, by=world.anna, choice=choice, now=world.clock.now())
        world.work()
        run = run_of(auto)
        assert run is not None
        assert (run.state, run.deadline_on) == ("planned", day)
        assert Line.objects.get(pk=world.line.pk).renews_on == day
    assert AutoRun.objects.count() == 2


def test_no_plan_to_choose(world: World) -> None:
    auto = world.on()
    with pytest.raises(InvalidInput) as refusal:
        auto_change(auto=auto, by=world.anna, choice=PLAN, now=world.clock.now())
    assert refusal.value.code == "auto_no_plan"
    auto.refresh_from_db()
    assert auto.choice == "keepalive"
