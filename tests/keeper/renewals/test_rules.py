from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.renewals import rules
from lineaviva.keeper.renewals.rules import Due, Plan, Step
from lineaviva.kernel.money import Money

DAYS = st.dates(date(2024, 1, 1), date(2060, 12, 31))
LEADS = st.integers(rules.SHORTEST_LEAD, rules.LONGEST_LEAD)
CENTS = st.integers(0, 100_000).map(Money)
TWO_DAYS = timedelta(days=2)
LONG_AGO = date(2020, 1, 1)


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (1961, date(1961, 4, 2)),
        (2000, date(2000, 4, 23)),
        (2008, date(2008, 3, 23)),
        (2024, date(2024, 3, 31)),
        (2025, date(2025, 4, 20)),
        (2026, date(2026, 4, 5)),
        (2027, date(2027, 3, 28)),
        (2038, date(2038, 4, 25)),
        (2285, date(2285, 3, 22)),
    ],
)
def test_easter(year: int, day: date) -> None:
    assert rules.easter(year) == day


def test_easter_is_a_sunday_of_spring_in_every_year() -> None:
    for year in range(1583, 2600):
        day = rules.easter(year)
        assert day.weekday() == 6
        assert date(year, 3, 22) <= day <= date(year, 4, 25)


def test_the_holidays_of_a_year() -> None:
    assert sorted(rules.holidays(2026)) == [
        date(2026, 1, 1),
        date(2026, 1, 6),
        date(2026, 4, 5),
        date(2026, 4, 6),
        date(2026, 4, 25),
        date(2026, 5, 1),
        date(2026, 6, 2),
        date(2026, 8, 15),
        date(2026, 10, 4),
        date(2026, 11, 1),
        date(2026, 12, 8),
        date(2026, 12, 25),
        date(2026, 12, 26),
    ]


def test_saint_francis_is_a_holiday_from_2026_on() -> None:
    assert [year for year in range(2023, 2029) if rules.is_holiday(date(year, 10, 4))] == [2026, 2027, 2028]


@pytest.mark.parametrize(
    ("day", "good"),
    [
        pytest.param(date(2026, 11, 20), date(2026, 11, 20), id="any day"),
        pytest.param(date(2026, 11, 22), date(2026, 11, 22), id="a Sunday"),
        pytest.param(date(2026, 12, 8), date(2026, 12, 7), id="the Immaculate Conception"),
        pytest.param(date(2026, 12, 26), date(2026, 12, 24), id="Saint Stephen: before both days"),
        pytest.param(date(2026, 4, 6), date(2026, 4, 4), id="Easter Monday"),
        pytest.param(date(2027, 1, 1), date(2026, 12, 31), id="New Year"),
        pytest.param(date(2026, 8, 7), date(2026, 8, 7), id="the day before they leave"),
        pytest.param(date(2026, 8, 8), date(2026, 7, 31), id="they leave"),
        pytest.param(date(2026, 8, 15), date(2026, 7, 31), id="Ferragosto"),
        pytest.param(date(2026, 8, 20), date(2026, 7, 31), id="the last day away"),
        pytest.param(date(2026, 8, 21), date(2026, 8, 21), id="they are back"),
    ],
)
def test_a_charge_is_brought_forward(day: date, good: date) -> None:
    assert rules.brought_forward(day) == good


@given(DAYS)
def test_what_is_brought_forward_is_a_good_day_and_never_later(day: date) -> None:
    good = rules.brought_forward(day)
    assert good <= day
    assert not rules.is_holiday(good)
    assert not date(good.year, 8, 8) <= good <= date(good.year, 8, 20)
    assert rules.brought_forward(good) == good


@pytest.mark.parametrize(
    ("deadline", "today", "charge"),
    [
        pytest.param(date(2027, 3, 31), date(2026, 11, 22), date(2027, 3, 24), id="seven days before"),
        pytest.param(date(2027, 3, 31), date(2027, 3, 22), date(2027, 3, 24), id="the day of the notice"),
        pytest.param(date(2027, 3, 31), date(2027, 3, 23), date(2027, 3, 25), id="a day late"),
        pytest.param(date(2027, 3, 31), date(2027, 3, 27), date(2027, 3, 30), id="late, and Easter in between"),
        pytest.param(date(2027, 3, 31), date(2027, 3, 29), date(2027, 3, 31), id="on the last day itself"),
        pytest.param(date(2027, 3, 31), date(2027, 3, 30), None, id="no time for a notice"),
        pytest.param(date(2027, 3, 31), date(2027, 4, 2), None, id="over"),
        pytest.param(date(2026, 12, 26), date(2026, 12, 23), date(2026, 12, 25), id="nothing but holidays left"),
        pytest.param(date(2026, 12, 15), date(2026, 11, 22), date(2026, 12, 7), id="a holiday"),
        pytest.param(date(2026, 8, 22), date(2026, 6, 1), date(2026, 7, 31), id="Ferragosto"),
        pytest.param(date(2026, 8, 22), date(2026, 8, 3), date(2026, 8, 5), id="Ferragosto, told too late for July"),
    ],
)
def test_when_a_line_is_charged(deadline: date, today: date, charge: date | None) -> None:
    found = rules.plan(deadline=deadline, lead_days=7, today=today)
    assert found == (charge and Plan(charge - TWO_DAYS, charge, deadline))


