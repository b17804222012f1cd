"""Automatic renewal by a clock that is moved, with a pretend card keeper and a pretend operator in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.ports import Request, Result
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.payments.models import SavedMethod
from lineaviva.keeper.payments.ports import (
    Asked,
    Begun,
    Bill,
    Card,
    Charged,
    Hint,
    Movement,
    RefundStatus,
    Return,
    SaveStatus,
    Status,
    Urls,
    Wish,
)
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.renewals.actions import auto_switch_on
from lineaviva.keeper.renewals.models import AutoRenewal, AutoRun
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import ROME, FrozenClock
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders


@dataclass
class Bank:
    """What the pretend bank did and will do. `answers`: what comes of the next charges; afterwards they succeed."""

    charged: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    told: dict[str, Status] = field(default_factory=dict)
    given_back: dict[str, int] = field(default_factory=dict)


BANK = Bank()


class Keeping:
    """Keeps cards and collects, by key once."""

    configured, lifetime, polled, reconciles, with_payment = True, timedelta(minutes=60), True, False, True

    def prepare(self, bill: Bill, card: Card) -> str:
        return ""

    def charge(self, bill: Bill, card: Card, reference: str) -> Charged:
        BANK.asked.append(bill.key)
        if bill.key not in BANK.told:
            reason = BANK.answers.pop(0) if BANK.answers else ""
            BANK.told[bill.key] = Status("failed", reason=reason) if reason else self._paid(bill)
        return Charged(f"pi_{bill.key}", BANK.told[bill.key])

    def _paid(self, bill: Bill) -> Status:
        BANK.charged[bill.key] = bill.amount.minor
        kept = Card("cus", f"pm_{bill.key}", "visa", "1881", date(2034, 12, 31)) if bill.keep else None
        return Status("succeeded", bill.amount, charge_ref=f"ch_{bill.key}", key=bill.key, kept=kept)

    def find(self, key: str, card: Card) -> Charged | None:
        return Charged(f"pi_{key}", BANK.told[key]) if key in BANK.told else None

    def save_begin(self, wish: Wish, urls: Urls) -> Begun:
        return Begun(f"setup_{wish.key}", "http://bank.test/")

    def save_fetch(self, reference: str) -> SaveStatus:
        return SaveStatus("saved", Card("cus", f"pm_{reference}", "visa", "4242", date(2034, 12, 31)))

    save_close = save_fetch

    def kept(self, card: Card) -> bool:
        return True

    def forget(self, card: Card) -> None: ...

    def begin(self, bill: Bill, urls: Urls) -> Begun:
        """The holder's own payment, which succeeds as soon as it is asked about."""
        BANK.told[bill.key] = self._paid(bill)
        return Begun(f"cs_{bill.key}", "http://bank.test/")

    def fetch(self, reference: str) -> Status:
        return BANK.told[reference.partition("_")[2]]

    close = fetch

    def refund(self, back: Return) -> RefundStatus:
        BANK.given_back[back.key] = back.amount.minor
        return RefundStatus("succeeded", f"re_{back.key}")

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        return ()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        raise AssertionError("nothing is told here")


class Operator:
    """Does at once what it is asked for, unless it is to refuse."""

    name, idempotent, per_minute, burst = "pretend", True, 6000.0, 100
    refuses = False

    def serves(self, operator: str) -> bool:
        return True

    def perform(self, request: Request) -> Result:
        if Operator.refuses:
            return Result("failed", reason="no")
        from lineaviva.kernel import clock

        return Result("succeeded", operator_reference=f"op-{request.reference}", done_at=clock.now())

    look = perform


class World:
    """Anna, her TIM line topped up on 31 March 2026 (full service until 31 March 2027), her card, and a clock."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock, self.bank = clock, BANK
        self.anna: User = factories.anna(now=clock.now())
        self.line: Line = factories.line(label="Mamma", now=clock.now())
        self.topup = orders.offering()
        self.card = self.saved("4242")

    def saved(self, last4: str, holder: User | None = None) -> SavedMethod:
        now = self.clock.now()
        return SavedMethod.objects.create(
            holder=holder or self.anna,
            provider="cards",
            state="active",
            key=f"save:{last4}",
            customer_ref="cus",
            method_ref=f"pm_{last4}",
            brand="visa",
            last4=last4,
            words="auto-1",
            consented_at=now,
            expires_at=now,
            saved_at=now,
        )

    def on(self, *, ceiling: int = 1000, lead_days: int = 7, **facts: Any) -> AutoRenewal:
        terms: dict[str, Any] = {"line": self.line, "method": self.card, "by": self.anna, "words": "auto-1", **facts}
        return auto_switch_on(ceiling=Money(ceiling), lead_days=lead_days, now=self.clock.now(), **terms)

    def at(self, month: int, day: int, hour: int = 9, minute: int = 0, year: int = 2027) -> None:
        """It is that hour in Rome, and everything that is due has happened."""
        self.clock.move_to(datetime(year, month, day, hour, minute, tzinfo=ROME))
        self.work()

    def work(self) -> None:
        while agenda.run_due(self.clock.now()):
            pass

    def days(self, first: date, last: date) -> None:
        """Every morning and every evening, with a worker."""
        while first <= last:
            self.at(first.month, first.day, 9, 1, year=first.year)
            self.at(first.month, first.day, 20, year=first.year)
            first += timedelta(days=1)

    def run(self) -> AutoRun:
        return AutoRun.objects.latest("pk")

    def states(self) -> list[tuple[str, str]]:
        return [(run.state, run.reason) for run in AutoRun.objects.order_by("pk")]

    def said(self) -> list[str]:
        """The subjects of what went out about automatic renewal, without the line's name."""
        ours = [one for one in mail.outbox if "automatic renewal" in one.body or "rinnovo automatico" in one.body]
        return [str(one.subject) for one in ours]


@pytest.fixture
def world(clock: FrozenClock, db: None, settings: Any) -> Iterator[World]:

    BANK.__init__()  # type: ignore[misc]
    Operator.refuses = False
    here = "tests.keeper.renewals.conftest"
    settings.PAYMENT_PROVIDERS = settings.SAVING_PROVIDERS = {"cards": f"{here}.Keeping"}
    settings.GATEWAYS = {"pretend": f"{here}.Operator"}
    yield World(clock)
    assert money_balance().balanced
    assert disagreement() == []
    assert agenda.stuck() == []
