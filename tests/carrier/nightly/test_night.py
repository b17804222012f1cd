"""One night through the command's own entry point: every outcome, to the cent and the row."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest

from lineaviva.carrier.ledger.models import Entry, Event
from lineaviva.carrier.nightly.models import Count, Shard
from lineaviva.carrier.partitions import parts
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, events, money, moved, night, outcomes, row, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]
MONTH = date(2026, 12, 22)

# Operator, credit, debt, the plan before -> event and its cents, credit and debt after, what of the plan is other.
OUTCOMES: dict[str, tuple[str, int, int, dict[str, Any], tuple[str, int], tuple[int, int], dict[str, Any]]] = {
    "enough": ("tim", 1500, 0, {}, ("renewed", 799), (701, 0), {"paid_until": MONTH, "due_on": MONTH}),
    "just enough": ("tim", 799, 0, {}, ("renewed", 799), (0, 0), {"paid_until": MONTH, "due_on": MONTH}),
    "a cent too little": ("tim", 798, 0, {}, ("asleep", 0), (798, 0), {"status": "asleep", "due_on": day(180)}),
    "enough, but for what is owed": (
        *("tim", 898, 100, {}, ("asleep", 0), (898, 100)),
        {"status": "asleep", "due_on": day(180)},
    ),
    "enough beside what is owed": (
        *("tim", 899, 100, {}, ("renewed", 799), (100, 100)),
        {"paid_until": MONTH, "due_on": MONTH},
    ),
    "nothing at all": ("kena", 0, 0, {}, ("asleep", 0), (0, 0), {"status": "asleep", "due_on": day(90)}),
    "Vodafone, first day": ("vodafone", 150, 0, {}, ("courtesy", 99), (150, 99), {"late_days": 1, "due_on": day(1)}),
    "Vodafone, second day": (
        *("vodafone", 150, 99, {"late_days": 1, "paid_until": day(-1), "due_on": NIGHT}),
        *(("courtesy", 99), (150, 198), {"late_days": 2, "due_on": day(1)}),
    ),
    "Vodafone, third day": (
        *("vodafone", 150, 198, {"late_days": 2, "paid_until": day(-2), "due_on": NIGHT}),
        *(("blocked", 0), (150, 198), {"status": "blocked", "due_on": None}),
    ),
    "Vodafone, credit found on the third day": (
        *("vodafone", 1000, 198, {"late_days": 2, "paid_until": day(-2), "due_on": NIGHT}),
        *(("renewed", 799), (201, 198), {"late_days": 0, "paid_until": MONTH, "due_on": MONTH, "anchor_day": 22}),
    ),
    "WindTre, second day": (
        *("windtre", 0, 99, {"late_days": 1, "paid_until": day(-1), "due_on": NIGHT}),
        *(("courtesy", 199), (0, 298), {"late_days": 2, "due_on": day(1)}),
    ),
    "WindTre, a day that is paid for": (
        *("windtre", 0, 298, {"late_days": 3, "paid_until": day(-3), "due_on": NIGHT}),
        *(("courtesy", 0), (0, 298), {"late_days": 4, "due_on": day(1)}),
    ),
    "WindTre, over": (
        *("windtre", 0, 298, {"late_days": 5, "paid_until": day(-5), "due_on": NIGHT}),
        *(("blocked", 0), (0, 298), {"status": "blocked", "due_on": None}),
    ),
    "iliad, two days ahead": (
        *("iliad", 150, 0, {"paid_until": day(2), "due_on": NIGHT}),
        *(("tried", 0), (150, 0), {"due_on": day(1)}),
    ),
    "iliad, two days ahead, with credit": (
        *("iliad", 900, 0, {"paid_until": day(2), "due_on": NIGHT}),
        *(("renewed", 799), (101, 0), {"paid_until": date(2026, 12, 24), "due_on": MONTH}),
    ),
    "iliad, a day ahead": (
        *("iliad", 0, 0, {"paid_until": day(1), "due_on": NIGHT}),
        *(("tried", 0), (0, 0), {"due_on": day(1)}),
    ),
    "iliad, on the day": ("iliad", 798, 0, {}, ("asleep", 0), (798, 0), {"status": "asleep", "due_on": None}),
    "ho., once below zero": (
        *("ho", 150, 0, {}, ("negative", 799), (0, 649)),
        {"paid_until": MONTH, "due_on": MONTH},
    ),
    "ho., not twice": ("ho", 150, 1, {}, ("asleep", 0), (150, 1), {"status": "asleep", "due_on": None}),
    "not to be renewed": (
        *("tim", 1500, 0, {"auto_renew": False}, ("ended", 0), (1500, 0)),
        {"status": "ended", "due_on": None},
    ),
    "slept for 180 days": (
        *("tim", 1500, 0, {"status": "asleep", "paid_until": day(-180), "due_on": NIGHT}),
        *(("removed", 0), (1500, 0), {"status": "ended", "due_on": None}),
    ),
    "no such offer": (
        *("tim", 1500, 0, {"offering_id": "tim-gone"}, ("stuck", 0), (1500, 0)),
        {"status": "stuck", "due_on": day(1)},
    ),
    "stuck, and dealt with since": (
        *("tim", 1500, 0, {"status": "stuck", "paid_until": day(-9), "due_on": NIGHT}),
        *(("renewed", 799), (701, 0), {"status": "active", "paid_until": MONTH, "due_on": MONTH, "anchor_day": 22}),
    ),
}


def test_every_outcome() -> None:
    for operator in {facts[0] for facts in OUTCOMES.values()}:
        lines.offer(operator)
    before = {name: _made(*facts[:4]) for name, facts in OUTCOMES.items()}
    rows = {name: row(plan) for name, (_, plan) in before.items()}
    summary = night()
    for name, (line, plan) in before.items():
        *_, event, money_after, after = OUTCOMES[name]
        if event[0] in ("renewed", "negative"):
            after = {**after, "data_left": 50_000, "voice_left": -1, "sms_left": 200}
        assert (name, row(plan)) == (name, rows[name] | after)
        assert (name, money(line), events(line)) == (name, money_after, [event])
    counted = Counter(f"{facts[0]} {facts[4][0]}" for facts in OUTCOMES.values())
    assert outcomes(summary) == counted
    assert summary["money"] == summary["ledger"]
    assert summary["stuck"] == 1


def _made(operator: str, credit: int, debt: int, facts: dict[str, Any]) -> tuple[Subscription, Plan]:
    line = lines.line(operator, credit=credit, debt=debt)
    return line, lines.plan(line, f"{operator}-base", **facts)


def test_the_event_is_receipt_and_notice() -> None:
    line = lines.line(credit=1500)
    plan = lines.plan(line, lines.offer())
    before = line.last_number
    night()
    event = Event.objects.get(subscription_id=line.pk, number=before + 1)
    assert (event.kind, event.origin, event.on, event.at) == ("renewed", "night", NIGHT, at(NIGHT))
    assert (event.plan_number, event.offering_id, event.until) == (plan.number, "tim-base", MONTH)
    entry = Entry.objects.get(subscription_id=line.pk, number=event.number)
    assert (entry.leg, entry.debited, entry.credited, entry.amount_minor) == (1, "credit", "revenue", 799)
    assert (entry.origin, entry.booked_on) == ("night", NIGHT)


def test_what_is_missing_once_is_owed_and_the_rest_is_paid() -> None:
    line = lines.line("ho", credit=150)
    lines.plan(line, lines.offer("ho"))
    summary = night()
    assert moved(line) == [("credit", "revenue", 150), ("courtesy", "revenue", 649)]
    assert summary["money"] == {"credit_minor": 150, "debt_minor": 649, "discount_minor": 0}


# --- promotions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "promo", "credit", "fee", "discount", "kept"),
    [
        pytest.param(day(90), 399, 1500, 399, 400, True, id="runs"),
        pytest.param(day(1), 399, 399, 399, 400, True, id="its last day, and credit for no more"),
        pytest.param(NIGHT, 399, 1500, 799, 0, False, id="ended"),
        pytest.param(day(90), 0, 0, 0, 799, True, id="a month for nothing"),
        pytest.param(day(90), 799, 1500, 799, 0, False, id="takes nothing off"),
    ],
)
def test_a_promotion(until: date, promo: int, credit: int, fee: int, discount: int, kept: bool) -> None:
    line = lines.line(credit=credit)
    plan = lines.plan(line, lines.offer(), promo_minor=promo, promo_until=until)
    summary = night()
    plan.refresh_from_db()
    assert money(line) == (credit - fee, 0)
    assert events(line) == [("renewed", 799)]
    assert summary["money"] == {"credit_minor": fee, "debt_minor": 0, "discount_minor": discount}
    assert (plan.promo_minor, plan.promo_until) == ((promo, until) if kept else (None, None))
    assert plan.price_minor == 799


def test_a_promotion_that_ended_is_still_there_for_whoever_could_not_pay() -> None:
    line = lines.line(credit=500)
    plan = lines.plan(line, lines.offer(), promo_minor=399, promo_until=NIGHT)
    assert outcomes(night()) == {"tim asleep": 1}
    plan.refresh_from_db()
    assert (plan.promo_minor, plan.price_minor) == (399, 799)


# --- several plans --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 100])
def test_credit_for_one_of_two_pays_the_older(batch: int) -> None:
    line = lines.line(credit=1000)
    older = lines.plan(line, lines.offer())
    newer = lines.plan(line, lines.offer(key="more"))
    summary = night(batch=batch)
    assert outcomes(summary) == {"tim asleep": 1, "tim renewed": 1}
    assert money(line) == (201, 0)
    assert list(Plan.objects.order_by("number").values_list("number", "status")) == [
        (older.number, "active"),
        (newer.number, "asleep"),
    ]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_credit_for_three_pays_three_in_one_night(batch: int) -> None:
    line = lines.line(credit=2400)
    for key in ("a", "b", "c"):
        lines.plan(line, lines.offer(key=key))
    assert outcomes(night(batch=batch)) == {"tim renewed": 3}
    assert money(line) == (3, 0)
    numbers = Event.objects.filter(subscription_id=line.pk).order_by("number").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3, 4, 5, 6, 7]


# --- lines that are not in service ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"phase": "receive_only"}, id="it only receives"),
        pytest.param({"phase": "off"}, id="it is off"),
        pytest.param({"status": "suspended"}, id="a person blocked it"),
    ],
)
def test_a_line_that_cannot_use_its_plan_does_not_pay_for_it(facts: dict[str, Any]) -> None:
    line = lines.line(credit=1500, look_on=None, **facts)
    plan = lines.plan(line, lines.offer())
    assert outcomes(night()) == {"tim limited": 1}
    plan.refresh_from_db()
    assert (plan.status, plan.due_on, plan.data_left) == ("asleep", None, 1200)
    assert (money(line), moved(line)) == ((1500, 0), [])


def test_a_line_whose_dates_nobody_knows_pays_as_any_other() -> None:
    line = lines.line(credit=1500, phase="unknown", look_on=None)
    lines.plan(line, lines.offer())
    assert outcomes(night()) == {"tim renewed": 1}


def test_a_line_that_is_suspended_tonight_does_not_pay_tonight() -> None:
    line = lines.line(
        credit=1500,
        full_service_until=day(-1),
        suspension_noticed_on=day(-40),
        receive_only_until=day(29),
        look_on=NIGHT,
    )
    lines.plan(line, lines.offer())
    assert events(line) == []
    assert outcomes(night()) == {"tim limited": 1, "tim receive_only": 1}
    assert events(line) == [("receive_only", 0), ("limited", 0)]
    assert money(line) == (1500, 0)


# --- months ---------------------------------------------------------------------------------------------------------


def test_a_plan_of_the_31st_keeps_to_the_ends_of_months() -> None:
    line = lines.line(credit=10_000)
    plan = lines.plan(line, lines.offer(), paid_until=date(2026, 12, 31), anchor_day=31)
    found = []
    for month_end in (date(2026, 12, 31), date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31)):
        assert outcomes(night(month_end)) == {"tim renewed": 1}
        plan.refresh_from_db()
        found.append(plan.due_on)
    assert found == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]
    assert plan.anchor_day == 31


# --- the night as a whole -------------------------------------------------------------------------------------------


def test_nothing_is_due() -> None:
    lines.plan(lines.line(credit=1500), lines.offer(), paid_until=day(1))
    before = state()
    summary = night()
    assert (summary["lines"], summary["outcomes"], summary["done"], summary["already_done"]) == (0, [], True, False)
    assert state() == before


def test_no_lines_at_all() -> None:
    assert (night()["done"], night()["already_done"]) == (True, True)


def test_the_same_night_twice_changes_nothing() -> None:
    line = lines.line(credit=5000)
    lines.plan(line, lines.offer())
    first = night()
    before = state()
    again = night()
    assert (first["already_done"], again["already_done"]) == (False, True)
    assert (again["outcomes"], again["money"]) == (first["outcomes"], first["money"])
    assert state() == before


def test_an_earlier_night_than_what_is_done_changes_nothing_and_says_so() -> None:
    lines.plan(lines.line(credit=5000), lines.offer())
    night()
    lines.plan(lines.line(credit=5000), "tim-base", paid_until=day(-3))
    before = state()
    again = night(day(-2))
    assert (again["already_done"], again["done"], again["lines"]) == (True, True, 0)
    assert state() == before
    assert set(Shard.objects.values_list("done_through", flat=True)) == {NIGHT}


def test_what_fell_due_for_a_night_that_is_done_is_made_up_for_in_the_next() -> None:
    night()
    line = lines.line(credit=5000)
    plan = lines.plan(line, lines.offer(), paid_until=day(-3))
    assert outcomes(night(day(1))) == {"tim renewed": 1}
    plan.refresh_from_db()
    assert plan.paid_until == date(2026, 12, 23)


def test_an_earlier_night_while_a_later_one_is_half_done() -> None:
    """A night to come was begun by mistake and stopped: the nights before it are nobody's loss."""
    lines.plan(lines.line(credit=5000), lines.offer(), paid_until=day(3))
    Shard.objects.all().delete()
    Shard.objects.bulk_create([Shard(part=part, done_through=day(-1), day=day(3), stage="fees") for part in parts()])
    assert outcomes(night()) == {}
    assert set(Shard.objects.values_list("done_through", "day", "stage")) == {(NIGHT, day(3), "fees")}
    assert outcomes(night(day(3))) == {"tim renewed": 1}


