"""Every test card and every fault of the provider, from the click to the settled order, over real HTTP."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from lineaviva.keeper.orders.actions import order_activate
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments import returning
from lineaviva.keeper.payments.errors import REASONS
from lineaviva.keeper.payments.models import InboxEvent, Refund
from lineaviva.keeper.payments.queries import money_balance, paying_attempt
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.kernel.money import Money
from lineaviva.sandbox import person
from lineaviva.sandbox.provider.cards import CARDS
from tests import factories
from tests.keeper.payments.conftest import Till, balance, busy, state
from tests.patience import until
from tests.sandbox.provider.process import http

pytestmark = pytest.mark.processes
NUMBER = {card.slug: card.number for card in CARDS}


@busy
@pytest.mark.parametrize("card", ["success", "three_d_secure", "slow_refund", "failed_refund"])
def test_a_card_that_pays(till: Till, card: str) -> None:
    order = till.order()
    attempt = till.begin(order)
    assert (attempt.state, attempt.number, attempt.amount_minor) == ("open", 1, 500)
    assert attempt.idempotency_key == f"pay:{order.code}:1"

    page = till.pay(attempt, NUMBER[card])
    assert str(page.url) == returning.urls_of(attempt).success

    till.told("checkout.session.completed")
    till.look()
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    assert order.paid_at == till.clock.now()
    assert paying_attempt(order) == attempt
    charge = till.bank.money()["charges"][0]
    assert (charge["id"], charge["order"], charge["key"]) == (attempt.charge_ref, order.code, attempt.idempotency_key)
    assert len(attempt.card_fingerprint) == 64
    assert money_balance() == balance(collected=500, held=500)


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("declined", "card_declined"),
        ("insufficient", "insufficient_funds"),
        ("expired", "expired_card"),
        ("wrong_code", "card_number_wrong"),
    ],
)
def test_a_card_that_is_refused_leaves_the_page_open_for_another(till: Till, card: str, reason: str) -> None:
    order = till.order()
    attempt = till.begin(order)
    page = till.pay(attempt, NUMBER[card])
    assert page.status_code == 402

    till.after(timedelta(seconds=10))
    assert (state(order), state(attempt), attempt.reason) == ("placed", "open", reason)
    assert reason in REASONS
    assert money_balance() == balance()
    assert till.bank.money()["charges"] == []

    assert till.begin(order).redirect_url == attempt.redirect_url, "the same page goes on working"
    till.pay(attempt)
    till.after(timedelta(seconds=10))
    assert (state(order), state(attempt), attempt.reason) == ("paid", "succeeded", "")
    assert money_balance() == balance(collected=500, held=500)


def test_a_refused_confirmation_charges_nothing(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    page = till.pay(attempt, NUMBER["three_d_secure"], approve=False)
    assert page.status_code == 402
    till.after(timedelta(seconds=10))
    assert (state(order), state(attempt), attempt.reason) == ("placed", "open", "not_confirmed")
    assert till.bank.money()["charges"] == []


def test_a_refused_payment_that_runs_out_ends_as_declined_and_lets_a_new_one(till: Till) -> None:
    order = till.order()
    first = till.begin(order)
    till.pay(first, NUMBER["declined"])
    till.after(timedelta(hours=1))
    assert (state(first), first.reason) == ("failed", "card_declined")
    assert first.finished_at == till.clock.now()

    second = till.begin(order)
    assert (second.number, second.state) == (2, "open")
    assert second.redirect_url != first.redirect_url
    assert second.idempotency_key == f"pay:{order.code}:2"
    till.pay(second)
    till.after(timedelta(seconds=10))
    assert (state(order), state(first), state(second)) == ("paid", "failed", "succeeded")
    assert money_balance() == balance(collected=500, held=500)


@busy
def test_the_connection_breaks_after_the_charge_and_the_order_is_paid(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    with pytest.raises(httpx.RemoteProtocolError):
        till.pay(attempt, NUMBER["lost"])
    till.told("checkout.session.completed")
    till.look()
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    again = till.pay_again_page(attempt)
    assert again.status_code == 200
    assert "form" not in again.text
    assert len(till.bank.money()["charges"]) == 1


@busy
@pytest.mark.parametrize("how", ["by card", "by knob"])
def test_told_twice_it_is_paid_once(till: Till, how: str) -> None:
    order = till.order()
    attempt = till.begin(order)
    if how == "by knob":
        till.bank.knobs(webhook_twice_percent=100)
    till.pay(attempt, NUMBER["webhook_twice" if how == "by card" else "success"])
    till.told("checkout.session.completed", times=2)
    till.look()
    assert state(order) == "paid"
    assert InboxEvent.objects.filter(kind="checkout.session.completed").count() == 1
    assert money_balance() == balance(collected=500, held=500)


@busy
@pytest.mark.parametrize("how", ["by card", "by knob"])
def test_never_told_it_is_found_by_asking(till: Till, how: str) -> None:
    order = till.order()
    attempt = till.begin(order)
    if how == "by knob":
        till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt, NUMBER["webhook_never" if how == "by card" else "success"])
    till.look()
    assert state(order) == "placed", "nobody has told us and it is not yet time to ask"
    till.after(timedelta(seconds=5))
    assert state(order) == "paid"
    assert not InboxEvent.objects.exists()
    assert till.shop.received == []


@busy
def test_told_late_it_is_paid_by_then_and_the_news_changes_nothing(till: Till) -> None:
    till.bank.knobs(webhook_late_seconds=1)
    order = till.order()
    attempt = till.begin(order)
    till.pay(attempt, NUMBER["webhook_late"])
    till.after(timedelta(seconds=5))
    paid_at = order.__class__.objects.get(pk=order.pk).paid_at
    till.told("checkout.session.completed")
    till.look()
    assert (state(order), order.paid_at) == ("paid", paid_at)
    assert state(InboxEvent.objects.get(kind="checkout.session.completed")) == "handled"
    assert not Refund.objects.exists()


@busy
def test_the_shop_is_down_when_the_bank_tells_and_hears_of_it_later(till: Till) -> None:
    taking, till.shop.answer = till.shop.answer, lambda _headers, _body: 503
    order = till.order()
    till.pay(till.begin(order))
    until(lambda: len(till.shop.received) >= 2)
    assert not InboxEvent.objects.exists()
    till.shop.answer = taking
    till.told("checkout.session.completed")
    till.look()
    assert state(order) == "paid"


@pytest.mark.parametrize("fault", ["error_percent", "lost_answer_percent"])
def test_the_bank_fails_while_we_begin_and_the_agenda_goes_on(till: Till, fault: str) -> None:
    order = till.order()
    till.bank.knobs(**{fault: 100})
    attempt = till.begin(order)
    assert (attempt.state, attempt.provider_ref, attempt.redirect_url) == ("open", "", "")
    till.bank.knobs(**{fault: 0})
    till.after(timedelta(seconds=30))
    assert state(attempt) == "open"
    assert attempt.redirect_url.startswith(f"{till.bank.url}/pay/cs_test_")
    till.pay(attempt)
    till.after(timedelta(seconds=30))
    assert state(order) == "paid"
    assert [charge["key"] for charge in till.bank.money()["charges"]] == [attempt.idempotency_key]


@pytest.mark.parametrize("fault", ["error_percent", "lost_answer_percent"])
def test_the_bank_fails_while_we_ask_and_the_order_is_paid_later(till: Till, fault: str) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    till.bank.knobs(**{fault: 100})
    till.after(timedelta(seconds=5))
    assert state(order) == "placed"
    assert attempt.__class__.objects.get(pk=attempt.pk).last_error.startswith("Temporary: Stripe does not answer")
    till.bank.knobs(**{fault: 0})
    till.after(timedelta(minutes=1))
    assert state(order) == "paid"


@busy
def test_a_bank_that_is_killed_remembers(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.pay(attempt, NUMBER["webhook_never"])
    till.bank.kill()
    till.after_without_bank(timedelta(seconds=5))
    assert state(order) == "placed"
    till.bank.start()
    till.after(timedelta(minutes=1))
    assert state(order) == "paid"


def test_two_clicks_at_the_bank_charge_once(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    answers = [http.post(attempt.redirect_url, data={"card": person.SUCCESS}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 303]
    till.look()
    assert len(till.bank.money()["charges"]) == 1


# --- back to the card in parts ----------------------------------------------------------------------------------


def give_back(till: Till, order: ProductOrder, amount: int) -> Refund:
    attempt = paying_attempt(order)
    assert attempt is not None
    dora = factories.holder("dora@example.org", role="operations")
    return refund_request(attempt=attempt, reason="late", amount=Money(amount), by=dora, now=till.clock.now())


def delivered(till: Till) -> ProductOrder:
    order = till.order()
    till.pay(till.begin(order))
    till.after(timedelta(seconds=10))
    order_activate(order=order, dates_after={}, now=till.clock.now())
    return order


def test_parts_go_back_to_the_card(till: Till) -> None:
    order = delivered(till)
    for amount in (300, 200):
        refund = give_back(till, order, amount)
        till.look()
        assert state(refund) == "succeeded"
    assert sorted(one["amount"] for one in till.bank.money()["refunds"]) == [200, 300]
    assert money_balance() == balance(collected=500, refunded=500)
    assert state(order) == "active"


def test_a_part_whose_answer_is_lost_until_the_bank_forgets_the_key_goes_back_once(till: Till) -> None:
    order = delivered(till)
    till.bank.knobs(lost_answer_percent=100)
    refund = give_back(till, order, 200)
    till.look()
    assert state(refund) == "requested"
    till.bank.knobs(lost_answer_percent=0)
    till.bank.forget_keys()
    till.after(timedelta(days=1))
    assert state(refund) == "succeeded"
    assert [one["amount"] for one in till.bank.money()["refunds"]] == [200]
    assert money_balance() == balance(collected=500, refunded=200, delivered=300)
