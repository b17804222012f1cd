"""The till's days: opened and closed with counted cash, and every cent of it in the books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.books.models import Posting
from lineaviva.keeper.books.queries import balances
from lineaviva.keeper.payments.actions import cash_confirm
from lineaviva.keeper.till import queries
from lineaviva.keeper.till.errors import CountDiffers
from lineaviva.keeper.till.models import TillDay
from lineaviva.keeper.till.queries import DaySums
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotAllowed, NotFound
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.till.conftest import Counter, at_once, busy, everything, till
from tests.keeper.together import together

HOUR = timedelta(hours=1)


def test_the_first_day_of_a_new_shop(counter: Counter) -> None:
    assert (queries.days_kept(), queries.open_day(), queries.expected_cash()) == (False, None, Money(0))
    day = counter.open(15_000)
    assert (queries.days_kept(), queries.open_day(), queries.expected_cash()) == (True, day, Money(15_000))
    assert (day.float_minor, day.brought_minor, day.found_minor, day.is_open) == (15_000, 0, 15_000, True)
    assert balances() == {"till:cash": 15_000, "bank": -15_000}
    entry = AuditEntry.objects.get(act="till_open")
    assert (entry.actor, entry.subject) == (counter.chen, f"till:{day.pk}")
    assert entry.detail == {"float": "150.00 EUR", "brought": "0.00 EUR", "found": "150.00 EUR", "reason": ""}


def test_the_first_day_of_a_shop_that_never_counted(counter: Counter) -> None:
    for _ in range(3):
        counter.taken()
    day = counter.open(700)
    assert (day.found_minor, till(), balances()["bank"]) == (-800, 700, 800)
    assert "difference" not in balances()


def test_a_day_that_is_right(counter: Counter) -> None:
    counter.open(10_000)
    counter.clock.advance(HOUR)
    counter.taken()
    counter.take(counter.order(1000), 5000)
    day = counter.close(11_500, banked=1500, pieces={5000: 2, 1000: 1, 500: 1, 100: 0})
    assert (day.expected_minor, day.counted_minor, day.banked_minor) == (11_500, 11_500, 1500)
    assert (day.difference, day.left, day.reason, day.closed_by) == (Money(0), Money(10_000), "", counter.chen)
    assert day.pieces == {"5000": 2, "1000": 1, "500": 1}
    assert balances() == {"till:cash": 10_000, "held": -1500, "bank": -8500}
    assert sorted(Posting.objects.filter(reference=f"till:{day.pk}").values_list("key", "kind")) == [
        (f"till:{day.pk}:banked", "payout"),
        (f"till:{day.pk}:found", "correction"),
    ]
    assert AuditEntry.objects.get(act="till_close").detail == {
        **{"expected": "115.00 EUR", "counted": "115.00 EUR", "difference": "0.00 EUR"},
        **{"banked": "15.00 EUR", "reason": ""},
    }


@pytest.mark.parametrize(("counted", "difference"), [(10_490, 10), (10_430, -50), (0, -10_480), (99_999, 89_519)])
def test_a_day_that_is_off(counter: Counter, counted: int, difference: int) -> None:
    counter.open(9980)
    counter.taken()
    day = counter.close(counted, reason="  miscounted \n change ")
    assert (day.expected_minor, day.difference, day.reason) == (10_480, Money(difference), "miscounted change")
    assert (till(), balances().get("difference", 0)) == (counted, -difference)


def test_why_it_is_off_has_to_be_said(counter: Counter) -> None:
    counter.open(10_000)
    counter.taken()
    before = everything()
    with pytest.raises(CountDiffers) as refusal:
        counter.close(10_480, reason=" \n ")
    error = refusal.value
    assert (error.code, error.field, error.which, error.status) == ("till_no_reason", "reason", "no_reason", 409)
    assert (error.expected, error.counted, error.difference) == (Money(10_500), Money(10_480), Money(-20))
    assert str(error) == "Counted 104.80 EUR, and the books say 105.00 EUR. Count again, or say why."
    assert everything() == before


def test_a_reason_is_not_taken_for_money_that_came_since(counter: Counter) -> None:
    counter.open(10_000)
    counter.taken()
    before = everything()
    for counted in (10_480, 10_000):
        with pytest.raises(CountDiffers) as refusal:
            counter.close(counted, reason="20 cents are lost", expected=Money(10_000))
        assert (refusal.value.code, refusal.value.expected) == ("till_moved", Money(10_500))
    assert everything() == before
    assert counter.close(10_480, reason="20 cents are lost", expected=Money(10_500)).difference == Money(-20)


def test_closing_twice_is_quiet_and_otherwise_refused(counter: Counter) -> None:
    day = counter.open(10_000)
    counter.close(10_000, banked=5000)
    before = everything()
    assert counter.close(10_000, banked=5000, day=day, by=counter.dora).closed_by == counter.chen
    for counted, banked in ((9900, 5000), (10_000, 0)):
        with pytest.raises(Conflict) as refusal:
            counter.close(counted, banked=banked, day=day, reason="again")
        assert refusal.value.code == "till_closed"
    assert everything() == before


def test_opening_twice_is_quiet_and_otherwise_refused(counter: Counter) -> None:
    day = counter.open(10_000, brought=2000)
    before = everything()
    assert counter.open(10_000, brought=2000) == day
    others: list[dict[str, Any]] = [{"cash": 9000, "brought": 2000}, {"cash": 10_000}]
    for facts in (*others, {"cash": 10_000, "brought": 2000, "by": counter.dora}):
        with pytest.raises(Conflict) as refusal:
            counter.open(**facts)
        assert refusal.value.code == "till_open"
    assert everything() == before


def test_the_next_day_begins_with_what_stayed(counter: Counter) -> None:
    counter.open(10_000)
    counter.taken()
    counter.close(10_500, banked=500)
    counter.clock.advance(20 * HOUR)
    day = counter.open(15_000, brought=5000)
    assert (day.found_minor, day.brought_minor, till()) == (0, 5000, 15_000)
    assert balances() == {"till:cash": 15_000, "held": -500, "bank": -14_500}
    assert [one.pk for one in queries.days()] == [day.pk, day.pk - 1]
    assert queries.day_by_id(day.pk) == day


def test_what_is_gone_overnight_is_said_in_the_morning(counter: Counter) -> None:
    counter.open(10_000)
    counter.close(10_000)
    before = everything()
    with pytest.raises(CountDiffers) as refusal:
        counter.open(9000)
    assert (refusal.value.which, refusal.value.difference) == ("no_reason", Money(-1000))
    assert everything() == before
    day = counter.open(9000, reason="taken for stamps")
    assert (day.found_minor, day.opening_reason, till()) == (-1000, "taken for stamps", 9000)
    assert balances()["difference"] == 1000


def test_money_between_two_days_is_counted_once(counter: Counter) -> None:
    """By whatever door it came: the books' account is what has to be there."""
    counter.open(10_000)
    late = counter.order()
    counter.close(10_000)
    counter.clock.advance(HOUR)
    cash_confirm(code=late.code, clerk=counter.chen, now=counter.clock.now())
    counter.clock.advance(HOUR)
    day = counter.open(10_500)
    assert (day.found_minor, till()) == (0, 10_500)
    counter.clock.advance(HOUR)
    # Written down late, with a time that lies before the opening.
    slow = counter.order()
    cash_confirm(code=slow.code, clerk=counter.chen, now=counter.clock.now() - 2 * HOUR)
    assert queries.sums_of(day) == DaySums(10_500, came=0, went=0, other=500, expected=11_000)
    assert counter.close(11_000).difference == Money(0)


