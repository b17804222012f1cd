"""Two payment providers and an operator behind the keeper's own ports, for the model test.

At the next call they do what the world was told: answer, be away, lose the answer, refuse, or see the caller killed;
and somebody else may act while they are asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import Any

from lineaviva.keeper.activation.ports import Request, Result
from lineaviva.keeper.payments.ports import (
    Asked,
    Begun,
    Bill,
    Card,
    Charged,
    DisputeStatus,
    Hint,
    Movement,
    RefundStatus,
    Return,
    SaveStatus,
    Status,
    Urls,
    Wish,
)
from lineaviva.kernel.errors import InvalidInput, Permanent, Temporary
from lineaviva.kernel.money import Money
from tests.keeper.payments.outside import Back, Killed, Payment, Trouble, world

HERE = "http://127.0.0.1:9"


def _told(trouble: Trouble) -> None:
    if trouble in {"killed", "killed_after"}:
        raise Killed
    if trouble:
        raise Temporary("no answer")


def _meanwhile(*, first: bool) -> None:
    act, now = world().meanwhile, world().first == first
    if act is not None and now:
        world().meanwhile = None
        act()


def call(method: Any) -> Any:
    """A call over the network: outside any transaction, and it fails as the world was told."""

    @wraps(method)
    def asked(self: Any, *args: Any) -> Any:
        world().checked()
        trouble, world().trouble = world().trouble, ""
        _meanwhile(first=True)
        if trouble in {"away", "killed"}:
            _told(trouble)
        if trouble == "refused":
            self.refuse(*args)
        answer = method(self, *args)
        _meanwhile(first=False)
        if trouble in {"lost", "killed_after"}:
            _told(trouble)
        return answer

    return asked


class _Provider:
    """What both have in common; the same key is the same payment, and the same refund."""

    configured, polled, reconciles = True, True, True
    lifetime = timedelta(minutes=60)
    name = ""

    def refuse(self, *args: Any) -> None:
        """Only what it has not done yet can be refused."""
        asked = args[0]
        keys = {p.key for p in world().payments} | {key for p in world().payments for key in p.backs}
        if not isinstance(asked, str) and asked.key not in keys:
            raise Permanent("we do not take this", code="refused")

    @call
    def begin(self, bill: Bill, urls: Urls) -> Begun:
        payment = world().find(key=bill.key) or self._open(bill)
        assert payment.amount == bill.amount, "the same key with another amount"
        return Begun(payment.reference, payment.page)

    def _open(self, bill: Bill) -> Payment:
        name = f"{self.name}_{next(world().names)}"
        page = f"{HERE}/pay/{name}"
        keep = bool(bill.keep)
        world().payments.append(Payment(self.name, bill.key, name, bill.amount, bill.expires_at, page=page, keep=keep))
        return world().payments[-1]

    @call
    def refund(self, back: Return) -> RefundStatus:
        payment = world().find(charge=back.charge_ref)
        assert payment is not None, "only what was collected can go back"
        found = payment.backs.get(back.key)
        if found is None:
            if payment.quarrel is not None and payment.quarrel.state != "won":
                raise Permanent("the payer disputes it", code="charge_disputed")
            assert payment.gone + back.amount.minor <= payment.amount.minor, "more goes back than was collected"
            found = Back(back.key, f"re_{next(world().names)}", back.amount, world().refunds)
            payment.backs[back.key] = found
            world().move(payment, -back.amount, Money(0), "refund", found.reference, found.key)
            if found.state == "failed":
                world().back_ends(payment, found, "failed")
        return RefundStatus(found.state, found.reference, "bank_account_closed" if found.state == "failed" else "")

    @call
    def listing(self, day: date, asked: Iterable[Asked]) -> list[Movement]:
        """As Stripe has it: all of a day, whatever was asked."""
        mine = [line for payment, line in world().movements if payment.provider == self.name]
        return [line for line in mine if line.at.astimezone(UTC).date() == day]

    @call
    def dispute(self, reference: str) -> DisputeStatus:
        return world().quarrel_at(reference)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        if headers.get("signed") != "by us":
            raise InvalidInput("This webhook is forged.", code="webhook_refused")
        event = json.loads(body)
        return Hint(event["id"], f"{event['about']}.changed", event["about"], event["reference"])


class Cards(_Provider):
    """Like Stripe: whoever pays on its page is charged there and then, and it can close the page."""

    name = "stripe"

    @call
    def fetch(self, reference: str) -> Status:
        if reference.startswith("save:"):
            return Status("open", key=reference)
        return world().at(reference).status()

    @call
    def close(self, reference: str) -> Status:
        payment = world().at(reference)
        if payment.state == "open":
            payment.state = "expired"
            world().tell(self.name, "payment", reference)
        return payment.status()


class Approvals(_Provider):
    """Like PayPal: the payer approves, and we alone collect it, by asking; what we have closed cannot be collected."""

    name = "paypal"

    @call
    def listing(self, day: date, asked: Iterable[Asked]) -> list[Movement]:
        """It has no list: of each payment that is asked about, what it moved on whatever day."""
        named = {one.reference for one in asked}
        mine = [(payment, line) for payment, line in world().movements if payment.provider == self.name]
        return [line for payment, line in mine if {payment.reference, line.reference} & named]

    @call
    def fetch(self, reference: str) -> Status:
        payment = world().at(reference)
        if payment.state == "approved":
            self._collect(payment)
        return payment.status()

    @call
    def seen(self, reference: str) -> Status:
        return world().at(reference).status()

    def _collect(self, payment: Payment) -> None:
        if world().card == "pays":
            world().pay(payment)
        else:  # the payer may choose another way to pay there
            payment.state, payment.reason = "open", "instrument_declined"

    @call
    def close(self, reference: str) -> Status:
        payment = world().at(reference)
        if payment.state in {"open", "approved"}:
            payment.state, payment.reason = "expired", ""
        return payment.status()


_SAID = {"declines": "card_declined", "asks": "not_confirmed", "expired": "expired_card"}


class SavedCards(_Provider):
    """Keeps cards at Cards, and charges them without their holder."""

    name, with_payment = "stripe", True

    @call
    def save_begin(self, wish: Wish, urls: Urls) -> Begun:
        world().saved.setdefault(wish.key, None)
        return Begun(wish.key, f"{HERE}/save/{wish.key}")

    @call
    def save_fetch(self, reference: str) -> SaveStatus:
        card = world().saved[reference]
        return SaveStatus("saved" if card else "open", card, reference)

    @call
    def save_close(self, reference: str) -> SaveStatus:
        card = world().saved[reference]
        return SaveStatus("saved" if card else "expired", card, reference)

    @call
    def forget(self, card: Card) -> None:
        world().forgotten.add(card.method_ref)

    @call
    def prepare(self, bill: Bill, card: Card) -> str:
        return ""

    @call
    def charge(self, bill: Bill, card: Card, reference: str) -> Charged:
        payment = world().find(key=bill.key)
        if payment is None:
            if card.method_ref in world().forgotten:
                raise Permanent("there is no such card", code="resource_missing")
            payment = self._open(bill)
            payment.card = card.fingerprint
            self._try(payment)
        return Charged(payment.reference, payment.status())

    def _try(self, payment: Payment) -> None:
        if world().card == "pays":
            world().pay(payment)
        elif world().card == "thinks":
            payment.state = "processing"
        else:
            payment.state, payment.reason = "failed", _SAID[world().card]

    @call
    def find(self, key: str, card: Card) -> Charged | None:
        payment = world().find(key=key)
        return payment and Charged(payment.reference, payment.status())


class Operator:
    """Does each reference once, and keeps its refusals under it."""

    name, idempotent, per_minute, burst = "model", True, 6000.0, 1000

    def serves(self, operator: str) -> bool:
        return True

    def perform(self, request: Request) -> Result:
        world().checked()
        trouble, world().trouble = world().trouble, ""
        _meanwhile(first=True)
        if trouble in {"away", "killed"}:
            _told(trouble)
        if trouble == "refused":  # it was lost on its way
            return Result("unknown")
        world().asked.add(request.reference)
        answer = self._decide(request.reference)
        _meanwhile(first=False)
        if trouble == "killed_after":
            raise Killed
        return Result("unknown") if trouble == "lost" or world().operator == "mumbles" else answer

    @call
    def look(self, request: Request) -> Result:
        return self._decide(request.reference)

    def refuse(self, *_args: Any) -> None:
        """A question is not refused."""

    def _decide(self, reference: str) -> Result:
        if reference not in world().asked:
            return Result("not_found")
        if not {reference} & (world().done | world().refused):
            if world().operator == "thinks":
                return Result("pending")
            if world().operator in {"does", "mumbles"}:
                world().done.add(reference)
                world().times.append(reference)
            else:
                world().refused.add(reference)
        if reference in world().done:
            return Result("succeeded", operator_reference=f"OP-{reference}")
        return Result("failed", reason="the number is not ours")
