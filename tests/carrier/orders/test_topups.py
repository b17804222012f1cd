"""What new credit does by itself: it extends the line, pays what is owed, and wakes what was not paid."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lineaviva.carrier.catalogue.rules import topup_id
from lineaviva.carrier.ledger.models import Entry, Event
from lineaviva.carrier.orders.actions import service_order_perform
from lineaviva.carrier.orders.models import ServiceOrder
from lineaviva.carrier.orders.ports import Strict
from lineaviva.carrier.orders.rules import Ask
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.rulebook import Operator
from lineaviva.rulebook.facts import Restart
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, money, row, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]
MONTH = date(2026, 12, 22)


def topup(line: Subscription, minor: int, reference: str | None = None, on: date = NIGHT) -> ServiceOrder:
    ask = Ask(line.operator, "partner", reference, "topup", line.msisdn, topup_id(minor), minor)
    order = service_order_perform(ask=ask, screening=Strict(), now=at(on))
    assert (order.status, order.code) == ("completed", "")
    return order


def since(line: Subscription, number: int) -> list[tuple[str, int]]:
    """Kind and cents of the line's events after that one."""
    rows = Event.objects.filter(subscription_id=line.pk, number__gt=number).order_by("number")
    return list(rows.values_list("kind", "amount_minor"))


def sleeping(line: Subscription, **facts: Any) -> Plan:
    usual = {"status": "asleep", "paid_until": day(-12), "due_on": day(168)}
    return lines.plan(line, f"{line.operator}-base", **{**usual, **facts})


# --- what is owed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credit", "debt", "expected", "paid"),
    [
        pytest.param(0, 198, (802, 0), 198, id="less than the top-up"),
        pytest.param(150, 198, (952, 0), 198, id="credit was there already"),
        pytest.param(0, 1000, (0, 0), 1000, id="all of it"),
        pytest.param(0, 1200, (0, 200), 1000, id="more than the top-up: the rest stays owed"),
        pytest.param(0, 0, (1000, 0), 0, id="nothing"),
    ],
)
def test_what_is_owed_is_paid_first(credit: int, debt: int, expected: tuple[int, int], paid: int) -> None:
    line = lines.line(credit=credit, debt=debt)
    before = line.last_number
    topup(line, 1000)
    assert money(line) == expected
    assert since(line, before) == [("topup", 1000), *([("debt_paid", paid)] if paid else [])]
    if paid:
        entry = Entry.objects.get(subscription_id=line.pk, number=before + 2)
        assert (entry.debited, entry.credited, entry.amount_minor) == ("credit", "courtesy", paid)


def test_it_is_paid_before_anything_wakes() -> None:
    lines.offer("vodafone")
    line = lines.line("vodafone", debt=198)
    plan = sleeping(line, status="blocked", late_days=2, due_on=None)
    before = line.last_number
    topup(line, 1000)
    assert since(line, before) == [("topup", 1000), ("debt_paid", 198), ("renewed", 799)]
    assert money(line) == (3, 0)
    assert (row(plan)["status"], row(plan)["late_days"]) == ("active", 0)


def test_a_cent_that_is_owed_keeps_a_plan_asleep() -> None:
    lines.offer("vodafone", price=1000)
    line = lines.line("vodafone", debt=1)
    before = row(plan := sleeping(line, price_minor=1000))
    topup(line, 1000)
    assert (money(line), row(plan)) == ((999, 0), before)


# --- waking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({}, id="asleep"),
        pytest.param({"status": "blocked", "due_on": None}, id="blocked"),
        pytest.param({"status": "active", "late_days": 1, "due_on": day(1)}, id="in its courtesy days"),
    ],
)
def test_what_was_not_paid_is_renewed_from_the_day_of_the_top_up(facts: dict[str, Any]) -> None:
    lines.offer()
    line, other = lines.line(), lines.line(credit=799)
    plan, untouched = sleeping(line, **facts), sleeping(other)
    before, others = row(plan), row(untouched)
    topup(line, 1000)
    assert row(plan) == before | {
        **{"status": "active", "paid_until": MONTH, "due_on": MONTH, "anchor_day": 22, "late_days": 0},
        **{"data_left": 50_000, "voice_left": -1, "sms_left": 200},
    }
    assert money(line) == (201, 0)
    event = Event.objects.get(subscription_id=line.pk, kind="renewed")
    assert (event.origin, event.on, event.until, event.plan_number) == ("order", NIGHT, MONTH, plan.number)
    # Nobody else is woken, or charged, by somebody's top-up.
    assert (row(untouched), money(other)) == (others, (799, 0))


