"""What a payment provider must speak. An adapter sees this file and the kernel, never a request and never HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

# open: nothing collected yet. processing: the payer did their part and the bank has not answered. failed and expired:
# nothing was collected and nothing will be. succeeded: the money is ours.
PaymentState = Literal["open", "processing", "succeeded", "failed", "expired"]
RefundState = Literal["pending", "succeeded", "failed"]
# What moves money at a provider; a fee that belongs to a charge is told with it, `fee` alone is one of its own.
MovementKind = Literal["charge", "refund", "fee", "payout", "dispute", "other"]


@dataclass(frozen=True)
class Bill:
    """What is to be collected.

    `key` is ours: sent twice it is one charge, and the provider gives it back with each answer.
    """

    key: str
    order_code: str
    amount: Money
    language: str
    title: str
    detail: str
    email: str
    expires_at: datetime


@dataclass(frozen=True)
class Urls:
    """Where the payer's browser comes back to."""

    success: str
    cancel: str


@dataclass(frozen=True)
class Begun:
    """`reference` is what `fetch` asks about; `redirect_url` the provider's page, empty where there is none."""

    reference: str
    redirect_url: str = ""


@dataclass(frozen=True)
class Status:
    """How a payment stands.

    `reason` is a code of `errors.REASONS`, also for an open payment whose last card was refused.
    """

    state: PaymentState
    amount: Money | None = None
    charge_ref: str = ""
    reason: str = ""
    key: str = ""


@dataclass(frozen=True)
class Return:
    """A charge on its way back, or a part of it (`whole` False). `reference` is the provider's own, once known."""

    key: str
    charge_ref: str
    amount: Money
    order_code: str
    reference: str = ""
    whole: bool = True


@dataclass(frozen=True)
class RefundStatus:
    state: RefundState
    reference: str
    reason: str = ""


@dataclass(frozen=True)
class Hint:
    """A webhook that was really sent by the provider: what it is about, so that it can be fetched again."""

    external_id: str
    kind: str
    about: Literal["payment", "refund", "nothing"]
    reference: str = ""


@dataclass(frozen=True)
class Movement:
    """A line of the provider's own list.

    `amount` is what it did to our money there before the fee: a charge adds, a refund, a dispute and a payout take
    away. `fee` is what the provider kept of it, positive. `reference` is the charge (as `Status.charge_ref`), refund,
    payout or dispute it is about; `key` ours, where the provider knows it; `line` the provider's own name of the line.
    """

    kind: MovementKind
    line: str
    reference: str
    amount: Money
    fee: Money
    at: datetime
    key: str = ""


class PaymentProvider(Protocol):
    """Calls are safe to repeat.

    All raise Temporary, Permanent(code) and NeedsPerson; none raises Unknown, since each can be repeated.
    """

    @property
    def configured(self) -> bool:
        """Whether this installation has what the provider needs."""
        ...

    @property
    def lifetime(self) -> timedelta:
        """How long an attempt may stay open."""
        ...

    @property
    def polled(self) -> bool:
        """Whether `fetch` can tell something new; False where a person's act here is the only news."""
        ...

    @property
    def reconciles(self) -> bool:
        """Whether the provider has a list of its own that `listing` reads."""
        ...

    def begin(self, bill: Bill, urls: Urls) -> Begun:
        """Open the payment at the provider; the same `bill.key` gives the same payment."""
        ...

    def fetch(self, reference: str) -> Status:
        """How it stands now."""
        ...

    def close(self, reference: str) -> Status:
        """Make sure that nothing more is collected, and say how it ended; `processing` where nobody can be sure yet."""
        ...

    def refund(self, back: Return) -> RefundStatus:
        """Give the charge or a part of it back, or say how that stands; the same `back.key` is one refund."""
        ...

    def listing(self, day: date) -> Iterable[Movement]:
        """What moved money there on that day in UTC, the oldest first; nothing where `reconciles` is False."""
        ...

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        """What a webhook is about.

        Header names in small letters. Raises InvalidInput where it is forged, old or broken.
        """
        ...


def provider(name: str) -> PaymentProvider:
    """The adapter that config/wiring.py names. Raises InvalidInput (provider_unknown)."""
    path = settings.PAYMENT_PROVIDERS.get(name)
    if path is None:
        raise InvalidInput(_("There is no such way to pay."), code="provider_unknown", field="provider")
    adapter: PaymentProvider = import_string(path)()
    return adapter


def providers() -> list[str]:
    """The names of the ways to pay that are switched on here."""
    return [name for name in settings.PAYMENT_PROVIDERS if provider(name).configured]