def test_a_line_that_works_no_more_is_charged_as_soon_as_its_holder_may_have_heard() -> None:
    deadline, today = date(2027, 4, 30), date(2027, 4, 1)
    assert rules.plan(deadline=deadline, lead_days=7, today=today, urgent=True) == Plan(
        today, date(2027, 4, 3), deadline
    )
    assert rules.plan(deadline=today, lead_days=7, today=today, urgent=True) is None


@given(DAYS, LEADS, st.integers(-3, 400), st.booleans())
def test_every_plan_leaves_two_days_and_comes_before_the_date(
    deadline: date, lead: int, ahead: int, urgent: bool
) -> None:
    today = deadline - timedelta(days=ahead)
    found = rules.plan(deadline=deadline, lead_days=lead, today=today, urgent=urgent)
    if ahead < 2:
        assert found is None
        return
    assert found is not None
    assert found.charge_on - found.notice_on == TWO_DAYS
    assert today <= found.notice_on
    assert found.charge_on <= deadline
    assert found.deadline == deadline
    if not urgent and rules.brought_forward(deadline - timedelta(days=lead)) - TWO_DAYS >= today:
        assert found.charge_on <= deadline - timedelta(days=lead)
        assert not rules.is_holiday(found.charge_on)


@given(DAYS, LEADS, st.integers(0, 60))
def test_a_plan_does_not_change_until_its_notice(deadline: date, lead: int, later: int) -> None:
    first = rules.plan(deadline=deadline, lead_days=lead, today=LONG_AGO)
    assert first is not None
    day = first.notice_on - timedelta(days=later)
    assert rules.plan(deadline=deadline, lead_days=lead, today=day) == first


@pytest.mark.parametrize(
    ("told", "day"),
    [
        pytest.param(date(2027, 3, 22), date(2027, 3, 24), id="in time"),
        pytest.param(date(2027, 3, 20), date(2027, 3, 24), id="early"),
        pytest.param(date(2027, 3, 25), date(2027, 3, 27), id="the mail was down for three days"),
        pytest.param(date(2027, 3, 29), date(2027, 3, 31), id="just in time"),
        pytest.param(date(2027, 3, 30), None, id="too late"),
    ],
)
def test_a_late_notice_puts_the_charge_off(told: date, day: date | None) -> None:
    assert rules.charge_day(date(2027, 3, 24), told_on=told, deadline=date(2027, 3, 31)) == day


@pytest.mark.parametrize(
    ("charge", "deadline", "days"),
    [
        pytest.param(date(2027, 2, 8), date(2027, 2, 15), [9, 11, 13], id="one, three and five days later"),
        pytest.param(date(2027, 2, 8), date(2027, 2, 13), [9, 11], id="not on the last day"),
        pytest.param(date(2027, 2, 8), date(2027, 2, 9), [], id="no time"),
        pytest.param(date(2026, 12, 24), date(2026, 12, 31), [27, 28, 29], id="after Christmas, each on its own day"),
        pytest.param(date(2026, 12, 5), date(2026, 12, 20), [6, 9, 10], id="the Immaculate Conception"),
        pytest.param(date(2026, 12, 24), date(2026, 12, 27), [], id="nothing but holidays"),
    ],
)
def test_when_a_charge_is_tried_again(charge: date, deadline: date, days: list[int]) -> None:
    assert [day.day for day in rules.retries(charge, deadline)] == days


@given(DAYS, st.integers(0, 30))
def test_tries_are_on_good_days_of_their_own_before_the_date(charge: date, room: int) -> None:
    deadline = charge + timedelta(days=room)
    found = rules.retries(charge, deadline)
    assert found == sorted(set(found))
    assert len(found) <= len(rules.RETRIES)
    for day, least in zip(found, rules.RETRIES, strict=False):
        assert charge + timedelta(days=least) <= day < deadline
        assert not rules.is_holiday(day)


