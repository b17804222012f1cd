"""Paying by PayPal from the click to the settled order, over real HTTP; the payer approves, and we alone collect."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from lineaviva.keeper.orders.actions import order_cancel, order_fail
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import InboxEvent, Refund
from lineaviva.keeper.payments.queries import money_balance, paying_attempt
from lineaviva.keeper.payments.refunding import refund_confirm, refund_request
from lineaviva.keeper.payments.returning import urls_of
from lineaviva.sandbox import person
from tests import factories
from tests.keeper.payments.conftest import Till, balance, busy, state

pytestmark = pytest.mark.processes


def paid(till: Till, payer: str = "success") -> ProductOrder:
    order = till.order()
    person.approve(till.begin(order, "paypal").redirect_url, payer=payer)
    till.after(timedelta(seconds=10))
    return order


@busy
def test_approved_it_is_collected_as_soon_as_paypal_tells(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order, "paypal")
    page = person.approve(attempt.redirect_url, payer="webhook_twice")
    assert page.url.copy_with(query=None) == f"{till.shop.url}/orders/{order.code}/"
    ours = httpx.URL(urls_of(attempt).success).params
    assert dict(page.url.params) == {**ours, "token": attempt.provider_ref, "PayerID": "PRETEND7PAYER"}
    till.told("CHECKOUT.ORDER.APPROVED", times=2)
    till.look()
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    till.told("PAYMENT.CAPTURE.COMPLETED", times=2)
    till.look()
    assert InboxEvent.objects.filter(source="paypal", state="handled").count() == 2
    [charge] = till.bank.money()["charges"]
    assert (charge["id"], charge["order"], charge["key"]) == (attempt.charge_ref, order.code, attempt.idempotency_key)
    assert len(attempt.card_fingerprint) == 64
    assert money_balance() == balance(collected=500, held=500)


def test_never_told_it_is_found_by_asking(till: Till) -> None:
    order = paid(till)
    assert state(order) == "paid"
    assert not InboxEvent.objects.exists()
    assert [charge["amount"] for charge in till.bank.money()["charges"]] == [500]


def test_the_connection_breaks_after_the_approval_and_the_order_is_paid(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order, "paypal")
    with pytest.raises(httpx.RemoteProtocolError):
        person.approve(attempt.redirect_url, payer="lost")
    till.after(timedelta(seconds=10))
    assert (state(order), state(attempt)) == ("paid", "succeeded")


def test_what_is_refused_leaves_the_page_open_for_another_choice(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order, "paypal")
    person.approve(attempt.redirect_url, payer="declined")
    till.after(timedelta(seconds=10))
    assert (state(order), state(attempt), attempt.reason) == ("placed", "open", "instrument_declined")
    assert till.bank.money()["charges"] == []
    assert till.begin(order, "paypal").redirect_url == attempt.redirect_url
    person.approve(attempt.redirect_url)
    till.after(timedelta(seconds=10))
    assert (state(order), state(attempt), attempt.reason) == ("paid", "succeeded", "")
    assert money_balance() == balance(collected=500, held=500)


def test_money_that_takes_a_while_is_waited_for(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order, "paypal")
    person.approve(attempt.redirect_url, payer="pending")
    till.after(timedelta(seconds=4))
    assert (state(order), state(attempt)) == ("placed", "open")
    till.after(timedelta(seconds=10))
    assert (state(order), state(attempt)) == ("paid", "succeeded")


@pytest.mark.parametrize("fault", ["error_percent", "lost_answer_percent"])
def test_paypal_fails_before_and_after_it_collects(till: Till, fault: str) -> None:
    order = till.order()
    attempt = till.begin(order, "paypal")
    person.approve(attempt.redirect_url)
    till.bank.knobs(**{fault: 100})
    till.after(timedelta(seconds=5))
    assert state(order) == "placed"
    till.bank.knobs(**{fault: 0})
    till.after(timedelta(minutes=1))
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    assert [charge["amount"] for charge in till.bank.money()["charges"]] == [500]


def test_down_for_a_day_nothing_is_collected_for_an_order_that_is_over(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order, "paypal")
    person.approve(attempt.redirect_url)
    till.bank.knobs(error_percent=100)
    for _ in range(12):
        till.after(timedelta(hours=4))
    assert (state(order), state(attempt)) == ("placed", "open")
    till.bank.knobs(error_percent=0)
    till.after(timedelta(hours=4))
    assert (state(order), state(attempt), attempt.reason) == ("expired", "expired", "not_paid_in_time")
    assert till.bank.money()["charges"] == []
    assert money_balance() == balance()


@busy
def test_a_cancelled_order_is_approved_in_vain(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order, "paypal")
    order_cancel(order=order, by=None, now=till.clock.now())
    till.look()
    person.approve(attempt.redirect_url)
    till.told("CHECKOUT.ORDER.APPROVED")
    till.look()
    assert (state(order), state(attempt), attempt.reason) == ("cancelled", "expired", "given_up")
    assert till.bank.money()["charges"] == []


def test_changed_to_a_card_it_is_paid_once(till: Till) -> None:
    order = till.order()
    first = till.begin(order, "paypal")
    second = till.begin(order)
    assert (state(first), second.provider, second.number) == ("expired", "stripe", 2)
    person.approve(first.redirect_url)
    till.pay(second)
    till.after(timedelta(seconds=10))
    assert (state(order), state(first), state(second)) == ("paid", "expired", "succeeded")
    assert [charge["id"] for charge in till.bank.money()["charges"]] == [second.charge_ref]
    assert money_balance() == balance(collected=500, held=500)


@pytest.mark.parametrize(("payer", "soon"), [("success", True), ("slow_refund", False), ("failed_refund", False)])
def test_given_back_when_nothing_was_delivered(till: Till, payer: str, soon: bool) -> None:
    order = paid(till, payer)
    attempt = paying_attempt(order)
    assert attempt is not None
    order_fail(order=order, reason="refused", now=till.clock.now())
    refund = refund_request(attempt=attempt, reason="activation_refused", now=till.clock.now())
    till.look()
    assert state(refund) == ("succeeded" if soon else "requested")
    till.after(timedelta(minutes=10))
    if payer == "failed_refund":
        assert "paypal could not give back 5.00 EUR" in Refund.objects.get().stuck_reason
        refund_confirm(code=order.code, clerk=factories.clerk(), now=till.clock.now())
    assert (state(refund), state(order)) == ("succeeded", "refunded")
    assert len(till.bank.money()["refunds"]) == (0 if payer == "failed_refund" else 1)
    assert money_balance() == balance(collected=500, refunded=500)