def test_no_lines_but_one_are_touched_however_many_there_are() -> None:
    """On PostgreSQL the rows of sixteen parts stand at the same places of their tables."""
    lines.offer()
    crowd = [lines.line(credit=5000) for _ in range(40)]
    for one in crowd:
        sleeping(one)
    line = lines.line()
    sleeping(line)
    before = state()
    topup(line, 1000)
    changed = {name: [row for row in rows if row not in before[name]] for name, rows in state().items()}
    assert {name: len(rows) for name, rows in changed.items() if rows} == {
        "Subscription": 1,
        "Plan": 1,
        "Event": 2,
        "Entry": 2,
    }
    assert [money(one) for one in crowd] == [(5000, 0)] * 40


@pytest.mark.parametrize(
    ("facts", "changes"),
    [
        pytest.param({"status": "active", "paid_until": day(9), "due_on": day(9)}, {}, id="it is paid"),
        pytest.param({"status": "ended", "due_on": None}, {}, id="it ended"),
        pytest.param({"status": "stuck", "due_on": day(1)}, {}, id="it is stuck: the night's"),
        pytest.param({"auto_renew": False}, {}, id="it is not renewed"),
        pytest.param({"price_minor": 1001}, {}, id="it costs a cent more"),
        pytest.param({"offering_id": "tim-gone"}, {}, id="there is no such offer"),
        pytest.param({}, {"status": "suspended"}, id="never: the line is blocked by hand"),
    ],
)
def test_what_is_not_woken(facts: dict[str, Any], changes: dict[str, Any]) -> None:
    lines.offer()
    line = lines.line(**changes)
    plan = sleeping(line, **facts)
    before = row(plan)
    ask = Ask("tim", "partner", None, "topup", line.msisdn, "topup-10", 1000)
    order = service_order_perform(ask=ask, screening=Strict(), now=at(NIGHT))
    assert row(plan) == before
    assert money(line) == ((0, 0) if changes else (1000, 0))
    assert order.status == ("failed" if changes else "completed")


