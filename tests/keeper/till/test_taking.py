"""Cash that a clerk takes with its change, and gives back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.activation.actions import order_call_off
from lineaviva.keeper.books.queries import balances
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.till import queries
from lineaviva.keeper.till.actions import cash_return
from lineaviva.keeper.till.models import CashTaken
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotAllowed, NotFound
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders
from tests.keeper.till.conftest import Counter, busy, everything, till
from tests.keeper.together import together


def test_the_change_is_kept_with_the_payment(counter: Counter) -> None:
    day, order = counter.open(10_000), counter.order()
    assert counter.take(order, 2000).state == "paid"
    cash = queries.cash_of(order)
    assert cash is not None
    assert (cash.given_minor, cash.change_minor, cash.clerk, cash.day) == (2000, 1500, counter.chen, day)
    assert (cash.attempt, cash.taken_at) == (order.attempts.get(), counter.clock.now())
    assert till() == 10_500
    assert AuditEntry.objects.get(act="cash_confirm").actor == counter.chen


def test_unless_told_otherwise_it_is_exactly_the_total(counter: Counter) -> None:
    order = counter.taken()
    cash = queries.cash_of(order)
    assert cash is not None
    assert (cash.given_minor, cash.change_minor, cash.day) == (500, 0, None)


def test_the_second_time_is_quiet(counter: Counter) -> None:
    counter.open(0)
    order = counter.order()
    counter.take(order, 1000)
    before = everything()
    assert counter.take(order, 2000, by=counter.fei).state == "paid"
    counter.close(500)
    closed = everything()
    assert counter.take(order).state == "paid"
    assert everything() == closed
    assert closed[1] == before[1]


def test_what_was_confirmed_elsewhere_gets_no_change_afterwards(counter: Counter) -> None:
    order = counter.order()
    cash_confirm(code=order.code, clerk=counter.chen, now=counter.clock.now())
    assert counter.take(order, 2000).state == "paid"
    assert not CashTaken.objects.exists()


@pytest.mark.parametrize(("given", "code"), [(499, "given_too_little"), (60_000, "given_too_much")])
def test_what_is_mistyped(counter: Counter, given: int, code: str) -> None:
    counter.open(0)
    order = counter.order()
    before = everything()
    with pytest.raises(InvalidInput) as refusal:
        counter.take(order, given)
    assert refusal.value.code == code
    assert everything() == before


def test_a_shop_that_keeps_days_takes_nothing_between_them(counter: Counter) -> None:
    order, other = counter.order(), counter.taken()
    order_call_off(order=other, reason="x", now=counter.clock.now())
    counter.open(500)
    counter.close(500)
    before = everything()
    for act in (lambda: counter.take(order), lambda: counter.give_back(other)):
        with pytest.raises(Conflict) as refusal:
            act()
        assert refusal.value.code == "till_closed"
    assert everything() == before
    counter.open(500)
    counter.take(order)
    counter.give_back(other)
    assert till() == 500


def test_an_order_that_does_not_wait_for_cash(counter: Counter) -> None:
    order = orders.order(now=counter.clock.now())
    before = everything()
    with pytest.raises(Conflict) as refusal:
        counter.take(order)
    assert refusal.value.code == "cash_not_waiting"
    with pytest.raises(NotFound):
        cash_confirm(code="K2M7F5PW", clerk=counter.chen, now=counter.clock.now())
    assert everything() == before


@pytest.mark.parametrize("role", ["holder", "agent"])
def test_who_may_not(counter: Counter, role: str) -> None:
    order, eve = counter.order(), factories.holder("eve@example.org", role=role)
    before = everything()
    for act in (counter.take, counter.give_back):
        with pytest.raises(NotAllowed):
            act(order, by=eve)
    assert everything() == before


def test_giving_back(counter: Counter) -> None:
    counter.open(1000)
    order = counter.taken()
    order_call_off(order=order, reason="x", now=counter.clock.now())
    refund = Refund.objects.get()
    assert (queries.back_of(order), list(queries.waiting_back())) == (refund, [refund])
    agenda.run_due(counter.clock.now())
    assert [row.pk for row in agenda.stuck()] == [refund.pk]
    for _ in range(2):
        assert counter.give_back(order).state == "succeeded"
    assert (queries.back_of(order), list(queries.waiting_back()), agenda.stuck()) == (None, [], [])
    assert (till(), AuditEntry.objects.filter(act="refund_confirm").count()) == (1000, 1)


def test_given_back_it_stays_so_when_the_day_is_closed(counter: Counter) -> None:
    counter.open(1000)
    order = counter.taken()
    order_call_off(order=order, reason="x", now=counter.clock.now())
    counter.give_back(order)
    counter.close(1000)
    before = everything()
    assert counter.give_back(order).state == "succeeded"
    assert everything() == before


def test_what_operations_sent_from_the_bank_was_never_in_the_till(counter: Counter) -> None:
    counter.open(0)
    order = counter.taken()
    order_call_off(order=order, reason="x", now=counter.clock.now())
    counter.close(500)
    facts: dict[str, Any] = {"code": order.code, "out_of": "bank", "now": counter.clock.now()}
    before = everything()
    with pytest.raises(NotAllowed):
        cash_return(clerk=counter.chen, **facts)
    assert everything() == before
    for _ in range(2):
        assert cash_return(clerk=counter.dora, **facts).provider_ref == f"clerk:bank:{counter.dora.pk}"
    assert (till(), balances(), list(queries.waiting_back())) == (500, {"till:cash": 500, "bank": -500}, [])
    detail = {"amount": "5.00 EUR", "out_of": "bank"}
    assert AuditEntry.objects.get(act="refund_confirm").detail == detail


def test_an_order_by_another_way_has_no_cash(counter: Counter) -> None:
    order = orders.order(now=counter.clock.now())
    payment_begin(order=order, provider="cash", now=counter.clock.now())
    assert (queries.cash_of(order), queries.back_of(order)) == (None, None)


@pytest.mark.parametrize("facts", [{"change_minor": -1}, {"given_minor": 100, "change_minor": 101}])
def test_the_database_holds_what_change_is(counter: Counter, facts: dict[str, int]) -> None:
    counter.taken()
    with pytest.raises(IntegrityError, match="cash_change"), transaction.atomic():
        CashTaken.objects.update(**facts)


@busy
def test_two_clerks_at_once_take_it_once(counter: Counter) -> None:
    counter.open(0)
    order, clerks, sums = counter.order(), [counter.chen, counter.fei], [1000, 2000]
    answers = together(2, lambda: counter.take(order, sums.pop(), by=clerks.pop()))
    assert not [answer for answer in answers if isinstance(answer, LineavivaError)]
    cash = CashTaken.objects.get()
    assert cash.change_minor == cash.given_minor - 500
    assert (till(), AuditEntry.objects.get(act="cash_confirm").actor) == (500, cash.clerk)
    assert queries.expected_cash() == Money(500)
