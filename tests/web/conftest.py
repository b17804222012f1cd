"""Pages as people open them: each in a browser of their own, with lines, orders and receipts by the real actions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.actions import activation_begin, activation_succeed
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin
from lineaviva.keeper.payments.ports import Asked, Begun, Bill, Hint, Movement, RefundStatus, Return, Status, Urls
from lineaviva.keeper.receipts.actions import receipt_issue
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import InvalidInput, Temporary
from tests import factories
from tests.keeper.orders import factories as orders

LANGUAGES = ("zh-hans", "zh-hant", "it", "en")
BANK = "http://127.0.0.1:9/pay/"


class Bank:
    """A card provider that never leaves the process: it gives out a page, and says what the test told it."""

    configured, polled, reconciles, lifetime = True, True, False, timedelta(hours=24)
    status = Status("open")
    begun: list[str] = []
    reachable = True

    def begin(self, bill: Bill, urls: Urls) -> Begun:
        if not Bank.reachable:
            raise Temporary("no answer")
        Bank.begun.append(bill.key)
        return Begun(reference=f"cs_{bill.key}", redirect_url=f"{BANK}{bill.order_code}")

    def fetch(self, reference: str) -> Status:
        return Bank.status

    def close(self, reference: str) -> Status:
        return Status("expired") if Bank.status.state == "open" else Bank.status

    def refund(self, back: Return) -> RefundStatus:
        return RefundStatus("succeeded", "re_1")

    def listing(self, day: date, asked: Iterable[Asked]) -> list[Movement]:
        return []

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        if headers.get("stripe-signature") != "good":
            raise InvalidInput("This webhook is not signed by Stripe.", code="webhook_refused")
        return Hint(external_id="evt_1", kind="checkout.session.completed", about="payment", reference="cs_1")


@pytest.fixture
def bank(settings: Any) -> type[Bank]:
    Bank.status, Bank.begun, Bank.reachable = Status("open"), [], True
    settings.PAYMENT_PROVIDERS = {**settings.PAYMENT_PROVIDERS, "stripe": "tests.web.conftest.Bank"}
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    return Bank


Browser = Callable[..., Client]


@pytest.fixture
def browser(db: None, clock: FrozenClock) -> Browser:
    """A browser; signed in where a person is given."""

    def open_for(user: User | None = None, **headers: str) -> Client:
        client = Client(headers=headers, SERVER_NAME="127.0.0.1")
        if user is not None:
            proved = {"verified": True, "primary": True}
            EmailAddress.objects.update_or_create(user=user, email=user.email, defaults=proved)
            client.force_login(user)
        return client

    return open_for


@pytest.fixture
def anna(db: None, clock: FrozenClock) -> User:
    return factories.holder(language="en")


@pytest.fixture
def bo(db: None, clock: FrozenClock) -> User:
    return factories.holder("bo@example.org", language="en")


@pytest.fixture
def chen(db: None, clock: FrozenClock) -> User:
    return factories.clerk(language="en")


@pytest.fixture
def dora(db: None, clock: FrozenClock) -> User:
    return factories.holder("dora@example.org", language="en", role="operations")


@pytest.fixture
def eve(db: None, clock: FrozenClock) -> User:
    return factories.holder("eve@example.org", language="en")


@pytest.fixture
def page(browser: Browser, anna: User) -> Client:
    """Anna's browser."""
    return browser(anna)


@pytest.fixture
def mum(anna: User) -> Line:
    """Anna's TIM line "Mum", with full service until 4 December 2026: twelve days from now."""
    return factories.line(holder=anna, label="Mum", msisdn="+393471234567", last_topup=date(2025, 12, 4))


@pytest.fixture
def offers(db: None) -> list[Offering]:
    """What can be bought for a TIM line here, and a plan of which little is known."""
    plan = Offering.objects.create(
        key="tim:giga",
        operator="tim",
        external_id="giga",
        kind="plan",
        name="Giga 100",
        price_minor=999,
        period_months=1,
        allowances={"data_mb": 102400, "minutes": -1},
        sellable=True,
        source="tmf620",
    )
    elsewhere = Offering.objects.create(
        key="tim:shop-only",
        operator="tim",
        external_id="shop-only",
        kind="plan",
        name="Base",
        sellable=False,
        source="rulebook",
    )
    return [orders.offering("topup-5"), orders.offering("topup-10", price=1000), plan, elsewhere]


@pytest.fixture
def order(mum: Line, offers: list[Offering]) -> ProductOrder:
    """Anna's order of 5 EUR for her line, not paid yet."""
    return orders.order(line=mum, language="en")


def paid(order: ProductOrder, now: datetime) -> ProductOrder:
    """The same order, its cash confirmed by Chen."""
    payment_begin(order=order, provider="cash", now=now)
    return cash_confirm(code=order.code, clerk=factories.clerk(), now=now + timedelta(seconds=20))


def active(order: ProductOrder, now: datetime) -> ProductOrder:
    """The same order, paid and confirmed by the operator."""
    order = paid(order, now)
    activation = activation_begin(order=order, now=now)
    assert activation is not None
    activation.sent_at = now + timedelta(seconds=21)
    activation.save()
    result = Result("succeeded", operator_reference="TIM-0000012345")
    activation_succeed(activation=activation, result=result, now=now + timedelta(seconds=22))
    Activation.objects.update(look_at=None)
    order.refresh_from_db()
    return order


@pytest.fixture
def receipt(order: ProductOrder, now: datetime) -> Receipt:
    return receipt_issue(order=active(order, now), now=now + timedelta(seconds=23))


def words(response: Any) -> str:
    """The text that a reader sees: without markup, scripts and repeated spaces."""
    text = re.sub(r"<(script|style|noscript)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def hidden(response: Any, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found, f"no field {name}"
    return unescape(found[1])