def test_a_top_up_that_does_not_bring_the_line_back_wakes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No operator sells one so small today; the rules know of them."""
    monkeypatch.setattr("lineaviva.carrier.catalogue.rules.extends", lambda *_: False)
    lines.offer()
    line = lines.line(phase="receive_only", credit=1000)
    before = row(plan := sleeping(line))
    topup(line, 1000)
    line.refresh_from_db()
    assert (line.phase, money(line), row(plan)) == ("receive_only", (2000, 0), before)


def test_back_in_service_the_plan_wakes_with_it() -> None:
    lines.offer()
    line = lines.line(phase="receive_only", full_service_until=day(-3), suspension_noticed_on=day(-40))
    plan = sleeping(line, due_on=None)
    topup(line, 1000)
    line.refresh_from_db()
    assert (line.phase, line.extended_on, line.suspension_noticed_on) == ("full_service", NIGHT, None)
    assert row(plan)["status"] == "active"


# --- several --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credit", "minor", "woken"),
    [
        pytest.param(0, 500, ["cheap"], id="for the cheap one only, which is the last"),
        pytest.param(0, 1000, ["old"], id="for the oldest"),
        pytest.param(0, 2000, ["old", "new", "cheap"], id="for all"),
        pytest.param(500, 1000, ["old", "cheap"], id="for the oldest and what is left covers"),
    ],
)
def test_the_oldest_wake_first_as_far_as_the_credit_goes(credit: int, minor: int, woken: list[str]) -> None:
    line = lines.line(credit=credit)
    plans = {}
    for name, price in (("old", 799), ("new", 799), ("cheap", 399)):
        lines.offer(key=name, price=price)
        plans[name] = lines.plan(
            line, f"tim-{name}", price_minor=price, status="asleep", paid_until=day(-9), due_on=day(90)
        )
    topup(line, minor)
    assert [name for name, plan in plans.items() if row(plan)["status"] == "active"] == woken
    spent = sum(row(plans[name])["price_minor"] for name in woken)
    assert money(line) == (credit + minor - spent, 0)


# --- by the policy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("restart", "paid_until", "anchor"),
    [
        pytest.param("day_of_topup", MONTH, 22, id="the day of the top-up"),
        pytest.param("old_date", date(2026, 12, 10), 10, id="the date that was missed"),
    ],
)
def test_where_the_new_period_begins(
    restart: Restart, paid_until: date, anchor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Operator.renewal_policy
    monkeypatch.setattr(Operator, "renewal_policy", lambda *args: replace(real(*args), restart=restart))
    lines.offer()
    line = lines.line()
    plan = sleeping(line, paid_until=date(2026, 11, 10), anchor_day=10)
    topup(line, 1000)
    found = row(plan)
    assert (found["paid_until"], found["due_on"], found["anchor_day"]) == (paid_until, paid_until, anchor)


def test_iliad_tries_ahead_again_once_it_is_awake() -> None:
    lines.offer("iliad")
    line = lines.line("iliad")
    plan = sleeping(line, due_on=None)
    topup(line, 1000)
    assert (row(plan)["paid_until"], row(plan)["due_on"]) == (MONTH, date(2026, 12, 20))


# --- changed offers -------------------------------------------------------------------------------------------------


def test_it_wakes_at_the_price_that_counts_by_then() -> None:
    lines.offer()
    line = lines.line()
    plan = sleeping(line)
    lines.change("tim-base", price_minor=899)
    topup(line, 1000)
    assert (money(line), row(plan)["price_minor"]) == ((101, 0), 899)


def test_an_offer_that_ended_does_not_wake() -> None:
    lines.offer()
    line = lines.line()
    plan = sleeping(line)
    lines.change("tim-base", "withdrawn")
    topup(line, 1000)
    assert (money(line), row(plan)["status"]) == ((1000, 0), "asleep")


def test_whoever_buys_what_will_change_is_told_at_once() -> None:
    lines.offer()
    line = lines.line()
    lines.change("tim-base", from_on=day(20), price_minor=899, given=day(-3))
    lines.change("tim-base", from_on=day(40), price_minor=999, given=None)
    ask = Ask("tim", "partner", "LV-9", "plan", line.msisdn, "tim-base", body={"auto_renew": True})
    service_order_perform(ask=ask, screening=Strict(), now=at(NIGHT))
    assert since(line, 0) == [("plan", 799), ("change_notice", 0)]
    event = Event.objects.get(kind="change_notice")
    assert (event.until, event.plan_number, event.offering_id) == (day(20), 1, "tim-base")


def test_a_plan_is_sold_at_the_price_of_the_day() -> None:
    lines.offer()
    lines.change("tim-base", price_minor=899)
    line = lines.line()
    ask = Ask("tim", "partner", "LV-9", "plan", line.msisdn, "tim-base")
    order = service_order_perform(ask=ask, screening=Strict(), now=at(NIGHT))
    assert (order.status, order.price_minor) == ("completed", 899)
    assert Plan.objects.get(subscription_id=line.pk).price_minor == 899


def test_what_was_withdrawn_is_not_sold() -> None:
    lines.offer()
    lines.change("tim-base", "withdrawn")
    line = lines.line()
    ask = Ask("tim", "partner", "LV-9", "plan", line.msisdn, "tim-base")
    assert service_order_perform(ask=ask, screening=Strict(), now=at(NIGHT)).code == "offering_unknown"
    assert Plan.objects.count() == 0


def test_again_by_the_same_reference_nothing_wakes_twice() -> None:
    lines.offer()
    line = lines.line()
    sleeping(line)
    topup(line, 1000, "LV-1")
    before = state()
    topup(line, 1000, "LV-1", on=day(40))
    assert state() == before
