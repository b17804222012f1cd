"""The outside of the model test: what two payment providers, their payers' banks and an operator really did.

It is the truth with which the keeper's rows are compared; `pretenders` speaks for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from typing import Any, Literal

from lineaviva.keeper.payments.ports import Card, DisputeState, DisputeStatus, Movement, Status
from lineaviva.kernel import clock
from lineaviva.kernel.errors import Permanent
from lineaviva.kernel.money import Money

Trouble = Literal["", "away", "lost", "refused", "killed", "killed_after"]
FEE = Money(33)


class Killed(BaseException):
    """What a process that is killed with -9 does not live to handle."""


@dataclass
class Back:
    """A refund at a provider."""

    key: str
    reference: str
    amount: Money
    state: Literal["pending", "succeeded", "failed"]


@dataclass
class Quarrel:
    """A dispute: the payer's bank took the money back, and keeps it unless we win."""

    reference: str
    amount: Money
    at: datetime
    state: DisputeState = "open"
    movements: list[Movement] = field(default_factory=list)


@dataclass
class Payment:
    """One payment as its provider has it. `approved`: the payer said yes, and we have not collected it yet."""

    provider: str
    key: str
    reference: str
    amount: Money
    expires_at: datetime
    state: Literal["open", "approved", "processing", "succeeded", "failed", "expired"] = "open"
    reason: str = ""
    charge: str = ""
    page: str = ""
    card: str = ""  # by what it is told apart
    keep: bool = False
    backs: dict[str, Back] = field(default_factory=dict)
    quarrel: Quarrel | None = None

    @property
    def gone(self) -> int:
        """Minor units that went back, or are on their way."""
        return sum(one.amount.minor for one in self.backs.values() if one.state != "failed")

    @property
    def paid(self) -> bool:
        return self.state == "succeeded"

    def status(self) -> Status:
        if self.paid:
            kept = a_card(self.key, self.card) if self.keep else None
            return Status("succeeded", self.amount, self.charge, key=self.key, card=self.card, kept=kept)
        return Status("open" if self.state == "approved" else self.state, reason=self.reason, key=self.key)


def a_card(name: str, fingerprint: str) -> Card:
    """A card that is saved under this name."""
    return Card(f"cus_{name}", f"pm_{name}", "visa", "4242", date(2034, 12, 31), fingerprint=fingerprint)


@dataclass
class World:
    """Everything outside, and what it is told to do next."""

    trouble: Trouble = ""
    meanwhile: Callable[[], None] | None = None
    first: bool = True  # whether `meanwhile` comes before the work of the call, or after it
    card: str = "pays"  # what the bank says to a saved card, and PayPal to what was approved
    refunds: Literal["succeeded", "pending", "failed"] = "succeeded"
    operator: Literal["does", "refuses", "thinks", "mumbles"] = "does"  # mumbles: it does, and its answer is lost
    checked: Callable[[], None] = lambda: None  # called at each call
    payments: list[Payment] = field(default_factory=list)
    saved: dict[str, Card | None] = field(default_factory=dict)  # pages by key
    forgotten: set[str] = field(default_factory=set)
    movements: list[tuple[Payment, Movement]] = field(default_factory=list)
    events: list[tuple[str, bytes]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)  # what reached the operator
    done: set[str] = field(default_factory=set)
    times: list[str] = field(default_factory=list)  # each time that it was carried out
    refused: set[str] = field(default_factory=set)
    names: Any = field(default_factory=lambda: count(1))

    def find(self, **facts: str) -> Payment | None:
        """The payment with these."""
        return next((p for p in self.payments if all(getattr(p, name) == value for name, value in facts.items())), None)

    def at(self, reference: str) -> Payment:
        found = self.find(reference=reference)
        if found is None:
            raise Permanent("there is no such payment", code="resource_missing")
        return found

    def pay(self, payment: Payment) -> None:
        """The bank has taken it from the payer."""
        payment.state, payment.charge, payment.reason = "succeeded", f"ch_{next(self.names)}", ""
        self.move(payment, payment.amount, FEE, "charge", payment.charge, payment.key)
        self.tell(payment.provider, "payment", payment.reference)

    def move(self, payment: Payment, amount: Money, fee: Money, kind: Any, reference: str, key: str) -> Movement:
        line = Movement(kind, f"txn_{next(self.names)}", reference, amount, fee, clock.now(), key)
        self.movements.append((payment, line))
        return line

    def back_ends(self, payment: Payment, back: Back, state: Literal["succeeded", "failed"]) -> None:
        """A refund that was on its way arrives, or comes back."""
        back.state = state
        if state == "failed":
            self.move(payment, back.amount, Money(0), "refund", back.reference, back.key)
        self.tell(payment.provider, "refund", back.reference)

    def quarrel(self, payment: Payment) -> None:
        """The payer tells their bank that it was not them: what did not go back yet is taken from us."""
        amount = payment.amount - Money(payment.gone)
        payment.quarrel = Quarrel(f"dp_{next(self.names)}", amount, clock.now())
        self._take(payment, payment.quarrel, -amount)

    def quarrel_ends(self, payment: Payment, state: Literal["won", "lost"]) -> None:
        assert payment.quarrel is not None
        payment.quarrel.state = state
        self._take(payment, payment.quarrel, payment.quarrel.amount if state == "won" else Money(0))

    def _take(self, payment: Payment, quarrel: Quarrel, amount: Money) -> None:
        if amount.minor:
            line = self.move(payment, amount, Money(0), "dispute", quarrel.reference, payment.key)
            quarrel.movements.append(line)
        self.tell(payment.provider, "dispute", quarrel.reference)

    def quarrel_at(self, reference: str) -> DisputeStatus:
        payment = next((one for one in self.payments if one.quarrel and one.quarrel.reference == reference), None)
        if payment is None or payment.quarrel is None:
            raise Permanent("there is no such dispute", code="resource_missing")
        found = payment.quarrel
        moved = tuple(found.movements)
        facts = (found.reference, payment.charge, found.amount, found.state, "fraudulent", found.at, payment.key)
        return DisputeStatus(*facts, movements=moved)

    def tell(self, provider: str, about: str, reference: str) -> None:
        """A webhook that may come now, later, twice, before an earlier one, or never."""
        event = {"id": f"evt_{next(self.names)}", "about": about, "reference": reference}
        self.events.append((provider, json.dumps(event).encode()))

    def time_passes(self) -> None:
        """Pages whose time is over close by themselves."""
        for payment in self.payments:
            if payment.provider == "stripe" and payment.state == "open" and payment.expires_at <= clock.now():
                payment.state = "expired"
                self.tell("stripe", "payment", payment.reference)


WORLD = World()


def begin_anew() -> World:
    """Another world, of which nothing is known yet."""
    global WORLD
    WORLD = World()
    return WORLD


def world() -> World:
    """The one that is there now."""
    return WORLD