def test_every_operators_lines_have_their_night() -> None:
    made = {operator: lines.line(operator, credit=1500) for operator in ("tim", "vodafone", "windtre", "iliad", "ho")}
    for operator, line in made.items():
        lines.plan(line, lines.offer(operator))
    summary = night(batch=2)
    assert outcomes(summary) == {f"{operator} renewed": 1 for operator in made}
    assert summary["lines"] == 5
    assert summary["money"] == summary["ledger"] == {"credit_minor": 3995, "debt_minor": 0, "discount_minor": 0}


def test_the_summary_is_what_was_counted_and_what_the_ledger_says() -> None:
    for credit, extra in ((1500, {}), (1500, {"promo_minor": 399, "promo_until": day(90)}), (5, {})):
        lines.plan(lines.line(credit=credit), "tim-base", **extra)
    for credit in (0, 1500):
        lines.plan(lines.line("ho", credit=credit), "ho-base")
    lines.offer()
    lines.offer("ho")
    summary = night(batch=2)
    assert [tuple(one.values()) for one in summary["outcomes"]] == [
        ("ho", "negative", 1, 0, 799, 0),
        ("ho", "renewed", 1, 799, 0, 0),
        ("tim", "asleep", 1, 0, 0, 0),
        ("tim", "renewed", 2, 1198, 0, 400),
    ]
    assert summary["money"] == summary["ledger"] == {"credit_minor": 1997, "debt_minor": 799, "discount_minor": 400}
    assert sum(Count.objects.values_list("lines", flat=True)) == summary["lines"] == 5


def test_a_summary_that_the_ledger_contradicts_is_told() -> None:
    lines.plan(lines.line(credit=1500), lines.offer())
    night()
    Count.objects.update(credit_minor=798)
    assert night()["ledger_agrees"] is False