def test_the_sums_of_a_day(counter: Counter) -> None:
    from lineaviva.keeper.activation.actions import order_call_off

    day = counter.open(10_000)
    counter.clock.advance(HOUR)
    order = counter.taken()
    counter.taken(1000)
    order_call_off(order=order, reason="x", now=counter.clock.now())
    counter.give_back(order)
    assert queries.sums_of(day) == DaySums(10_000, came=1500, went=500, other=0, expected=11_000)
    assert [(row.given_minor, row.day) for row in queries.taken_on(day)] == [(500, day), (1000, day)]
    counter.clock.advance(HOUR)
    day = counter.close(11_100, banked=1100, reason="tip")
    counter.clock.advance(HOUR)
    counter.open(10_000)
    counter.clock.advance(HOUR)
    counter.taken()
    assert queries.sums_of(day) == DaySums(10_000, came=1500, went=500, other=0, expected=11_000)


REFUSED: dict[str, tuple[Callable[[Counter], Any], type[LineavivaError], str, str | None]] = {
    "more brought than there is": (lambda c: c.open(500, brought=501), InvalidInput, "brought_too_much", "brought"),
    "less than nothing": (lambda c: c.open(-1), InvalidInput, "amount_negative", "cash"),
    "less than nothing brought": (lambda c: c.open(5, brought=-1), InvalidInput, "amount_negative", "brought"),
    "more than any till holds": (lambda c: c.open(10**8 + 1), InvalidInput, "amount_too_large", "cash"),
    "a holder opens": (lambda c: c.open(5, by=factories.anna()), NotAllowed, "role_needed", None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_opened(counter: Counter, case: str) -> None:
    act, kind, code, field = REFUSED[case]
    before = everything()
    with pytest.raises(kind) as refusal:
        act(counter)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert everything() == before


CLOSED_WRONGLY: dict[str, tuple[dict[str, Any], type[LineavivaError], str]] = {
    "more to the bank than there is": ({"counted": 100, "banked": 101}, InvalidInput, "banked_too_much"),
    "more than any till holds": ({"counted": 10**8 + 1}, InvalidInput, "amount_too_large"),
    "less than nothing counted": ({"counted": -1}, InvalidInput, "amount_negative"),
    "less than nothing to the bank": ({"counted": 5, "banked": -1}, InvalidInput, "amount_negative"),
}


@pytest.mark.parametrize("case", CLOSED_WRONGLY)
def test_what_cannot_be_closed(counter: Counter, case: str) -> None:
    facts, kind, code = CLOSED_WRONGLY[case]
    counter.open(100)
    before = everything()
    with pytest.raises(kind) as refusal:
        counter.close(**facts, reason="why not")
    assert refusal.value.code == code
    assert everything() == before


@pytest.mark.parametrize("role", ["holder", "agent"])
def test_who_has_no_till(counter: Counter, role: str) -> None:
    day, eve = counter.open(100), factories.holder("eve@example.org", role=role)
    before = everything()
    with pytest.raises(NotAllowed):
        counter.close(100, day=day, by=eve)
    assert everything() == before


def test_there_is_no_such_day(counter: Counter) -> None:
    with pytest.raises(NotFound):
        queries.day_by_id(1)


BROKEN: dict[str, dict[str, Any]] = {
    "till_closed_whole": {"counted_minor": 100},
    "till_float": {"float_minor": -1},
    "till_banked": {"banked_minor": 101, "counted_minor": 100, "expected_minor": 100},
    "till_difference_reason": {"banked_minor": 0, "counted_minor": 100, "expected_minor": 99},
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_database_holds_what_a_day_is(counter: Counter, name: str) -> None:
    day = counter.open(100)
    facts = BROKEN[name]
    if "banked_minor" in facts:
        facts = {**facts, "closed_at": counter.clock.now(), "closed_by": counter.chen}
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        TillDay.objects.filter(pk=day.pk).update(**facts)


@busy
def test_two_who_open_at_once_open_one_day(counter: Counter) -> None:
    people = [counter.chen, counter.fei]
    answers = together(2, lambda: counter.open(10_000, by=people.pop()))
    assert sorted(getattr(answer, "code", "opened") for answer in answers) == ["opened", "till_open"]
    assert (TillDay.objects.count(), till(), AuditEntry.objects.filter(act="till_open").count()) == (1, 10_000, 1)


@busy
def test_pressed_twice_at_once_it_is_opened_and_closed_once(counter: Counter) -> None:
    days = together(3, lambda: counter.open(10_000))
    assert len({day.pk for day in days}) == 1
    closed = together(3, lambda: counter.close(10_200, banked=200, day=days[0], reason="tips"))
    assert [day.difference for day in closed] == [Money(200)] * 3
    assert (till(), balances()) == (10_000, {"till:cash": 10_000, "bank": -9800, "difference": -200})
    assert AuditEntry.objects.filter(act="till_close").count() == 1


@busy
def test_cash_and_the_end_of_the_day_at_once(counter: Counter) -> None:
    """Whatever comes first, the cash is on the day or it is refused; it is never in between."""
    for _ in range(3):
        day, order = counter.open(till() or 10_000), counter.order()
        close = partial(counter.close, till(), day=day, reason="as it is")
        answers = at_once([partial(counter.take, order), close])
        refused = [answer.code for answer in answers if isinstance(answer, LineavivaError)]
        day.refresh_from_db()
        assert not day.is_open
        assert refused in ([], ["till_closed"])
        assert (order.attempts.get().state, day.taken.count()) == (("open", 0) if refused else ("succeeded", 1))
        assert day.expected_minor == day.float_minor + (0 if refused else 500)