def test_the_next_try() -> None:
    charge, deadline = date(2027, 2, 8), date(2027, 2, 15)
    today = [charge + timedelta(days=days) for days in range(7)]
    assert [rules.next_retry(charge, deadline, today=day) for day in today] == [
        date(2027, 2, 9),
        date(2027, 2, 11),
        date(2027, 2, 11),
        date(2027, 2, 13),
        date(2027, 2, 13),
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("price", "debt", "credit", "ceiling", "expected"),
    [
        pytest.param(500, None, None, 1000, Due(Money(500), True), id="the price"),
        pytest.param(500, 190, None, 1000, Due(Money(690), True), id="and the debt"),
        pytest.param(500, None, 120, 1000, Due(Money(380), True), id="less the credit"),
        pytest.param(500, 190, 90, 600, Due(Money(600), True), id="just the ceiling"),
        pytest.param(500, 190, 89, 600, Due(Money(601), False), id="a cent above the ceiling"),
        pytest.param(500, None, 700, 0, Due(Money(0), True), id="nothing is missing"),
    ],
)
def test_what_is_charged(price: int, debt: int | None, credit: int | None, ceiling: int, expected: Due) -> None:
    found = rules.due(
        price=Money(price),
        debt=None if debt is None else Money(debt),
        credit=None if credit is None else Money(credit),
        ceiling=Money(ceiling),
    )
    assert found == expected


@given(CENTS, CENTS, CENTS, CENTS)
def test_never_below_zero_and_never_above_the_ceiling(price: Money, debt: Money, credit: Money, ceiling: Money) -> None:
    found = rules.due(price=price, debt=debt, credit=credit, ceiling=ceiling)
    assert found.amount == max(price + debt - credit, Money(0))
    assert found.allowed == (found.amount <= ceiling)


def test_amounts_of_two_currencies_are_not_compared() -> None:
    with pytest.raises(ValueError, match="do not go together"):
        rules.due(price=Money(500), ceiling=Money(1000, "CHF"))


def test_the_smallest_that_is_enough() -> None:
    sold = [Money(1000), Money(500), Money(2500)]
    wanted = [Money(minor) for minor in (0, 500, 501, 2500, 2501)]
    assert [rules.enough(one, sold) for one in wanted] == [Money(500), Money(500), Money(1000), Money(2500), None]


PLAN = Plan(date(2027, 2, 6), date(2027, 2, 8), date(2027, 2, 15))
EUR5 = Money(500)
CHARGE = Step("charge", date(2027, 2, 8), EUR5)
LATER = [Step("retry", date(2027, 2, day), EUR5) for day in (9, 11, 13)]
END = Step("deadline", date(2027, 2, 15))


def charge_on(day: int) -> Step:
    return Step("charge", date(2027, 2, day), EUR5)


@pytest.mark.parametrize(
    ("state", "today", "charge", "expected"),
    [
        pytest.param("planned", 1, 8, [Step("notice", date(2027, 2, 6)), CHARGE, *LATER, END], id="all is to come"),
        pytest.param("announced", 7, 8, [CHARGE, *LATER, END], id="told"),
        pytest.param("announced", 8, 9, [charge_on(9), *LATER[1:], END], id="failed once"),
        pytest.param("announced", 10, 11, [charge_on(11), *LATER[2:], END], id="failed twice"),
        pytest.param("announced", 12, 8, [charge_on(12), *LATER[2:], END], id="it waits for another payer"),
        pytest.param("announced", 14, None, [END], id="no time any more"),
        pytest.param("charging", 9, 9, [*LATER[1:], END], id="it is being paid"),
        pytest.param("done", 9, 8, [], id="done"),
        pytest.param("stopped", 7, 8, [], id="stopped"),
    ],
)
def test_what_will_happen_next(state: str, today: int, charge: int | None, expected: list[Step]) -> None:
    on = charge and date(2027, 2, charge)
    assert rules.steps(PLAN, state=state, amount=EUR5, today=date(2027, 2, today), charge_on=on) == expected


def test_where_the_bank_waits_for_the_holder_no_charge_is_to_come() -> None:
    today = date(2027, 2, 8)
    assert rules.steps(PLAN, state="charging", amount=EUR5, today=today, charge_on=today, again=False) == [END]


def test_what_may_become_of_a_run() -> None:
    final = {state for state, after in rules.TRANSITIONS.items() if not after}
    assert final == rules.ENDED - {"skipped"} == {"done", "failed", "stopped"}
    assert {target for after in rules.TRANSITIONS.values() for target in after} == set(rules.TRANSITIONS)
    # What is being charged is not stopped any more: its money may have moved.
    assert [state for state in rules.TRANSITIONS if rules.moves(state, "stopped")] == ["planned", "announced"]
    assert [state for state in rules.TRANSITIONS if rules.moves(state, "done")] == ["charging"]
