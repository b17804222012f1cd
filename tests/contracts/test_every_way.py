"""What every way to pay must do, from the order to the money: the same tests for each, by the keeper's own doors.

rows.py says which of them mean something for which way. To add a way: write its side, in outside.py or here.py.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import attempt_open
from lineaviva.keeper.payments.errors import REASONS
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import LineavivaError, NotFound, Permanent
from lineaviva.kernel.money import Money
from tests.contracts.rows import row
from tests.contracts.sides import SOON, Counter, Side

pytestmark = pytest.mark.processes
# Longer than an order waits for its money, by whatever way.
DAYS = timedelta(days=3)
# The agenda begins what a killed process has left.
GRACE = timedelta(seconds=31)
SETTLES = "lineaviva.keeper.payments.actions.posting.collected"


class Killed(Exception):
    """What the process dies of; the transaction that it was in never was."""


def die(**_facts: Any) -> None:
    raise Killed


def fresh(found: Any) -> Any:
    found.refresh_from_db()
    return found


def stands(order: ProductOrder) -> tuple[str, list[tuple[str, str, str]]]:
    """The order's state, and each attempt's."""
    attempts = order.attempts.order_by("number").values_list("provider", "state", "reason")
    return fresh(order).state, list(attempts)


class Moved:
    """What the books have that they had not before, by account."""

    def __init__(self) -> None:
        self.before = books.balances()

    def now(self) -> dict[str, int]:
        after = books.balances()
        accounts = {name: after.get(name, 0) - self.before.get(name, 0) for name in {*after, *self.before}}
        return {name: minor for name, minor in accounts.items() if minor}


@pytest.fixture
def moved(counter: Counter) -> Moved:
    return Moved()


# --- paying ---------------------------------------------------------------------------------------------------------


@row("paid")
def test_paid(side: Side, counter: Counter, moved: Moved) -> None:
    order = counter.order()
    attempt = counter.begin(order)
    side.pay(counter, attempt)
    counter.after(SOON)
    assert stands(order) == ("paid", [(side.name, "succeeded", "")])
    assert (fresh(attempt).amount_minor, attempt.currency, attempt.surplus) == (500, "EUR", False)
    assert attempt.charge_ref
    assert side.took() == [500]
    assert moved.now() == {side.account(counter): 500, "held": -500}


@row("refused")
def test_refused_nothing_is_taken_and_it_can_be_paid_after_all(side: Side, counter: Counter) -> None:
    order = counter.order()
    attempt = side.refuse(counter, order)
    moved = Moved()
    assert (attempt.reason, attempt.state) == side.refusal
    assert attempt.reason in REASONS
    assert (fresh(order).state, side.took(), moved.now()) == ("placed", [], {})
    side.relent(counter, order)
    counter.after(SOON)
    assert (fresh(order).state, order.attempts.filter(state="succeeded").count(), side.took()) == ("paid", 1, [500])


@row("paid twice")
def test_each_step_twice_it_is_paid_once(side: Side, counter: Counter, moved: Moved) -> None:
    order = counter.order()
    first, second = counter.begin(order), counter.begin(order)
    assert (first.pk, first.redirect_url, first.provider_ref) == (
        second.pk,
        second.redirect_url,
        second.provider_ref,
    )
    for _ in range(2):
        side.pay(counter, first)
        counter.after(SOON)
    assert counter.begin(order).pk == first.pk
    assert stands(order) == ("paid", [(side.name, "succeeded", "")])
    assert side.took() == [500]
    assert moved.now() == {side.account(counter): 500, "held": -500}


@row("paid in two ways")
def test_paid_it_is_not_paid_by_another_way(side: Side, counter: Counter, moved: Moved) -> None:
    attempt = counter.paid()
    other = "wallet" if side.name == "cash" else "cash"
    assert counter.begin(attempt.order, other).pk == attempt.pk
    assert stands(attempt.order) == ("paid", [(side.name, "succeeded", "")])
    assert side.took() == [500]
    assert moved.now() == {side.account(counter): 500, "held": -500}


@row("asked again")
def test_asked_again_nothing_changes(side: Side, counter: Counter) -> None:
    attempt = counter.paid()
    before = PaymentAttempt.objects.values().get()
    for _ in range(2):
        agenda.wake(PaymentAttempt.objects.filter(pk=attempt.pk), counter.now)
        counter.after(timedelta(hours=1))
    after = PaymentAttempt.objects.values().get()
    facts = ("state", "reason", "charge_ref", "amount_minor", "surplus", "finished_at")
    assert [after[name] for name in facts] == [before[name] for name in facts]
    assert (side.took(), Refund.objects.count()) == ([500], 0)


@row("not known")
def test_what_there_is_not(side: Side, counter: Counter, moved: Moved) -> None:
    order = counter.order()
    counter.begin(order)
    with pytest.raises((Permanent, NotFound)):
        side.ask_unknown(counter)
    assert stands(order) == ("placed", [(side.name, "open", "")])
    assert (side.took(), moved.now()) == ([], {})


def _otherwise(side: Side, counter: Counter, amount: Money) -> None:
    """Nothing is settled by another amount; a person is told where money lies outside."""
    order, moved = counter.order(), Moved()
    with suppress(LineavivaError):
        side.mistake(counter, order, amount)
    [attempt] = order.attempts.all()
    assert (fresh(order).state, attempt.charge_ref, moved.now()) == ("placed", "", {})
    assert (attempt.state, side.took()) == side.mistaken
    assert not AuditEntry.objects.filter(act="cash_confirm").exists()


@row("another amount")
def test_another_amount_than_was_asked_for(side: Side, counter: Counter) -> None:
    _otherwise(side, counter, Money(499))


@row("another currency")
def test_another_currency_than_was_asked_for(side: Side, counter: Counter) -> None:
    _otherwise(side, counter, Money(500, "USD"))


# --- not paying -----------------------------------------------------------------------------------------------------


@row("abandoned")
def test_abandoned_it_ends_and_cannot_be_paid_any_more(side: Side, counter: Counter, moved: Moved) -> None:
    order = counter.order()
    attempt = counter.begin(order)
    counter.after(DAYS)
    assert stands(order) == ("expired", [(side.name, "expired", "not_paid_in_time")])
    with suppress(LineavivaError):
        side.pay(counter, attempt)
    counter.after(SOON)
    assert stands(order) == ("expired", [(side.name, "expired", "not_paid_in_time")])
    assert (side.took(), moved.now()) == ([], {})


@row("left at once")
def test_begun_by_a_process_that_was_killed_and_left_for_days(side: Side, counter: Counter, moved: Moved) -> None:
    order = counter.order()
    attempt_open(order, side.name, counter.now)
    counter.after(DAYS)
    assert stands(order) == ("expired", [(side.name, "expired", "not_paid_in_time")])
    assert (side.took(), moved.now()) == ([], {})


# --- killed ---------------------------------------------------------------------------------------------------------


@row("killed before")
def test_killed_before_the_money_moves_the_agenda_goes_on(side: Side, counter: Counter, moved: Moved) -> None:
    order = counter.order()
    attempt = attempt_open(order, side.name, counter.now)
    assert (attempt.state, side.took(), moved.now()) == ("open", [], {})
    counter.after(GRACE)
    side.pay(counter, fresh(attempt))
    counter.after(SOON)
    assert stands(order) == ("paid", [(side.name, "succeeded", "")])
    assert side.took() == [500]
    assert moved.now() == {side.account(counter): 500, "held": -500}


@row("killed while it is written")
def test_killed_while_it_is_written_nothing_is_and_then_all(
    side: Side, counter: Counter, moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = counter.order()
    with monkeypatch.context() as patched:
        patched.setattr(SETTLES, die)
        with suppress(Killed):
            side.pay(counter, counter.begin(order))
            counter.after(SOON)
    assert stands(order) == ("placed", [(side.name, "open", "")])
    assert (moved.now(), AuditEntry.objects.filter(act="cash_confirm").exists()) == ({}, False)
    counter.after(GRACE)
    if fresh(order).state == "placed":
        side.pay(counter, order.attempts.get())
    counter.after(GRACE)
    assert stands(order) == ("paid", [(side.name, "succeeded", "")])
    assert side.took() == [500]
    assert moved.now() == {side.account(counter): 500, "held": -500}
