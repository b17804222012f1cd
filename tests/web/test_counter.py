"""The shop's counter: a code, the order, the cash."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.activation.actions import order_call_off
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.till.actions import till_close, till_open
from lineaviva.keeper.till.models import Cancellation, CashTaken
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.money import Money
from tests.keeper.orders import factories as orders
from tests.web.conftest import Bank, Browser, active, paid, words


@pytest.fixture
def clerk(chen: User, browser: Browser) -> Client:
    return browser(chen)


@pytest.fixture
def cash(order: ProductOrder, now: datetime) -> ProductOrder:
    payment_begin(order=order, provider="cash", now=now)
    return order


def test_a_code_is_asked_for(clerk: Client) -> None:
    assert "Customer's code" in words(clerk.get("/counter/"))


def test_the_code_shows_the_order(cash: ProductOrder, clerk: Client) -> None:
    text = words(clerk.get("/counter/", {"code": f" {cash.code[:4].lower()} {cash.code[4:]} "}))
    assert "Mum · TIM …4567 Product TIM 5 € Until Tue 24 Nov 2026 12:00" in text
    assert "Waiting for cash" in text
    assert "I have received €5.00 in cash" in text


def test_the_cash_is_confirmed_once(cash: ProductOrder, clerk: Client, chen: User) -> None:
    for _ in range(2):
        response = clerk.post("/counter/", {"code": cash.code}, follow=True)
        assert response.redirect_chain == [(f"/counter/?code={cash.code}", 302)]
    cash.refresh_from_db()
    assert cash.state == "paid"
    assert PaymentAttempt.objects.get().confirmed_by == chen
    assert AuditEntry.objects.filter(act="cash_confirm").count() == 1
    assert "I have received" not in words(response)


@pytest.mark.parametrize("code", ["XXXXXXXX", "12", "2K7M5FPW", "'; --", "0" * 500])
def test_a_code_of_nobody(code: str, cash: ProductOrder, clerk: Client) -> None:
    for response in (clerk.get("/counter/", {"code": code}), clerk.post("/counter/", {"code": code})):
        assert response.status_code == 404
        assert "There is no order with this code." in words(response)
    cash.refresh_from_db()
    assert cash.state == "placed"


def test_an_order_for_the_card_takes_no_cash(
    order: ProductOrder, clerk: Client, bank: type[Bank], now: datetime
) -> None:
    payment_begin(order=order, provider="stripe", now=now)
    assert "This order is not to be paid in cash." in words(clerk.get("/counter/", {"code": order.code}))
    assert clerk.post("/counter/", {"code": order.code}).status_code == 409
    order.refresh_from_db()
    assert order.state == "placed"


def test_an_old_code_takes_no_cash(cash: ProductOrder, clerk: Client, clock: FrozenClock) -> None:
    clock.advance(timedelta(hours=48))
    assert clerk.post("/counter/", {"code": cash.code}).status_code == 409
    cash.refresh_from_db()
    assert cash.state == "placed"


def test_a_holder_confirms_nothing(cash: ProductOrder, page: Client) -> None:
    response = page.post("/counter/", {"code": cash.code})
    assert response.status_code == 403
    assert "This page is for staff." in words(response)
    cash.refresh_from_db()
    assert cash.state == "placed"


def test_an_agent_has_no_till(cash: ProductOrder, eve: User, browser: Browser) -> None:
    User.objects.filter(pk=eve.pk).update(role="agent")
    eve.refresh_from_db()
    assert browser(eve).get("/counter/").status_code == 403


# --- the change ------------------------------------------------------------------------------------------------------


def test_the_change_is_shown_before(cash: ProductOrder, clerk: Client) -> None:
    shown = clerk.get("/counter/", {"code": cash.code})
    assert "What the customer gives (EUR)" in words(shown)
    assert f'href="?code={cash.code}&amp;given=20.00"' in shown.content.decode()
    for typed in ("20", "20.00", " 20,00 "):
        text = words(clerk.get("/counter/", {"code": cash.code, "given": typed}))
        assert "Given €20.00 Change €15.00 I have received €20.00 and given €15.00 back" in text
    cash.refresh_from_db()
    assert (cash.state, CashTaken.objects.count()) == ("placed", 0)


def test_exactly_the_total_needs_no_change(cash: ProductOrder, clerk: Client) -> None:
    text = words(clerk.get("/counter/", {"code": cash.code, "given": "5"}))
    assert "Change €0.00 I have received €5.00 in cash" in text


def test_what_was_given_is_kept(cash: ProductOrder, clerk: Client, chen: User) -> None:
    for _ in range(2):
        response = clerk.post("/counter/", {"code": cash.code, "given": "20.00"}, follow=True)
        assert "Given €20.00 Change €15.00" in words(response)
    kept = CashTaken.objects.get()
    assert (kept.given_minor, kept.change_minor, kept.clerk, kept.day) == (2000, 1500, chen, None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("4,99", "That is less than it costs."),
        ("5000", "Nobody hands over that much."),
        ("five", "Write the amount like 12.50."),
        ("5.001", "Write the amount like 12.50."),
        ("-5", "That is less than it costs."),
    ],
)
def test_a_mistyped_amount_takes_nothing(given: str, said: str, cash: ProductOrder, clerk: Client) -> None:
    for response in (clerk.get("/counter/", {"code": cash.code, "given": given}), _sent(clerk, cash, given=given)):
        assert response.status_code == 400
        assert said in words(response)
        assert 'aria-describedby="given-error"' in response.content.decode()
    cash.refresh_from_db()
    assert (cash.state, CashTaken.objects.count()) == ("placed", 0)


def _sent(clerk: Client, order: ProductOrder, **facts: str) -> Any:
    return clerk.post("/counter/", {"code": order.code, **facts})


def test_no_cash_between_two_days(cash: ProductOrder, clerk: Client, chen: User, now: datetime) -> None:
    assert "No days are kept yet." in words(clerk.get("/counter/"))
    day = till_open(by=chen, cash=Money(100), now=now)
    assert "Open since Sun 22 Nov 2026 12:00 by chen@example.org." in words(clerk.get("/counter/"))
    till_close(day=day, by=chen, counted=Money(100), now=now)
    text = words(clerk.get("/counter/", {"code": cash.code, "given": "20"}))
    assert "The till is closed. Open its day first." in text
    assert "I have received" not in text
    response = _sent(clerk, cash)
    assert response.status_code == 409
    assert "The till is closed. Open its day first." in words(response)
    cash.refresh_from_db()
    assert cash.state == "placed"


# --- the way back ----------------------------------------------------------------------------------------------------


def test_cash_is_given_back_at_the_counter(order: ProductOrder, clerk: Client, now: datetime) -> None:
    order_call_off(order=paid(order, now), reason="x", now=now)
    assert "Cash to be given back" in words(clerk.get("/counter/"))
    assert "The customer gets €5.00 back in cash. I have given €5.00 back" in words(
        clerk.get("/counter/", {"code": order.code})
    )
    for _ in range(2):
        response = clerk.post("/counter/", {"code": order.code, "do": "return"}, follow=True)
        assert "Written down: the money is back with the customer." in words(response)
    assert "I have given" not in words(response)
    order.refresh_from_db()
    assert (order.state, Refund.objects.get().state) == ("refunded", "succeeded")
    assert "Cash to be given back" not in words(clerk.get("/counter/"))


def test_where_nothing_waits_nothing_goes_back(cash: ProductOrder, clerk: Client) -> None:
    response = _sent(clerk, cash, do="return")
    assert response.status_code == 409
    assert "No money waits to be given back by hand for this order." in words(response)


def test_calling_it_off_is_asked_at_the_counter(
    order: ProductOrder, clerk: Client, dora: User, browser: Browser, now: datetime
) -> None:
    paid(order, now)
    assert "Ask a second person" in words(clerk.get("/counter/", {"code": order.code}))
    response = _sent(clerk, order, do="cancel", reason=" ")
    assert response.status_code == 400
    assert "Say why." in words(response)
    assert not Cancellation.objects.exists()

    response = clerk.post("/counter/", {"code": order.code, "do": "cancel", "reason": "wrong <b>order"}, follow=True)
    text = words(response)
    assert "A second person has to agree now." in text
    assert "chen@example.org asked to call this off: wrong <b>order" in text
    assert "Ask a second person" not in text
    assert "Called off (1)" in words(browser(dora).get("/counter/"))


def test_what_was_delivered_is_refused_in_plain_words(order: ProductOrder, clerk: Client, now: datetime) -> None:
    active(order, now)
    said = "This was delivered and cannot be called off here."
    text = words(clerk.get("/counter/", {"code": order.code}))
    assert said in text
    assert "lineaviva orders refund" in text
    response = _sent(clerk, order, do="cancel", reason="sorry")
    assert response.status_code == 409
    assert said in words(response)
    assert not Cancellation.objects.exists()


def test_who_takes_cash_is_told_that_the_line_is_renewed_already(
    cash: ProductOrder, clerk: Client, now: datetime
) -> None:
    warning = "renews this line already, for €10.00. Ask the customer before you take money for this one, too."
    assert warning not in words(clerk.get("/counter/", {"code": cash.code}))
    other = paid(orders.order(line=cash.line, price=1000, language="en"), now)
    assert warning in words(clerk.get("/counter/", {"code": cash.code}))
    active(other, now)
    text = words(clerk.get("/counter/", {"code": cash.code}))
    assert f"Order {other.code[:4]} {other.code[4:]} {warning}" in text
    assert clerk.post("/counter/", {"code": cash.code}).status_code == 302  # a person decides


def test_a_reason_that_no_database_keeps(cash: ProductOrder, clerk: Client) -> None:
    clerk.post("/counter/", {"code": cash.code})
    clerk.post("/counter/", {"code": cash.code, "do": "cancel", "reason": "wrong\x00order"})
    assert Cancellation.objects.get().reason == "wrong order"
