"""A line that the night cannot deal with stands aside, is told, and is asked for again; all others have their night."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import ProgrammingError

from lineaviva.carrier.ledger.models import Event
from lineaviva.carrier.nightly import aside
from lineaviva.carrier.nightly.models import Count
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, events, in_part, money, night, outcomes, row, state

pytestmark = pytest.mark.django_db
MOST = 10**15


def seven(**columns: Any) -> list[Subscription]:
    """Vodafone's lines, all in one part, each with a plan that is due and too little credit for it."""
    lines.offer("vodafone")
    made = [lines.line("vodafone", credit=150, id=pk, **columns) for pk in in_part(0, 7)]
    for line in made:
        lines.plan(line, "vodafone-base")
    return made


def spoil(line: Subscription) -> None:
    """Another day of courtesy is more than the database can hold for this line."""
    lines.owe(line, MOST - 50)


# --- fees -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize("bad", [[0], [3], [6], [0, 1, 5], list(range(7))], ids=str)
def test_the_others_have_their_night(batch: int, bad: list[int]) -> None:
    made = seven()
    for place in bad:
        spoil(made[place])
    plans = {plan.subscription_id: row(plan) for plan in Plan.objects.all()}
    summary = night(batch=batch)
    good = [line for place, line in enumerate(made) if place not in bad]
    assert [money(line) for line in good] == [(150, 99)] * len(good)
    assert [events(line) for line in good] == [[("courtesy", 99)]] * len(good)
    for place in bad:
        line = made[place]
        assert money(line) == (150, MOST - 50)
        assert events(line) == []
        kept = row(Plan.objects.get(subscription_id=line.pk))
        assert kept == plans[line.pk] | {"status": "stuck", "due_on": day(1)}
    expected = {"vodafone courtesy": len(good), "vodafone stuck": len(bad)}
    assert outcomes(summary) == {name: many for name, many in expected.items() if many}
    assert (summary["stuck"], summary["done"], summary["ledger_agrees"]) == (len(bad), True, True)


@pytest.mark.usefixtures("books")
def test_it_is_asked_for_each_night_until_somebody_has_seen_to_it() -> None:
    made = seven()
    spoil(made[3])
    assert night()["stuck"] == 1
    second = night(day(1))
    assert (second["stuck"], outcomes(second)["vodafone stuck"]) == (1, 1)
    lines.forgive(made[3])
    third = night(day(2))
    assert (third["stuck"], money(made[3])) == (0, (150, 99))
    assert row(Plan.objects.get(subscription_id=made[3].pk))["status"] == "active"


def test_a_plan_that_sleeps_and_cannot_be_removed_is_not_charged_instead() -> None:
    lines.offer("tim")
    line = lines.line("tim", credit=5000)
    asleep = lines.plan(line, "tim-base", status="asleep", paid_until=day(-180), due_on=NIGHT)
    in_the_way = Event.objects.filter(subscription_id=line.pk).count() + 1
    Event.objects.create(
        subscription_id=line.pk, number=in_the_way, kind="changed", origin="staff", on=NIGHT, at=at(NIGHT)
    )
    for nth in range(3):
        assert night(day(nth))["stuck"] == 1
        kept = row(Plan.objects.get(subscription_id=asleep.subscription_id, number=asleep.number))
        assert (kept["status"], kept["due_on"], money(line)) == ("asleep", day(nth + 1), (5000, 0))


def test_an_event_that_is_there_already_stops_its_line_only() -> None:
    made = seven()
    twin = made[2]
    Event.objects.create(
        subscription_id=twin.pk, number=twin.last_number + 1, kind="changed", origin="staff", on=NIGHT, at=at(NIGHT)
    )
    assert outcomes(night(batch=4)) == {"vodafone courtesy": 6, "vodafone stuck": 1}
    assert money(twin) == (150, 0)
    assert lines.problems() == [f"subscription {twin.pk}: its events should be 1 to 2, there are 3 up to 3"]


@pytest.mark.usefixtures("books")
def test_a_plan_that_no_longer_exists_waits_for_whoever_puts_it_back() -> None:
    line, other = lines.line(credit=900), lines.line(credit=900)
    plan = lines.plan(line, "tim-gone")
    lines.plan(other, lines.offer())
    first = night()
    assert (first["stuck"], outcomes(first)) == (1, {"tim renewed": 1, "tim stuck": 1})
    assert night(day(1))["stuck"] == 1
    lines.offer(key="gone")
    assert night(day(2))["stuck"] == 0
    assert (money(line), row(plan)["status"]) == ((101, 0), "active")
    # From the day on which it could be used again.
    assert (row(plan)["paid_until"], row(plan)["anchor_day"]) == (date(2026, 12, 24), 24)


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("bad", ["an offering's policy", "an operator"])
def test_what_is_wrong_with_one_offering_is_not_wrong_with_the_others(bad: str) -> None:
    line, other = lines.line(credit=900), lines.line(credit=900)
    lines.plan(other, lines.offer())
    if bad == "an operator":
        line.operator = "sip"
        line.save()
        lines.rename(line)
        lines.plan(line, "sip-base")
    else:
        lines.plan(line, lines.offer(key="odd", renewal_policy="nobody knows"))
    summary = night()
    assert outcomes(summary) == {"tim renewed": 1, f"{line.operator} stuck": 1}
    assert money(line) == (900, 0)


# --- lives and notices ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_a_life_that_cannot_go_on_is_looked_at_tomorrow(batch: int) -> None:
    made = [lines.line(full_service_until=day(30), look_on=NIGHT, id=pk) for pk in in_part(0, 5)]
    Event.objects.create(subscription_id=made[1].pk, number=1, kind="changed", origin="staff", on=NIGHT, at=at(NIGHT))
    summary = night(batch=batch)
    assert outcomes(summary) == {"tim suspension_notice": 4, "tim stuck": 1}
    made[1].refresh_from_db()
    assert (made[1].look_on, made[1].suspension_noticed_on) == (day(1), None)
    assert night(day(1))["stuck"] == 1


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_one_who_cannot_be_told_does_not_keep_the_others_from_hearing(batch: int) -> None:
    made = seven()
    Plan.objects.update(due_on=day(9), paid_until=day(9))
    Event.objects.create(subscription_id=made[1].pk, number=3, kind="changed", origin="staff", on=NIGHT, at=at(NIGHT))
    lines.change("vodafone-base", announced_on=NIGHT, from_on=day(40), price_minor=899, given=None)
    summary = night(batch=batch)
    assert outcomes(summary) == {"vodafone change_notice": 6, "vodafone stuck": 1}
    assert summary["stuck"] == 1


# --- not a row's fault ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("books")
def test_a_database_that_lacks_something_is_no_lines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    seven()
    before = state()

    def lacking(*_: object, **__: object) -> None:
        raise ProgrammingError("permission denied for table carrier_ledger_event")

    with monkeypatch.context() as patch:
        patch.setattr(aside, "apply_batch", lacking)
        with pytest.raises(ProgrammingError):
            night()
    assert state() == before
    assert Count.objects.count() == 0
    lines.lease_over()
    assert outcomes(night()) == {"vodafone courtesy": 7}
