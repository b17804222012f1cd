"""The order's page says PayPal, and no bank, where it is PayPal that is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.ports import Status
from lineaviva.kernel.money import Money
from tests.web.conftest import Bank, words
from tests.web.test_orders import path, steps

pytestmark = pytest.mark.django_db


@pytest.fixture
def begun(order: ProductOrder, bank: type[Bank], settings: Any, now: datetime) -> PaymentAttempt:
    """Anna is on PayPal's page, or was."""
    settings.PAYMENT_PROVIDERS = {**settings.PAYMENT_PROVIDERS, "paypal": "tests.web.conftest.Bank"}
    return payment_begin(order=order, provider="paypal", now=now)


def test_paypal_has_not_answered(begun: PaymentAttempt, order: ProductOrder, page: Client) -> None:
    text = words(page.get(path(order)))
    assert "PayPal has not answered yet" in text
    assert "we ask PayPal by ourselves, and you are charged only once" in text
    assert "Your bank has not answered" not in text


def test_nobody_knows_what_paypal_has_done(begun: PaymentAttempt, order: ProductOrder, page: Client) -> None:
    PaymentAttempt.objects.update(delays=1)
    text = words(page.get(path(order)))
    assert "PayPal has not told us yet whether it took the money; we go on asking. Do not pay again" in text
    assert "Your bank" not in text


def test_paypal_has_answered(begun: PaymentAttempt, order: ProductOrder, page: Client, now: datetime) -> None:
    payment_settle(attempt=begun, status=Status("succeeded", Money(begun.amount_minor), "3C6"), now=now)
    assert "PayPal has answered: the money is here. You can close this page." in steps(page.get(path(order)))[1]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("not_confirmed", "The payment was not confirmed at PayPal. Nothing was charged."),
        ("card_gone", "The saved PayPal account is not there any more. Nothing was charged."),
        ("instrument_declined", "What you chose to pay with at PayPal was refused. Nothing was charged."),
    ],
)
def test_why_it_was_refused(
    begun: PaymentAttempt, order: ProductOrder, page: Client, now: datetime, reason: str, said: str
) -> None:
    payment_settle(attempt=begun, status=Status("failed", reason=reason), now=now)
    assert said in words(page.get(path(order)))


def test_a_bank_is_still_a_bank(order: ProductOrder, page: Client, bank: type[Bank], now: datetime) -> None:
    payment_begin(order=order, provider="stripe", now=now)
    assert "Your bank has not answered yet" in words(page.get(path(order)))
