"""Payments are tested against the real provider process of the sandbox, by a clock that stands still in both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe
from django.db import connections

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin, webhook_receive
from lineaviva.keeper.payments.models import InboxEvent, PaymentAttempt, Refund
from lineaviva.keeper.payments.queries import MoneyBalance, money_balance
from lineaviva.kernel import agenda
from lineaviva.kernel import clock as kernel_clock
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import LineavivaError
from lineaviva.sandbox import person
from tests.keeper.orders import factories
from tests.patience import until
from tests.sandbox.provider.process import API_KEY, PAYPAL, WEBHOOK_SECRET, Bank, Shop, http

# What fails there says why, as in a test's own file.
pytest.register_assert_rewrite("tests.keeper.payments.stage", "tests.keeper.payments.truth")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe's library tries a second time at once, where it would have waited for half a second."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)


class Till:
    """What happens in a payment test, in the words of its people."""

    def __init__(self, bank: Bank, shop: Shop, clock: FrozenClock) -> None:
        self.bank, self.shop, self.clock = bank, shop, clock

    def order(self, **facts: Any) -> ProductOrder:
        return factories.order(now=self.clock.now(), **facts)

    def begin(self, order: ProductOrder, provider: str = "stripe") -> PaymentAttempt:
        return payment_begin(order=order, provider=provider, now=self.clock.now())

    def pay(self, attempt: PaymentAttempt, card: str = person.SUCCESS, *, approve: bool = True) -> httpx.Response:
        return person.pay(attempt.redirect_url, card=card, approve=approve)

    def look(self) -> int:
        """Let everything that is due happen."""
        return agenda.run_due(self.clock.now())

    def after(self, by: timedelta) -> int:
        """Let time pass, here and at the bank, and then everything that is due happen."""
        self.clock.advance(by)
        self.bank.clock_at(self.clock.now())
        return self.look()

    def after_without_bank(self, by: timedelta) -> int:
        self.clock.advance(by)
        return self.look()

    def pay_again_page(self, attempt: PaymentAttempt) -> httpx.Response:
        """What somebody sees who opens the bank's page again."""
        return http.get(attempt.redirect_url)

    def told(self, kind: str, times: int = 1) -> None:
        """Wait until the bank has told us of `kind` that often."""
        until(lambda: sum(kind.encode() in body for _, body in self.shop.received) >= times)
        until(lambda: InboxEvent.objects.filter(kind=kind).exists())


# For tests in which the bank's webhooks arrive, or several things happen at once: what they see must be committed.
busy = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till(
    bank: Bank, shop: Shop, clock: FrozenClock, db: None, settings: Any, request: pytest.FixtureRequest
) -> Iterator[Till]:
    """Our side and the bank, both at noon. The bank tells of nothing by itself but to a test that is marked `busy`."""
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = API_KEY, WEBHOOK_SECRET
    settings.STRIPE_API_BASE, settings.PUBLIC_URL = bank.url, shop.url
    settings.PAYPAL_API_BASE = f"{bank.url}/paypal"
    for name, value in PAYPAL.items():
        setattr(settings, name, value)
    bank.forget()
    bank.clock_at(clock.now())
    shop.received.clear()
    if request.node.get_closest_marker("django_db"):
        shop.answer = _take
    else:
        bank.knobs(webhook_never_percent=100)
    yield Till(bank, shop, clock)
    shop.answer = lambda _headers, _body: 503
    bank.forget()
    assert money_balance().balanced


def _take(headers: dict[str, str], body: bytes) -> int:
    """As the keeper's webhook page does."""
    source = "paypal" if any(name.lower().startswith("paypal-") for name in headers) else "stripe"
    try:
        webhook_receive(source=source, headers=headers, body=body, now=kernel_clock.now())
    except LineavivaError as refusal:
        return refusal.status
    finally:
        connections.close_all()
    return 200


def state(row: ProductOrder | PaymentAttempt | Refund | InboxEvent) -> str:
    row.refresh_from_db()
    return str(row.state)


def balance(collected: int = 0, refunded: int = 0, delivered: int = 0, held: int = 0) -> MoneyBalance:
    return MoneyBalance(collected, refunded, delivered, held)
