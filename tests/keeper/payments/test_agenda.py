"""Nothing is left open: attempts and orders end by rule, money that nobody needs goes back by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lineaviva.keeper.orders.actions import order_activate, order_cancel, order_fail
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_look, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import Status
from lineaviva.keeper.payments.queries import (
    attempts_of,
    money_balance,
    open_attempt,
    paying_attempt,
    refunds_of,
)
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, NeedsPerson
from lineaviva.kernel.money import Money
from lineaviva.sandbox import person
from tests.keeper.payments.conftest import Till, balance, busy, state
from tests.keeper.payments.test_begin import Killed, kill_in
from tests.sandbox.provider.process import http

pytestmark = pytest.mark.processes
HOUR = timedelta(hours=1)
NEVER_TOLD = "4000000000009441"


def paid(till: Till, card: str = NEVER_TOLD) -> tuple[ProductOrder, PaymentAttempt]:
    """An order that is paid by card, before anything is done about it."""
    order = till.order()
    attempt = till.begin(order)
    till.pay(attempt, card)
    attempt = payment_settle(attempt=attempt, status=_success(till, attempt), now=till.clock.now())
    order.refresh_from_db()
    assert order.state == "paid"
    return order, attempt


def _success(till: Till, attempt: PaymentAttempt) -> Status:
    charge = next(c for c in till.bank.money()["charges"] if c["key"] == attempt.idempotency_key)
    return Status("succeeded", Money(charge["amount"], "EUR"), charge["id"], key=charge["key"])


def failed(till: Till, card: str = NEVER_TOLD) -> tuple[ProductOrder, PaymentAttempt]:
    order, attempt = paid(till, card)
    order = order_fail(order=order, reason="refused", now=till.clock.now())
    return order, attempt


# --- time ends them ---------------------------------------------------------------------------------------------


def test_an_attempt_that_nobody_pays_ends_after_an_hour_here_and_at_the_bank(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.after(HOUR - timedelta(seconds=1))
    assert state(attempt) == "open"
    till.after(timedelta(seconds=1))
    assert (state(attempt), attempt.reason, state(order)) == ("expired", "not_paid_in_time", "placed")
    assert attempt.look_at is None
    assert http.get(attempt.redirect_url).status_code == 410


def test_our_end_ends_the_banks_page_even_if_its_clock_is_behind(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.after_without_bank(HOUR)
    assert state(attempt) == "expired"
    assert http.post(attempt.redirect_url, data={"card": person.SUCCESS}).status_code == 410


def test_a_last_question_before_the_end_finds_the_money(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.pay(attempt, NEVER_TOLD)
    till.after(timedelta(hours=5))
    assert (state(attempt), state(order)) == ("succeeded", "paid")


def test_an_order_that_nobody_pays_ends_after_two_days(till: Till) -> None:
    order = till.order()
    till.after(timedelta(hours=48) - timedelta(seconds=1))
    assert state(order) == "placed"
    till.after(timedelta(seconds=1))
    assert (state(order), order.closed_at, order.look_at) == ("expired", till.clock.now(), None)


def test_an_open_way_to_pay_keeps_the_order_open_to_its_own_end(till: Till) -> None:
    order = till.order()
    till.after(timedelta(hours=47))
    cash = till.begin(order, "cash")
    till.after(timedelta(hours=10))
    assert (state(order), state(cash)) == ("placed", "open")
    till.after(timedelta(hours=38))
    assert (state(cash), cash.reason, state(order)) == ("expired", "not_paid_in_time", "expired")


def test_a_week_without_power_closes_everything_in_one_go(till: Till) -> None:
    orders = [till.order() for _ in range(3)]
    attempts = [till.begin(orders[0]), till.begin(orders[1], "cash")]
    till.after(timedelta(days=7))
    assert [state(order) for order in orders] == ["expired"] * 3
    assert [state(attempt) for attempt in attempts] == ["expired"] * 2
    assert not PaymentAttempt.objects.exclude(look_at=None).exists()
    assert not ProductOrder.objects.exclude(look_at=None).exists()


def test_the_payer_is_back_and_we_ask_at_once(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.after(timedelta(minutes=20))
    till.pay(attempt, NEVER_TOLD)
    till.look()
    assert state(order) == "placed"
    payment_look(order=order, now=till.clock.now())
    till.look()
    assert state(order) == "paid"


def test_looking_at_a_cash_order_wakes_nobody(till: Till) -> None:
    order = till.order()
    cash = till.begin(order, "cash")
    before = cash.look_at
    payment_look(order=order, now=till.clock.now())
    cash.refresh_from_db()
    assert (cash.look_at, cash.wakes) == (before, 0)
    assert before == cash.expires_at


# --- money that nobody needs ------------------------------------------------------------------------------------


def test_cancelled_then_the_banks_page_is_closed(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    order_cancel(order=order, by=order.placed_by, now=till.clock.now())
    till.look()
    assert (state(attempt), attempt.reason) == ("expired", "given_up")
    assert http.post(attempt.redirect_url, data={"card": person.SUCCESS}).status_code == 410


def test_paid_in_the_moment_of_cancelling_goes_back_by_itself(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    order_cancel(order=order, by=order.placed_by, now=till.clock.now())
    till.pay(attempt)
    till.after(timedelta(seconds=5))
    till.look()
    assert (state(order), state(attempt), attempt.surplus) == ("cancelled", "succeeded", True)
    assert [(r.state, r.reason, r.amount_minor) for r in refunds_of(order)] == [("succeeded", "surplus", 500)]
    assert [r["amount"] for r in till.bank.money()["refunds"]] == [500]
    assert money_balance() == balance(collected=500, refunded=500)


@busy
@pytest.mark.parametrize("told_by", ["webhook", "settle"])
def test_a_success_after_the_order_expired_goes_back_by_itself(till: Till, told_by: str) -> None:
    order = till.order()
    attempt = till.begin(order)
    # As if the bank had told us that it is over, wrongly.
    payment_settle(attempt=attempt, status=Status("expired"), now=till.clock.now())
    order_expired = ProductOrder.objects.filter(pk=order.pk)
    order_expired.update(state="expired", closed_at=till.clock.now())
    till.pay(attempt, person.SUCCESS if told_by == "webhook" else NEVER_TOLD)
    if told_by == "webhook":
        till.told("checkout.session.completed")
    else:
        payment_settle(attempt=attempt, status=_success(till, attempt), now=till.clock.now())
    till.look()
    assert (state(order), state(attempt), attempt.surplus) == ("expired", "succeeded", True)
    assert state(Refund.objects.get(attempt=attempt)) == "succeeded"
    assert money_balance() == balance(collected=500, refunded=500)


@busy
def test_the_first_attempt_comes_back_paid_and_the_second_is_closed(till: Till) -> None:
    order = till.order()
    first = till.begin(order)
    payment_settle(attempt=first, status=Status("failed", reason="card_declined"), now=till.clock.now())
    second = till.begin(order)
    till.pay(first)
    till.told("checkout.session.completed")
    till.look()
    assert (state(order), state(first), state(second)) == ("paid", "succeeded", "expired")
    assert paying_attempt(order) == first
    assert http.post(second.redirect_url, data={"card": person.SUCCESS}).status_code == 410
    assert money_balance() == balance(collected=500, held=500)


def test_both_attempts_are_paid_and_one_goes_back(till: Till) -> None:
    order = till.order()
    first = till.begin(order)
    payment_settle(attempt=first, status=Status("failed", reason="card_declined"), now=till.clock.now())
    second = till.begin(order)
    till.pay(second, NEVER_TOLD)
    till.pay(first, NEVER_TOLD)
    payment_settle(attempt=first, status=_success(till, first), now=till.clock.now())
    till.look()
    till.look()
    assert [(state(a), a.surplus) for a in attempts_of(order)] == [("succeeded", False), ("succeeded", True)]
    assert state(order) == "paid"
    assert [refund.attempt for refund in refunds_of(order)] == [second]
    assert money_balance() == balance(collected=1000, refunded=500, held=500)
    order_activate(order=order, dates_after={}, now=till.clock.now())
    assert money_balance() == balance(collected=1000, refunded=500, delivered=500)


@pytest.mark.parametrize("wrong", [{"amount_minor": 400}, {"amount_minor": 5000}, {"currency": "USD"}], ids=str)
def test_another_amount_than_asked_for_is_not_settled_but_stuck(till: Till, wrong: dict[str, Any]) -> None:
    order = till.order()
    attempt = till.begin(order)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(**wrong)
    till.pay(attempt, NEVER_TOLD)
    till.after(timedelta(seconds=5))
    assert (state(order), state(attempt)) == ("placed", "open")
    assert f"5.00 EUR was collected for order {order.code}" in attempt.stuck_reason
    assert [row.pk for row in agenda.stuck()] == [attempt.pk]
    assert money_balance() == balance()


@pytest.mark.parametrize("amount", [None, Money(499), Money(501), Money(500, "USD")], ids=str)
def test_a_wrong_amount_is_refused_whoever_tells_it(till: Till, amount: Money | None) -> None:
    order = till.order()
    attempt = till.begin(order)
    with pytest.raises(NeedsPerson):
        payment_settle(attempt=attempt, status=Status("succeeded", amount), now=till.clock.now())
    assert (state(order), state(attempt)) == ("placed", "open")


# --- news -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("news", ["open", "processing", "failed", "expired", "succeeded"])
def test_no_news_changes_what_is_paid(till: Till, news: Any) -> None:
    order, attempt = paid(till)
    before = PaymentAttempt.objects.values().get(pk=attempt.pk)
    status = Status(news, Money(999, "USD"), "ch_other", reason="card_declined")
    payment_settle(attempt=attempt, status=status, now=till.clock.now() + HOUR)
    assert PaymentAttempt.objects.values().get(pk=attempt.pk) == before
    assert state(order) == "paid"
    assert not Refund.objects.exists()


def test_a_bank_that_thinks_is_asked_every_hour_and_then_by_a_person(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = till.order()
    attempt = till.begin(order)
    stripe = "lineaviva.keeper.payments.stripe.adapter.StripeProvider"
    for call in ("fetch", "close"):
        monkeypatch.setattr(f"{stripe}.{call}", lambda _self, _reference: Status("processing"))
    till.after(HOUR)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.look_at) == ("open", till.clock.now() + HOUR)
    till.after(timedelta(hours=60))
    assert state(order) == "placed", "its money may still come"
    till.after(timedelta(days=7))
    attempt.refresh_from_db()
    assert "no answer from the bank for a week" in attempt.stuck_reason
    assert state(order) == "placed"


# --- refunds ----------------------------------------------------------------------------------------------------


def test_a_failed_order_gets_its_money_back_and_is_closed(till: Till) -> None:
    order, attempt = failed(till)
    refund = refund_request(attempt=attempt, reason="activation_refused", now=till.clock.now())
    assert money_balance() == balance(collected=500, held=500)
    till.look()
    assert (state(refund), state(order)) == ("succeeded", "refunded")
    assert refund.finished_at == order.closed_at == till.clock.now()
    given = till.bank.money()["refunds"]
    assert [(r["id"], r["charge"], r["amount"]) for r in given] == [(refund.provider_ref, attempt.charge_ref, 500)]
    assert money_balance() == balance(collected=500, refunded=500)


def test_asked_twice_it_is_one_refund(till: Till) -> None:
    _order, attempt = failed(till)
    first = refund_request(attempt=attempt, reason="one", now=till.clock.now())
    assert refund_request(attempt=attempt, reason="two", now=till.clock.now()) == first
    till.look()
    assert refund_request(attempt=attempt, reason="three", now=till.clock.now()) == first
    till.look()
    assert len(till.bank.money()["refunds"]) == 1
    assert Refund.objects.get().reason == "one"


@pytest.mark.parametrize("order_state", ["paid", "active"])
def test_what_is_being_delivered_is_not_given_back(till: Till, order_state: str) -> None:
    order, attempt = paid(till)
    if order_state == "active":
        order_activate(order=order, dates_after={}, now=till.clock.now())
    with pytest.raises(Conflict) as refusal:
        refund_request(attempt=attempt, reason="x", now=till.clock.now())
    assert refusal.value.code == "refund_not_due"
    assert not Refund.objects.exists()


def test_what_was_not_collected_is_not_given_back(till: Till) -> None:
    attempt = till.begin(till.order())
    with pytest.raises(Conflict):
        refund_request(attempt=attempt, reason="x", now=till.clock.now())
    assert open_attempt(attempt.order) == attempt


def test_a_slow_refund_is_asked_about_until_it_is_there(till: Till) -> None:
    order, attempt = failed(till, "4000000000007726")
    till.look()
    refund = refund_request(attempt=attempt, reason="x", now=till.clock.now())
    till.look()
    assert (state(refund), state(order)) == ("requested", "failed")
    assert refund.provider_ref.startswith("re_")
    assert money_balance() == balance(collected=500, held=500)
    till.after(timedelta(minutes=10))
    assert (state(refund), state(order)) == ("succeeded", "refunded")
    assert len(till.bank.money()["refunds"]) == 1


@busy
def test_the_bank_tells_of_a_slow_refund_before_we_ask(till: Till) -> None:
    order, attempt = failed(till, "4000000000007726")
    refund = refund_request(attempt=attempt, reason="x", now=till.clock.now())
    till.look()
    till.clock.advance(timedelta(seconds=6))
    till.bank.clock_at(till.clock.now())
    till.told("refund.updated")
    till.look()
    assert (state(refund), state(order)) == ("succeeded", "refunded")


def test_a_refund_that_fails_is_for_a_person(till: Till) -> None:
    order, attempt = failed(till, "4000000000005126")
    refund = refund_request(attempt=attempt, reason="x", now=till.clock.now())
    till.look()
    till.after(timedelta(minutes=10))
    assert (state(refund), state(order)) == ("requested", "failed")
    assert "stripe could not give back 5.00 EUR" in refund.stuck_reason
    assert f"confirm-refund {order.code}" in refund.stuck_reason
    assert money_balance() == balance(collected=500, held=500)


@pytest.mark.parametrize("fault", ["error_percent", "lost_answer_percent"])
def test_a_refund_whose_answer_is_lost_is_given_once(till: Till, fault: str) -> None:
    order, attempt = failed(till)
    refund = refund_request(attempt=attempt, reason="x", now=till.clock.now())
    till.bank.knobs(**{fault: 100})
    till.look()
    assert state(refund) == "requested"
    till.bank.knobs(**{fault: 0})
    till.after(timedelta(minutes=2))
    assert (state(refund), state(order)) == ("succeeded", "refunded")
    assert len(till.bank.money()["refunds"]) == 1


def test_a_refund_whose_answer_is_lost_for_longer_than_keys_are_kept(till: Till) -> None:
    """Stripe forgets an idempotency key after a day: then the refund is found by what we wrote on it."""
    order, attempt = failed(till)
    refund = refund_request(attempt=attempt, reason="x", now=till.clock.now())
    till.bank.knobs(lost_answer_percent=100)
    till.look()
    till.bank.knobs(lost_answer_percent=0)
    till.bank.forget_keys()
    till.after(timedelta(days=2))
    assert (state(refund), state(order)) == ("succeeded", "refunded")
    assert [r["id"] for r in till.bank.money()["refunds"]] == [refund.provider_ref]


@pytest.mark.parametrize("after", [False, True], ids=["before the bank hears", "after the bank did it"])
def test_killed_while_giving_back(till: Till, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    order, attempt = failed(till)
    refund = refund_request(attempt=attempt, reason="x", now=till.clock.now())
    kill_in(monkeypatch, "lineaviva.keeper.payments.stripe.adapter.StripeProvider.refund", after=after)
    with pytest.raises(Killed):
        till.look()
    till.after(timedelta(minutes=2))
    assert (state(refund), state(order)) == ("succeeded", "refunded")
    assert len(till.bank.money()["refunds"]) == 1


def test_given_back_by_somebody_else_at_the_bank_is_for_a_person(till: Till) -> None:
    order, attempt = failed(till)
    answer = http.post(
        f"{till.bank.url}/v1/refunds", data={"charge": attempt.charge_ref}, auth=("sk_test_of_the_tests", "")
    )
    assert answer.status_code == 200
    refund = refund_request(attempt=attempt, reason="x", now=till.clock.now())
    till.look()
    assert state(refund) == "requested"
    assert refund.stuck_reason == "Permanent: This charge was given back by somebody else."
    assert state(order) == "failed"
