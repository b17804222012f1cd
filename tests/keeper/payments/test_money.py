"""The sum that must always agree, each part counted from its own rows; and what the database itself refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from lineaviva.keeper.orders.actions import order_activate, order_cancel, order_fail, order_pay
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin, payment_settle
from lineaviva.keeper.payments.errors import REASONS, reason_text
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import RefundStatus, Status
from lineaviva.keeper.payments.queries import attempts_of, money_balance, open_attempt, paying_attempt, refunds_of
from lineaviva.keeper.payments.refunding import refund_request, refund_settle
from lineaviva.kernel.money import Money
from tests.keeper.orders import factories
from tests.keeper.payments.conftest import balance

pytestmark = pytest.mark.django_db


class Purse:
    """One order and what happens to its money."""

    def __init__(self, now: datetime, price: int) -> None:
        self.now, self.price = now, price
        self.order = factories.order(price=price, now=now)
        self.attempt: PaymentAttempt | None = None

    def begin(self) -> Purse:
        self.attempt = payment_begin(order=self.order, provider="cash", now=self.now)
        return self

    def pay(self) -> Purse:
        self.begin()
        assert self.attempt is not None
        payment_settle(attempt=self.attempt, status=Status("succeeded", Money(self.price), "c"), now=self.now)
        return self

    def activate(self) -> Purse:
        order_activate(order=self.order, dates_after={}, now=self.now)
        return self

    def fail(self) -> Purse:
        order_fail(order=self.order, reason="refused", now=self.now)
        return self

    def ask_back(self) -> Purse:
        assert self.attempt is not None
        refund_request(attempt=self.attempt, reason="x", now=self.now)
        return self

    def give_back(self) -> Purse:
        refund = Refund.objects.get(attempt=self.attempt)
        refund_settle(refund=refund, status=RefundStatus("succeeded", "r"), now=self.now)
        return self


WAYS: dict[str, tuple[Callable[[Purse], Any], dict[str, int]]] = {
    "ordered": (lambda purse: purse, {}),
    "begun": (lambda purse: purse.begin(), {}),
    "paid": (lambda purse: purse.pay(), {"collected": 500, "held": 500}),
    "active": (lambda purse: purse.pay().activate(), {"collected": 500, "delivered": 500}),
    "failed": (lambda purse: purse.pay().fail(), {"collected": 500, "held": 500}),
    "asked back": (lambda purse: purse.pay().fail().ask_back(), {"collected": 500, "held": 500}),
    "given back": (lambda purse: purse.pay().fail().ask_back().give_back(), {"collected": 500, "refunded": 500}),
}


@pytest.mark.parametrize(("way", "sums"), WAYS.values(), ids=WAYS.keys())
def test_where_the_money_is(now: datetime, way: Callable[[Purse], Any], sums: dict[str, int]) -> None:
    way(Purse(now, 500))
    assert money_balance() == balance(**sums)
    assert money_balance().balanced


def test_all_of_them_together(now: datetime) -> None:
    for number, (way, _sums) in enumerate(WAYS.values(), start=1):
        way(Purse(now, 100 * number))
    # paid 300, active 400, failed 500, asked back 600, given back 700
    assert money_balance() == balance(collected=2500, refunded=700, delivered=400, held=1400)


def test_currencies_are_kept_apart(now: datetime) -> None:
    Purse(now, 500).pay()
    PaymentAttempt.objects.update(currency="USD")
    ProductOrder.objects.update(currency="USD")
    assert money_balance() == balance()
    usd = money_balance("USD")
    assert (usd.collected, usd.held, usd.currency, usd.balanced) == (500, 500, "USD", True)


@pytest.mark.parametrize(
    ("way", "given_back"),
    [(lambda purse: purse.pay().activate(), 500), (lambda purse: purse.pay().fail(), 700)],
    ids=["given back though delivered", "more given back than collected"],
)
def test_what_does_not_agree_is_seen(now: datetime, way: Callable[[Purse], Any], given_back: int) -> None:
    purse = way(Purse(now, 500))
    Refund.objects.create(
        attempt=purse.attempt, amount_minor=given_back, state="succeeded", reason="by mistake", requested_at=now
    )
    assert not money_balance().balanced


def test_an_order_that_is_active_without_money_is_seen(now: datetime) -> None:
    order = factories.order(now=now)
    order_pay(order=order, now=now)
    order_activate(order=order, dates_after={}, now=now)
    assert money_balance() == balance(delivered=500)
    assert not money_balance().balanced


def test_which_attempt_is_which(now: datetime) -> None:
    order = factories.order(now=now)
    assert (open_attempt(order), paying_attempt(order), list(attempts_of(order)), list(refunds_of(order))) == (
        None,
        None,
        [],
        [],
    )
    first = payment_begin(order=order, provider="cash", now=now)
    assert (open_attempt(order), paying_attempt(order)) == (first, None)
    order_cancel(order=order, by=None, now=now)
    payment_settle(attempt=first, status=Status("succeeded", Money(500), "c"), now=now)
    assert (open_attempt(order), paying_attempt(order)) == (None, None)
    assert [refund.attempt for refund in refunds_of(order)] == [first]
    assert list(attempts_of(order)) == [first]


# --- the database's own rules -----------------------------------------------------------------------------------


def attempt(order: ProductOrder, number: int, now: datetime, **fields: Any) -> PaymentAttempt:
    facts = {"provider": "cash", "amount_minor": 500, "idempotency_key": f"k{order.pk}{number}", "created_at": now}
    return PaymentAttempt.objects.create(order=order, number=number, expires_at=now, **{**facts, **fields})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"state": "open"}, {"state": "open"}),
        ({"state": "succeeded"}, {"state": "succeeded"}),
        ({"state": "failed", "number": 1}, {"state": "failed", "number": 1}),
        ({"state": "failed", "idempotency_key": "same"}, {"state": "failed", "idempotency_key": "same"}),
        ({"state": "failed", "provider_ref": "same"}, {"state": "failed", "provider_ref": "same"}),
    ],
    ids=["two open", "two that pay", "one number twice", "one key twice", "one reference twice"],
)
def test_what_cannot_be_written(now: datetime, first: dict[str, Any], second: dict[str, Any]) -> None:
    order = factories.order(now=now)
    attempt(order, first.pop("number", 1), now, **first)
    with pytest.raises(IntegrityError), transaction.atomic():
        attempt(order, second.pop("number", 2), now, **second)
    assert order.attempts.count() == 1


@pytest.mark.parametrize(
    "second",
    [{"state": "open"}, {"state": "succeeded", "surplus": True}, {"state": "failed"}, {"state": "expired"}],
    ids=lambda fields: " ".join(map(str, fields.values())),
)
def test_what_can_be_beside_money_that_pays(now: datetime, second: dict[str, Any]) -> None:
    order = factories.order(now=now)
    attempt(order, 1, now, state="succeeded")
    attempt(order, 2, now, **second)
    assert order.attempts.count() == 2
    attempts = list(attempts_of(order))
    assert paying_attempt(order) == attempts[0]
    order.attempts.all().delete()


def test_an_attempt_is_given_back_once(now: datetime) -> None:
    purse = Purse(now, 500).pay().fail().ask_back()
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.create(attempt=purse.attempt, amount_minor=500, reason="x", requested_at=now)
    assert Refund.objects.count() == 1


# --- words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "it", "zh-hans", "zh-hant"])
def test_every_reason_is_a_sentence_in_every_language(language: str) -> None:
    with translation.override(language):
        said = {code: reason_text(code) for code in REASONS}
        assert reason_text("") == ""
        assert reason_text("something new") == said["provider_refused"]
    assert len(set(said.values())) == len(REASONS)
    assert all(text.endswith("。" if language.startswith("zh") else ".") for text in said.values())
    if language == "zh-hant":
        assert said["insufficient_funds"] == "卡片餘額不足，沒有扣款。"
