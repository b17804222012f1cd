"""A story: real carriers, bank and mailbox as processes, the keeper in this process with a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.core import mail

from lineaviva.cli import running
from lineaviva.cli.demo import free_port
from lineaviva.cli.processes import Group
from lineaviva.keeper.accounts.actions import user_get_or_create
from lineaviva.keeper.catalogue.actions import catalogue_refresh, quote_make
from lineaviva.keeper.catalogue.queries import cheapest_keepalive
from lineaviva.keeper.lines.actions import line_register
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import ROME, FrozenClock
from lineaviva.kernel.errors import Conflict
from lineaviva.sandbox import person
from lineaviva.sandbox.world import CARRIERS, World
from tests import migrated


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Bank, three carriers and mailbox, started once for all stories."""
    group, world = Group(), World(tmp_path_factory.mktemp("world"), free_port())
    migrated.world(world.home)
    running.start_sandbox(group, world)
    try:
        group.wait_until_up()
    except Conflict as conflict:
        logs = sorted(world.home.glob("log/*.log"))
        raise AssertionError("\n".join(f"{path.name}: {path.read_text()}" for path in logs)) from conflict
    yield world
    group.stop()


class Story:
    """What happens in a story, in the words of its people."""

    def __init__(self, world: World, clock: FrozenClock) -> None:
        self.world, self.clock = world, clock
        self.anna = user_get_or_create(email="anna@example.org", language="zh-hans", now=clock.now())

    def at(self, year: int, month: int, day: int, hour: int = 12) -> datetime:
        """Move to an instant in Rome and let everything that is due happen."""
        self.clock.move_to(datetime(year, month, day, hour, tzinfo=ROME))
        self.let_happen()
        return self.clock.now()

    def let_happen(self) -> None:
        agenda.run_due(self.clock.now())

    def after(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.let_happen()

    def every_morning(self, first: date, last: date) -> None:
        """Live through each day from `first` to `last`, with power on, as the worker would see it at ten."""
        day = first
        while day <= last:
            self.at(day.year, day.month, day.day, 10)
            day += timedelta(days=1)

    def line(self, operator: str, last_topup: date, **facts: Any) -> Line:
        number = {"tim": "+393391112233", "vodafone": "+393471112233", "windtre": "+393291112233"}[operator]
        facts = {"msisdn": number, "label": "老家", **facts}
        line = line_register(
            holder=self.anna, by=self.anna, operator=operator, last_topup=last_topup, now=self.clock.now(), **facts
        )
        catalogue_refresh(operator=operator, now=self.clock.now())
        return line

    def order(self, line: Line) -> ProductOrder:
        """Order the smallest act that keeps the line, and begin to pay by card."""
        now = self.clock.now()
        # The bank's clock runs; put it where the story is.
        self.faults("provider", clock_shift_seconds=round((now - datetime.now(UTC)).total_seconds()))
        offer = cheapest_keepalive(line=line, now=now)
        assert offer is not None
        quote = quote_make(line=line, offering=offer.offering, by=self.anna, now=now)
        order = order_place(quote=quote, by=self.anna, language="zh-hans", now=now)
        payment_begin(order=order, provider="stripe", now=now)
        return order

    def pay_and_lose_the_network(self, order: ProductOrder) -> None:
        """Pay with 3-D Secure at the bank; the way back to our page never arrives, since no page is served here."""
        with pytest.raises(httpx.ConnectError):
            person.pay(order.attempts.get(state="open").redirect_url)

    def faults(self, part: str, **knobs: int) -> None:
        url = self.world.provider_url if part == "provider" else self.world.carrier_url(part)
        httpx.post(f"{url}/sandbox/knobs", json=knobs).raise_for_status()

    def credited(self, operator: str) -> list[str]:
        """Our references that this operator has credited, from its own ledger, which must balance."""
        audit = httpx.get(f"{self.world.carrier_url(operator)}/sandbox/audit").json()
        assert audit["balanced"] is True
        return list(audit["references"])

    def bank(self, order: ProductOrder) -> tuple[list[int], list[int]]:
        """Amounts charged and given back for an order, by the bank's own list."""
        found = httpx.get(f"{self.world.provider_url}/sandbox/list").json()
        charges = [item["amount"] for item in found["charges"] if item["order"] == order.code]
        refunds = [item["amount"] for item in found["refunds"] if item["order"] == order.code]
        return charges, refunds

    def mails(self, part: str) -> list[str]:
        """Subjects of the mails sent so far whose text has `part`."""
        return [message.subject for message in mail.outbox if part in str(message.body)]


@pytest.fixture
def story(world: World, clock: FrozenClock, transactional_db: None, settings: Any) -> Iterator[Story]:
    env = world.keeper_env()
    for name in ("STRIPE_API_KEY", "STRIPE_API_BASE", "STRIPE_WEBHOOK_SECRET", "PUBLIC_URL"):
        setattr(settings, name, env[f"LINEAVIVA_{name}"])
    settings.TMF_URLS = {name: world.carrier_url(name) for name in CARRIERS}
    settings.TMF_CLIENTS = {name: tuple(world.client(name).split(":")) for name in CARRIERS}
    yield Story(world, clock)
    money = money_balance()
    assert money.collected == money.refunded + money.delivered + money.held
    assert disagreement() == []
