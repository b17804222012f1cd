"""How much may be paid within a time: the figures, the reckoning, and that a refusal leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_activate, order_fail
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.rules import DAY, WEEK
from lineaviva.keeper.payments import posting, velocity
from lineaviva.keeper.payments.actions import attempt_open, payment_settle
from lineaviva.keeper.payments.errors import VelocityReached
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import Status
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.keeper.payments.screening import fingerprint
from lineaviva.keeper.payments.velocity import HOUR, Full, Tried, Velocity
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.conftest import NOON
from tests.keeper.payments.quick import LIMITS, begin, order, quick, refuse, saved, settle

MINUTE = timedelta(minutes=1)


def test_the_figures_of_the_file() -> None:
    assert velocity.velocity() == Velocity(
        providers=frozenset({"stripe", "paypal"}),
        account_day=300_00,
        account_week=900_00,
        account_declined=5,
        account_begun=30,
        number_declined=8,
        card_day=300_00,
        card_week=900_00,
        card_declined=5,
        card_new_numbers=5,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('day = "20.00"', "", id="one is missing"),
        pytest.param('week = "30.00"', 'week = "19.99"', id="a week has less room than a day"),
        pytest.param('day = "15.00"', 'day = "0.00"', id="nothing may be paid"),
        pytest.param("new_numbers = 2", "new_numbers = 0", id="no number may be new"),
        pytest.param("declined = 3", "declined = 2.5", id="half an attempt"),
        pytest.param("[number]", "[numbers]", id="a section has another name"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(old: str, new: str) -> None:
    assert velocity.read(LIMITS).account_day == 20_00
    with pytest.raises(ValueError, match="payment limits"):
        velocity.read(LIMITS.replace(old, new, 1))


# --- reckoning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "ago", "found"),
    [
        (1500, [], None),
        (1501, [], Full("card", "day", 1500)),
        (500, [(1000, HOUR)], None),
        (501, [(1000, HOUR)], Full("card", "day", 1500, NOON - HOUR + DAY)),
        (501, [(1000, DAY)], None),
        (501, [(1000, DAY), (1000, 2 * DAY)], Full("card", "week", 2500, NOON - 2 * DAY + WEEK)),
    ],
)
def test_amounts(minor: int, ago: list[tuple[int, timedelta]], found: Full | None) -> None:
    tried = [Tried("+39347", amount, NOON - when, live=True) for amount, when in ago]
    tried.append(Tried("+39347", 9999, NOON))  # came to nothing
    assert velocity.amounts_full(minor, tried, whose="card", day=1500, week=2500, now=NOON) == found


@pytest.mark.parametrize(
    ("minutes", "until"),
    [([], None), ([5], None), ([5, 60], None), ([5, 59], 1), ([5, 6, 59], 54), ([1, 2, 3, 4], 58)],
)
def test_declined_attempts(minutes: list[int], until: int | None) -> None:
    tried = [Tried("+39347", 500, NOON - DAY, NOON - MINUTE * each, declined=True) for each in minutes]
    tried.append(Tried("+39347", 500, NOON))
    full = velocity.declined_full(tried, whose="account", most=2, now=NOON)
    assert full == (None if until is None else Full("account", "declined", 2, NOON + MINUTE * until))


@pytest.mark.parametrize(("hours", "until"), [([], None), ([1], None), ([1, 24], None), ([1, 23], 1), ([1, 2, 3], 22)])
def test_new_numbers(hours: list[int], until: int | None) -> None:
    tried = [Tried(f"+3934700000{each:02d}", 500, NOON - HOUR * each, live=True) for each in (*hours, *hours, 5)]
    tried.append(Tried("+39347", 500, NOON))  # came to nothing
    full = velocity.numbers_full(tried, {"+393470000005"}, most=2, now=NOON)
    assert full == (None if until is None else Full("card", "new_numbers", 2, NOON + HOUR * until))


# --- an account ---------------------------------------------------------------------------------------------------


@pytest.fixture
def figures(db: None, clock: FrozenClock, settings: Any, tmp_path: Path) -> Iterator[None]:
    quick(settings, tmp_path)
    yield
    assert posting.disagreement() == []


@pytest.fixture
def anna(figures: None) -> User:
    return factories.anna()


def refused(placed: ProductOrder, *, way: str = "stripe", now: datetime = NOON) -> Full:
    """That it cannot be paid now, and that nothing came of it."""
    before = PaymentAttempt.objects.count()
    with pytest.raises(VelocityReached) as refusal:
        begin(placed, way=way, now=now)
    placed.refresh_from_db()
    assert (placed.state, PaymentAttempt.objects.count()) == ("placed", before)
    full = refusal.value.full
    assert (refusal.value.status, refusal.value.code) == (429, f"payment_limit_{full.whose}_{full.which}")
    assert refusal.value.until == full.until
    return full


def test_an_account_pays_so_much_a_day(anna: User, now: datetime) -> None:
    first = begin(order(price=1000))
    settle(begin(order(price=1000), way="paypal"), card="payer-1")  # what is open and what is paid count
    third = order(price=500)
    assert refused(third) == Full("account", "day", 2000, now + DAY)
    refuse(first, "provider_refused")
    assert begin(third).state == "open"


def test_an_account_pays_so_much_a_week(anna: User, now: datetime) -> None:
    for day in range(3):
        settle(begin(order(price=1000, now=now + DAY * day), now=now + DAY * day), card=f"card-{day}")
    later = now + DAY * 4
    assert refused(order(price=500, now=later), now=later) == Full("account", "week", 3000, now + WEEK)
    assert begin(order(price=500, now=now + WEEK), now=now + WEEK).state == "open"


def test_cash_another_account_and_staff_are_not_counted(anna: User) -> None:
    begin(order(price=2000))
    more = order(price=500)
    assert refused(more).whose == "account"
    assert begin(more, way="cash").state == "open"
    bo = factories.holder("bo@example.org")
    assert begin(order(line=factories.line(holder=bo), price=2000)).state == "open"
    chen = factories.clerk()
    for _ in range(3):
        assert begin(order(by=chen, price=1000)).state == "open"


def test_what_came_back_makes_room(anna: User, now: datetime) -> None:
    paid = settle(begin(order(price=1500)))
    placed = order(price=1000)
    assert refused(placed).which == "day"
    order_fail(order=paid.order, reason="refused", now=now)
    refund_request(attempt=paid, reason="refused", now=now)
    assert begin(placed).state == "open"


def test_the_same_attempt_goes_on_whatever_came_after_it(anna: User) -> None:
    placed = order(price=1000)
    attempt = begin(placed)
    begin(order(price=1000))
    assert begin(placed) == attempt


# --- declined -----------------------------------------------------------------------------------------------------


def test_who_was_declined_too_often_waits(anna: User, now: datetime) -> None:
    placed = order()
    refuse(begin(placed), now=now)
    refuse(begin(placed), "provider_refused", now=now)  # nobody's card
    later = now + 10 * MINUTE
    refuse(begin(placed, now=later), "expired_card", now=later)
    assert refused(placed, now=later) == Full("account", "declined", 2, now + HOUR)
    assert refused(order(), now=later).which == "declined"
    assert begin(placed, now=now + HOUR).state == "open"


def test_a_card_that_is_refused_on_an_open_page_counts(anna: User, now: datetime) -> None:
    for _ in range(2):
        payment_settle(attempt=begin(order()), status=Status("open", reason="card_declined"), now=now)
    assert refused(order()) == Full("account", "declined", 2, now + HOUR)


def test_who_begins_again_and_again_waits(anna: User, now: datetime) -> None:
    placed = order()
    for each in range(8):
        assert begin(placed, way=["stripe", "paypal"][each % 2], now=now + MINUTE * each).number == each + 1
    other, later = order(), now + 8 * MINUTE
    assert refused(other, now=later) == Full("account", "begun", 8, now + HOUR)
    assert begin(other, way="cash", now=later).state == "open"


def a_line(name: str, number: str) -> Line:
    return factories.line(holder=factories.holder(f"{name}@example.org"), msisdn=number)


def test_strangers_who_try_cards_on_one_number_wait_and_who_knows_it_does_not(anna: User, now: datetime) -> None:
    mine = factories.line(holder=anna)
    known = order(line=mine)
    ProductOrder.objects.filter(pk=known.pk).update(state="active", active_at=now - DAY, total_minor=0)
    for name in ("eve", "eva", "evi"):
        refuse(begin(order(line=a_line(name, mine.msisdn))))
    assert refused(order(line=a_line("eda", mine.msisdn))) == Full("number", "declined", 3, now + HOUR)
    assert begin(order(line=mine, price=1000)).state == "open"
    ProductOrder.objects.update(state="cancelled")  # nothing of this was posted


# --- a card -------------------------------------------------------------------------------------------------------


def test_a_card_is_known_by_a_hash_that_says_nothing() -> None:
    one = fingerprint("stripe", "Xt5EWLLDS7FJjR1c")
    assert (len(one), one == fingerprint("stripe", "Xt5EWLLDS7FJjR1c")) == (64, True)
    assert len({one, fingerprint("paypal", "Xt5EWLLDS7FJjR1c"), fingerprint("stripe", "other"), ""}) == 4
    assert fingerprint("stripe", "") == ""


def test_the_attempt_keeps_the_hash_of_the_card_and_forgets_it_not(anna: User, now: datetime) -> None:
    attempt = begin(order())
    payment_settle(attempt=attempt, status=Status("open", reason="card_declined", card="card-7"), now=now)
    payment_settle(attempt=attempt, status=Status("open"), now=now)
    attempt.refresh_from_db()
    assert attempt.card_fingerprint == fingerprint("stripe", "card-7")
    settle(attempt, card="card-8")
    attempt.refresh_from_db()
    assert attempt.card_fingerprint == fingerprint("stripe", "card-8")


def turned_back(attempt: PaymentAttempt, clock: FrozenClock) -> None:
    """That nothing is activated for it, and that its money is back."""
    placed = ProductOrder.objects.get(pk=attempt.order_id)
    assert (placed.state, placed.reason) == ("failed", "card_limit")
    refund = Refund.objects.get(attempt=attempt)
    assert (refund.amount_minor, refund.reason, refund.state) == (attempt.amount_minor, "card_limit", "requested")
    assert posting.disagreement() == []
    agenda.run_due(clock.now())
    placed.refresh_from_db()
    assert (placed.state, Refund.objects.get(attempt=attempt).state) == ("refunded", "succeeded")
    assert not Activation.objects.filter(order=placed).exists()


def test_a_card_that_has_paid_too_much_is_turned_back_whoever_used_it(anna: User, clock: FrozenClock) -> None:
    settle(begin(order(price=1000)))
    bo = factories.line(holder=factories.holder("bo@example.org"))
    attempt = settle(begin(order(line=bo, price=1000)))
    assert (attempt.state, attempt.surplus) == ("succeeded", False)
    turned_back(attempt, clock)
    assert settle(begin(order(line=bo, price=500))).order_id in ProductOrder.objects.filter(
        state__in=("paid", "placed")
    ).values_list("pk", flat=True)
    assert ProductOrder.objects.filter(state="paid").count() == 2
    assert money_balance().refunded == 1000


def test_a_card_pays_for_so_many_new_numbers_a_day(anna: User, clock: FrozenClock, now: datetime) -> None:
    lines = [factories.line(holder=factories.holder(f"p{each}@example.org")) for each in range(3)]
    for line in lines[:2]:
        settle(begin(order(line=line)))
    turned_back(settle(begin(order(line=lines[2]))), clock)
    for line in lines[:2]:
        placed = ProductOrder.objects.get(line=line)
        order_activate(order=placed, dates_after={}, now=now)
        posting.delivered(order=placed, now=now)
    later = now + DAY + MINUTE
    for line in lines:  # two of them are known by now
        paid = settle(begin(order(line=line, now=later), now=later), now=later)
        assert ProductOrder.objects.get(pk=paid.order_id).state == "paid"


def test_other_cards_and_ways_are_counted_apart(anna: User) -> None:
    bo = factories.line(holder=factories.holder("bo@example.org"))
    settle(begin(order(price=1000)), card="one")
    settle(begin(order(line=bo, price=1000)), card="another")
    settle(begin(order(price=1000), way="paypal"), card="one")
    assert list(ProductOrder.objects.values_list("state", flat=True)) == ["paid"] * 3


def test_what_is_too_much_already_goes_back_as_that(anna: User, now: datetime) -> None:
    placed = order(price=1000)
    attempt = begin(placed)
    ProductOrder.objects.filter(pk=placed.pk).update(state="cancelled")
    settle(begin(order(price=1000)))
    attempt = settle(attempt)
    assert (attempt.surplus, Refund.objects.get(attempt=attempt).reason) == (True, "surplus")


def test_a_saved_card_that_is_over_its_limit_is_not_charged(anna: User, now: datetime) -> None:
    settle(begin(order(price=1000)))
    bo = factories.holder("bo@example.org")
    method = saved(bo, card_fingerprint=fingerprint("stripe", "card-1"))
    placed = order(line=factories.line(holder=bo), price=1000)
    with pytest.raises(VelocityReached) as refusal:
        attempt_open(placed, "stripe", now, saved=method)
    assert refusal.value.full == Full("card", "day", 1500, now + DAY)
    assert placed.attempts.count() == 0
    attempt = attempt_open(order(line=factories.line(holder=bo)), "stripe", now, saved=method)
    assert attempt.card_fingerprint == method.card_fingerprint


def test_a_saved_card_that_was_declined_too_often_waits(anna: User, now: datetime) -> None:
    method = saved(anna, card_fingerprint=fingerprint("stripe", "card-1"))
    for name in ("bo", "fay"):
        refuse(begin(order(line=factories.line(holder=factories.holder(f"{name}@example.org")))), card="card-1")
    with pytest.raises(VelocityReached) as refusal:
        attempt_open(order(), "stripe", now, saved=method)
    assert refusal.value.full == Full("card", "declined", 2, now + HOUR)
