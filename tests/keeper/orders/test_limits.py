"""How much may be ordered for one number: the figures, the reckoning, and that a refusal leaves nothing behind."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.catalogue.models import Quote
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders import limits, queries
from lineaviva.keeper.orders.actions import order_cancel, order_place
from lineaviva.keeper.orders.errors import LimitReached
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.rules import DAY, WEEK, Limits, Ordered, Reached, limit_reached
from lineaviva.kernel.money import Money
from tests import factories
from tests.conftest import NOON
from tests.keeper.orders.factories import order, quote

FIGURES = Limits(first=50_00, day=200_00, week=400_00)
HOUR = timedelta(hours=1)


def test_the_figures_of_the_file() -> None:
    assert limits.limits() == FIGURES


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('first = "50.00"\nday = "200.00"', id="one is missing"),
        pytest.param('first = "0.00"\nday = "1.00"\nweek = "2.00"', id="nothing may be ordered"),
        pytest.param('first = "50.00"\nday = "40.00"\nweek = "400.00"', id="a day has less room than one order"),
        pytest.param('first = "50.00"\nday = "200.00"\nweek = "199.99"', id="a week has less room than a day"),
        pytest.param('first = "many"\nday = "200.00"\nweek = "400.00"', id="no amount"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"limits\.toml|amount"):
        limits.read(text)


# --- reckoning ----------------------------------------------------------------------------------------------------


def reached(minor: int, *ordered: tuple[int, timedelta], known: bool = True) -> Reached | None:
    """Of an order of `minor` after others, each so long ago."""
    rows = [Ordered(amount, NOON - ago) for amount, ago in ordered]
    return limit_reached(minor, rows, known=known, limits=FIGURES, now=NOON)


@pytest.mark.parametrize(
    ("minor", "ordered", "known", "found"),
    [
        pytest.param(50_00, [], False, None, id="the first is as large as it may be"),
        pytest.param(50_01, [], False, Reached("first", 50_00), id="the first is too large"),
        pytest.param(50_01, [], True, None, id="after a success it is not"),
        pytest.param(10_00, [(40_00, HOUR)], False, None, id="two together are as large as the first may be"),
        pytest.param(10_01, [(40_00, HOUR)], False, Reached("first", 50_00), id="two together are too large"),
        pytest.param(200_00, [], True, None, id="a day is full at once"),
        pytest.param(200_01, [], True, Reached("day", 200_00), id="more than a day ever holds"),
        pytest.param(1, [(200_00, HOUR)], True, Reached("day", 200_00, NOON - HOUR + DAY), id="a day is full"),
        pytest.param(1, [(200_00, DAY)], True, None, id="a day is over to the second"),
        pytest.param(
            60_00,
            [(50_00, HOUR), (50_00, 3 * HOUR), (100_00, 2 * HOUR)],
            True,
            Reached("day", 200_00, NOON - 2 * HOUR + DAY),
            id="room comes when the second oldest is a day old",
        ),
        pytest.param(
            1, [(200_00, DAY), (200_00, 2 * DAY)], True, Reached("week", 400_00, NOON + 5 * DAY), id="a week is full"
        ),
        pytest.param(100_00, [(200_00, WEEK), (200_00, 2 * DAY)], True, None, id="a week is over to the second"),
        pytest.param(400_01, [], True, Reached("week", 400_00), id="more than a week ever holds"),
    ],
)
def test_a_limit_is_reached(
    minor: int, ordered: list[tuple[int, timedelta]], known: bool, found: Reached | None
) -> None:
    assert reached(minor, *ordered, known=known) == found


@given(
    st.lists(st.tuples(st.integers(1, 150_00), st.timedeltas(timedelta(0), 2 * WEEK)), max_size=12),
    st.integers(1, 150_00),
)
def test_at_the_promised_time_there_is_room(ordered: list[tuple[int, timedelta]], minor: int) -> None:
    rows = [Ordered(amount, NOON - ago) for amount, ago in ordered]
    found = limit_reached(minor, rows, known=True, limits=FIGURES, now=NOON)
    # One limit after the other may have to make room, each at a later time.
    while found is not None and found.until is not None:
        before, found = found, limit_reached(minor, rows, known=True, limits=FIGURES, now=found.until)
        assert found is None or found.which != before.which
    assert found is None


# --- ordering -----------------------------------------------------------------------------------------------------


@pytest.fixture
def line(db: None, now: datetime) -> Line:
    return factories.line(now=now)


def active(line: Line, price: int, now: datetime) -> ProductOrder:
    made = order(line=line, price=price, now=now)
    ProductOrder.objects.filter(pk=made.pk).update(state="active")
    return made


def test_a_first_order_that_is_too_large_is_refused_and_leaves_nothing(line: Line, now: datetime) -> None:
    made = quote(line=line, price=60_00, now=now)
    with pytest.raises(LimitReached) as refusal:
        order_place(quote=made, by=line.holder, language="it", now=now)
    assert (refusal.value.code, refusal.value.status, refusal.value.field) == ("order_limit_first", 409, "quote")
    assert "at most 50.00 EUR" in refusal.value.message
    assert (ProductOrder.objects.count(), Quote.objects.get().used_at) == (0, None)


def test_what_is_cancelled_or_too_old_to_be_paid_counts_no_more(line: Line, now: datetime) -> None:
    first = order(line=line, price=50_00, now=now)
    with pytest.raises(LimitReached):
        order(line=line, price=5_00, now=now)
    order_cancel(order=first, by=None, now=now)
    second = order(line=line, price=40_00, now=now)
    assert second.expires_at == now + timedelta(hours=48)
    with pytest.raises(LimitReached):
        order(line=line, price=20_00, now=now + timedelta(hours=47))
    assert order(line=line, price=20_00, now=second.expires_at).total_minor == 20_00
    assert ProductOrder.objects.count() == 3


def test_the_same_order_again_is_no_more(line: Line, now: datetime) -> None:
    first = order(line=line, price=50_00, now=now)
    assert order(line=line, price=50_00, now=now) == first


def test_a_number_is_the_same_number_on_everybodys_list(line: Line, now: datetime) -> None:
    bo = factories.holder("bo@example.org")
    same = factories.line(holder=bo, msisdn=line.msisdn)
    order(line=line, price=50_00, now=now)
    with pytest.raises(LimitReached) as refusal:
        order(line=same, price=5_00, now=now)
    assert refusal.value.code == "order_limit_first"
    other = factories.line(holder=bo)
    assert order(line=other, price=50_00, now=now).line == other


def test_after_a_success_a_day_and_a_week_have_their_limits(line: Line, now: datetime) -> None:
    active(line, 50_00, now)
    active(line, 150_00, now + HOUR)
    with pytest.raises(LimitReached) as refusal:
        order(line=line, price=100_00, now=now + 2 * HOUR)
    assert refusal.value.reached == Reached("day", 200_00, now + HOUR + DAY)
    assert (refusal.value.code, refusal.value.status) == ("order_limit_day", 429)
    active(line, 200_00, now + HOUR + DAY)
    with pytest.raises(LimitReached) as refusal:
        order(line=line, price=5_00, now=now + 3 * DAY)
    assert refusal.value.reached == Reached("week", 400_00, now + WEEK)
    assert ProductOrder.objects.count() == 3
    assert order(line=line, price=5_00, now=now + WEEK).total_minor == 5_00


def test_paid_orders_count_until_they_are_settled(line: Line, now: datetime) -> None:
    made = order(line=line, price=50_00, now=now)
    ProductOrder.objects.filter(pk=made.pk).update(state="paid")
    later = now + 2 * WEEK
    five = Money(5_00)
    assert queries.limit_reached(msisdn=line.msisdn, amount=five, now=later) == Reached("first", 50_00)
    ProductOrder.objects.filter(pk=made.pk).update(state="refunded")
    assert queries.limit_reached(msisdn=line.msisdn, amount=five, now=later) is None


def test_other_currencies_have_no_limit_here(line: Line, now: datetime) -> None:
    assert queries.limit_reached(msisdn=line.msisdn, amount=Money(10**9, "CHF"), now=now) is None
