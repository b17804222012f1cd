"""The other side of the way that a test is run for, and everybody who stands at the counter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from lineaviva.keeper.books import queries as books
from lineaviva.keeper.payments.ports import PaymentProvider, provider
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.kernel.clock import FrozenClock
from tests.conftest import NOON
from tests.contracts.all_sides import SIDES
from tests.contracts.outside import AtTheBank
from tests.contracts.sides import Counter, Side
from tests.prism.front import Front, served
from tests.sandbox.provider.process import API_KEY, PAYPAL, WEBHOOK_SECRET, Bank


@pytest.fixture
def side(request: pytest.FixtureRequest) -> Side:
    """The way to pay that a test is run for; rows.py says which."""
    assert request.param in SIDES, f"nobody has written the other side of {request.param!r}: see outside.py and here.py"
    kind = SIDES[request.param]
    side: Side = kind(request.getfixturevalue("bank_at_noon")) if issubclass(kind, AtTheBank) else kind()
    return side


@pytest.fixture
def bank_at_noon(bank: Bank, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """The sandbox's provider, which has forgotten everything, and we know where it is."""
    # Its library tries a second time at once, where it would have waited for half a second.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = API_KEY, WEBHOOK_SECRET
    settings.STRIPE_API_BASE, settings.PAYPAL_API_BASE = bank.url, f"{bank.url}/paypal"
    for name, value in PAYPAL.items():
        setattr(settings, name, value)
    bank.forget()
    bank.clock_at(NOON)
    yield bank
    bank.forget()


@pytest.fixture
def port(side: Side) -> PaymentProvider:
    return provider(side.name)


@pytest.fixture
def counter(db: None, clock: FrozenClock, settings: Any, side: Side) -> Iterator[Counter]:
    """Where orders are paid; every cent is accounted for at the end."""
    yield Counter(clock, settings, side)
    assert disagreement() == []
    assert money_balance().balanced
    assert sum(books.balances().values()) == 0


@pytest.fixture
def published(request: pytest.FixtureRequest, side: Side, settings: Any) -> Iterator[None]:
    """PayPal is asked through Prism: whatever its description does not allow fails the test, on either side."""
    if side.name != "paypal":
        yield
        return
    front: Front = request.getfixturevalue("front")
    settings.PAYPAL_API_BASE = front.url
    yield
    assert front.objections() == []


@pytest.fixture(scope="session")
def front(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Between our adapter and the pretend PayPal, with Prism's eyes."""
    with served("proxy", tmp_path_factory.mktemp("proxy"), upstream=f"{bank.url}/paypal") as front:
        yield front


@pytest.fixture(scope="session")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A PayPal that is made of its description alone."""
    with served("mock", tmp_path_factory.mktemp("mock")) as front:
        yield front
