"""Prices that change and offers that end: everybody is told once, and nothing counts before its 30 days are over."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from lineaviva.carrier.ledger.models import Event
from lineaviva.carrier.nightly.models import NoticeGiven
from lineaviva.carrier.partitions import parts
from lineaviva.carrier.subscriptions.models import Subscription
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, day, events, money, night, outcomes, row, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]


def notices(line: Subscription) -> list[tuple[date, date | None]]:
    """Day and effect of each notice that the line was given."""
    found = Event.objects.filter(subscription_id=line.pk, kind="change_notice").order_by("number")
    return list(found.values_list("on", "until"))


# --- telling --------------------------------------------------------------------------------------------------------


def test_whoever_has_the_offer_is_told_once() -> None:
    offered, other = lines.offer(), lines.offer(key="other")
    lines.offer("vodafone")
    holders = {name: lines.line() for name in ("has it", "sleeps", "has it twice")}
    for name, line in holders.items():
        lines.plan(line, offered, paid_until=day(9), status="asleep" if name == "sleeps" else "active")
    lines.plan(holders["has it twice"], offered, paid_until=day(9))
    others = {name: lines.line("vodafone" if name == "another operator's" else "tim") for name in _OTHERS}
    for name, facts in _OTHERS.items():
        lines.plan(others[name], other if name == "another offer" else offered, **{"paid_until": day(9), **facts})
    made = lines.change(offered, announced_on=NIGHT, from_on=day(40), price_minor=899, given=None)
    assert outcomes(night()) == {"tim change_notice": 3}
    assert {name: notices(line) for name, line in holders.items()} == {name: [(NIGHT, day(40))] for name in holders}
    assert {name: notices(line) for name, line in others.items()} == {name: [] for name in others}
    assert list(NoticeGiven.objects.order_by("part").values_list("part", "change_id", "on")) == [
        (part, made.pk, NIGHT) for part in parts()
    ]
    assert outcomes(night(day(1))) == {}


_OTHERS: dict[str, dict[str, object]] = {
    "another offer": {},
    "another operator's": {},
    "has had it": {"status": "ended", "due_on": None},
    "is not renewed": {"auto_renew": False},
}


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_line_with_two_plans_of_the_offer_is_told_once_wherever_a_batch_ends(batch: int) -> None:
    offered = lines.offer()
    holders = [lines.line() for _ in range(3)]
    for line in holders:
        for _ in range(2):
            lines.plan(line, offered, paid_until=day(9))
    lines.change(offered, announced_on=NIGHT, from_on=day(40), price_minor=899, given=None)
    assert outcomes(night(batch=batch)) == {"tim change_notice": 3}
    assert [len(notices(line)) for line in holders] == [1, 1, 1]


def test_what_is_announced_later_is_told_later_whichever_was_entered_first() -> None:
    line = lines.line()
    lines.plan(line, lines.offer(), paid_until=day(100))
    lines.change("tim-base", announced_on=day(3), from_on=day(50), price_minor=999, given=None)
    lines.change("tim-base", announced_on=NIGHT, from_on=day(40), price_minor=899, given=None)
    for days in range(5):
        night(day(days))
    assert notices(line) == [(NIGHT, day(40)), (day(3), day(50))]


def test_a_night_that_is_made_up_for_tells_today_what_it_should_have_told_then() -> None:
    line = lines.line()
    lines.plan(line, lines.offer(), paid_until=day(100))
    lines.change("tim-base", announced_on=NIGHT, from_on=day(31), price_minor=899, given=None)
    night(NIGHT, on=day(10))
    assert notices(line) == [(NIGHT, day(40))]
    assert set(NoticeGiven.objects.values_list("on", flat=True)) == {day(10)}


# --- taking effect --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "from_on", "due", "fee"),
    [
        pytest.param(-70, 0, 0, 899, id="from its day on"),
        pytest.param(-70, 1, 0, 799, id="not a day before"),
        pytest.param(-30, -5, 0, 899, id="told thirty days ago"),
        pytest.param(-29, -5, 0, 799, id="told twenty-nine days ago"),
    ],
)
def test_a_new_price_counts_at_the_first_renewal_after_its_notice(told: int, from_on: int, due: int, fee: int) -> None:
    line = lines.line(credit=2000)
    plan = lines.plan(line, lines.offer(), paid_until=day(due))
    lines.change("tim-base", from_on=day(from_on), price_minor=899, given=day(told))
    night()
    assert money(line) == (2000 - fee, 0)
    assert events(line) == [("renewed", fee)]
    assert row(plan)["price_minor"] == fee


def test_told_tonight_it_is_another_month_at_the_old_price() -> None:
    line = lines.line(credit=5000)
    lines.plan(line, lines.offer())
    lines.change("tim-base", announced_on=day(-1), from_on=day(1), price_minor=899, given=None)
    for of in (NIGHT, date(2026, 12, 22)):
        night(of)
    assert events(line) == [("change_notice", 0), ("renewed", 799), ("renewed", 899)]
    assert notices(line) == [(NIGHT, day(30))]


def test_the_last_of_several_prices_counts() -> None:
    line = lines.line(credit=5000)
    lines.plan(line, lines.offer())
    for from_on, price in ((-10, 999), (-20, 899), (10, 1299)):
        lines.change("tim-base", from_on=day(from_on), price_minor=price)
    night()
    assert money(line) == (4001, 0)


@pytest.mark.parametrize(
    ("price", "fee", "discount", "promotion"),
    [
        pytest.param(899, 399, 500, 399, id="dearer: the promotion runs on"),
        pytest.param(299, 299, 0, None, id="cheaper than the promotion, which is over"),
    ],
)
def test_a_new_price_and_a_promotion(price: int, fee: int, discount: int, promotion: int | None) -> None:
    line = lines.line(credit=2000)
    plan = lines.plan(line, lines.offer(), promo_minor=399, promo_until=day(90))
    lines.change("tim-base", price_minor=price)
    summary = night()
    assert money(line) == (2000 - fee, 0)
    assert summary["money"]["discount_minor"] == discount
    assert (row(plan)["price_minor"], row(plan)["promo_minor"]) == (price, promotion)


# --- ending ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "from_on", "expected"),
    [
        pytest.param(-70, 0, "withdrawn", id="from its day on"),
        pytest.param(-70, 1, "renewed", id="not a day before"),
        pytest.param(-29, -5, "renewed", id="never before thirty days"),
    ],
)
def test_an_offer_that_ends(told: int, from_on: int, expected: str) -> None:
    line = lines.line(credit=2000)
    plan = lines.plan(line, lines.offer())
    lines.change("tim-base", "withdrawn", from_on=day(from_on), given=day(told))
    assert outcomes(night()) == {f"tim {expected}": 1}
    ended = expected == "withdrawn"
    assert row(plan)["status"] == ("ended" if ended else "active")
    assert money(line)[0] == (2000 if ended else 1201)


def test_a_plan_that_is_tried_ahead_is_had_to_the_end_of_what_was_paid() -> None:
    line = lines.line("iliad", credit=2000)
    plan = lines.plan(line, lines.offer("iliad"), paid_until=day(2), due_on=NIGHT)
    lines.change("iliad-base", "withdrawn")
    before = row(plan)
    night()
    assert row(plan) == before | {"due_on": day(2)}
    night(day(2))
    assert row(plan) == before | {"status": "ended", "due_on": None}
    assert money(line) == (2000, 0)


def test_nothing_changes_twice() -> None:
    lines.plan(lines.line(credit=5000), lines.offer())
    lines.change("tim-base", announced_on=NIGHT - timedelta(days=1), from_on=day(1), price_minor=899, given=None)
    night()
    before = state()
    night()
    assert state() == before
