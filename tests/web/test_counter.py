"""The shop's counter: a code, the order, the cash."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.kernel.clock import FrozenClock
from tests.web.conftest import Bank, Browser, words


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
