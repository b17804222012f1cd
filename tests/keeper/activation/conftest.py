"""Activations against TIM's real carrier side in a process of its own, by a clock that stands still here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.tmf import adapter
from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import MoneyBalance, money_balance
from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.registry import registered
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.carrier_process import CLIENT_ID, SECRET, CarrierProcess
from tests.keeper.activation.proxy import BadNetwork
from tests.keeper.orders import factories as orders


@pytest.fixture
def carrier(tim: CarrierProcess, settings: Any) -> Iterator[CarrierProcess]:
    """TIM, well-behaved, reached by the keeper; its books must balance when the test is over."""
    tim.behave()
    settings.TMF_URLS, settings.TMF_CLIENTS = {"tim": tim.url}, {"tim": (CLIENT_ID, SECRET)}
    yield tim
    tim.behave()
    audit = tim.audit()
    assert (audit["balanced"], audit["problems"]) == (True, [])


@pytest.fixture
def network(carrier: CarrierProcess, settings: Any) -> Iterator[BadNetwork]:
    """A stretch between the keeper and TIM that can be made bad."""
    network = BadNetwork(carrier.url)
    settings.TMF_URLS = {"tim": network.url}
    yield network
    network.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A keeper that hangs up after half a second."""
    with httpx.Client(timeout=0.5) as client:
        monkeypatch.setattr(adapter, "_client", lambda: client)
        yield client


class Way:
    """What happens in an activation test, in the words of its people."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock

    def paid(self, *, line: Line | None = None, offering: Offering | None = None) -> ProductOrder:
        """Anna's order of a 5 EUR top-up for a TIM line topped up in March, paid in cash to Chen."""
        now = self.clock.now()
        line = line or factories.line(last_topup=date(2026, 3, 31), now=now)
        quote = quote_make(line=line, offering=offering or orders.offering(), by=line.holder, now=now)
        order = order_place(quote=quote, by=line.holder, language="it", now=now)
        payment_begin(order=order, provider="cash", now=now)
        return cash_confirm(code=order.code, clerk=factories.clerk(now=now), now=now)

    def look(self) -> int:
        """Let what is due of orders and activations happen, and of nothing else."""
        handlers = [one for one in registered() if one.model in (ProductOrder, Activation)]
        worker = agenda.Worker(handlers, threads=0)
        total = 0
        while stepped := worker.run_once(self.clock.now()):
            total += stepped
        return total

    def after(self, **by: float) -> int:
        self.clock.advance(timedelta(**by))
        return self.look()


@pytest.fixture
def way(clock: FrozenClock, transactional_db: None) -> Iterator[Way]:
    yield Way(clock)
    assert money_balance().balanced
    assert disagreement() == []


def activation(order: ProductOrder) -> Activation:
    order.refresh_from_db()
    return Activation.objects.get(order=order)


def states(order: ProductOrder) -> tuple[str, str]:
    """The order's state and its activation's."""
    found = activation(order)
    return order.state, found.state


def held(minor: int = 500) -> MoneyBalance:
    """Collected, and neither delivered nor given back yet."""
    return MoneyBalance(collected=minor, refunded=0, delivered=0, held=minor)


def delivered(minor: int = 500) -> MoneyBalance:
    return MoneyBalance(collected=minor, refunded=0, delivered=minor, held=0)


def refunds(order: ProductOrder) -> list[tuple[str, int, str]]:
    return list(Refund.objects.filter(attempt__order=order).values_list("state", "amount_minor", "reason"))
