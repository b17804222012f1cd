"""A card provider that never leaves the process, for tests of what stands around a payment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.ports import Asked, Begun, Bill, Hint, Movement, RefundStatus, Return, Status, Urls
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money
from tests.conftest import NOON
from tests.keeper.orders import factories

# Small, so that a test passes them by a few orders.
LIMITS = """
providers = ["stripe", "paypal"]
[account]
day = "20.00"
week = "30.00"
declined = 2
begun = 8
[number]
declined = 3
[card]
day = "15.00"
week = "25.00"
declined = 2
new_numbers = 2
"""


class Quick:
    configured, polled, reconciles, lifetime = True, True, False, timedelta(hours=1)

    def begin(self, bill: Bill, urls: Urls) -> Begun:
        return Begun(reference=f"cs_{bill.key}", redirect_url=f"http://127.0.0.1:9/pay/{bill.order_code}")

    def fetch(self, reference: str) -> Status:
        return Status("open")

    def close(self, reference: str) -> Status:
        return Status("expired")

    def refund(self, back: Return) -> RefundStatus:
        return RefundStatus("succeeded", f"re_{back.key}")

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterator[Movement]:
        return iter(())

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        raise InvalidInput("It sends none.", code="webhook_refused")


def quick(settings: Any, folder: Path, limits: str = LIMITS) -> None:
    """Cards are Quick, and the figures are `limits`."""
    file = folder / "limits.toml"
    file.write_text(limits, encoding="utf-8")
    ways = {name: "tests.keeper.payments.quick.Quick" for name in ("stripe", "paypal")}
    settings.PAYMENT_PROVIDERS = {**settings.PAYMENT_PROVIDERS, **ways}
    settings.PAYMENT_LIMITS = str(file)


def order(*, line: Line | None = None, by: User | None = None, price: int = 500, now: datetime = NOON) -> ProductOrder:
    return factories.order(line=line, by=by, price=price, now=now)


def begin(placed: ProductOrder, *, way: str = "stripe", now: datetime = NOON, beside: Any = ()) -> PaymentAttempt:
    return payment_begin(order=placed, provider=way, now=now, beside=beside)


def settle(attempt: PaymentAttempt, *, card: str = "card-1", now: datetime = NOON) -> PaymentAttempt:
    """The bank has taken it from this card."""
    money = Money(attempt.amount_minor, attempt.currency)
    status = Status("succeeded", money, f"ch_{attempt.pk}", key=attempt.idempotency_key, card=card)
    return payment_settle(attempt=attempt, status=status, now=now)


def refuse(attempt: PaymentAttempt, reason: str = "card_declined", *, card: str = "", now: datetime = NOON) -> None:
    payment_settle(attempt=attempt, status=Status("failed", reason=reason, card=card), now=now)


def saved(holder: User, *, card_fingerprint: str = "", now: datetime = NOON) -> SavedMethod:
    return SavedMethod.objects.create(
        holder=holder,
        provider="stripe",
        state="active",
        key=f"save:{holder.pk}:{card_fingerprint[:8]}",
        method_ref=f"pm_{holder.pk}",
        words="1",
        consented_at=now,
        expires_at=now,
        card_fingerprint=card_fingerprint,
    )
