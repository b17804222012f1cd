"""What a payment provider must speak. An adapter sees this file and the kernel, never a request and never HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop as _

from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

# open: nothing collected yet. processing: the payer did their part and the bank has not answered. failed and expired:
# nothing was collected and nothing will be. succeeded: the money is ours.
PaymentState = Literal["open", "processing", "succeeded", "failed", "expired"]
RefundState = Literal["pending", "succeeded", "failed"]
# open: it wants an answer of ours. under_review: it was answered. won, lost: the payer's bank decided. closed: it came
# to nothing, and no money moved.
DisputeState = Literal["open", "under_review", "won", "lost", "closed"]
SaveState = Literal["open", "saved", "expired"]
# What a webhook is about. capture: money that came without a payment of ours that it could name. method: a saved card.
About = Literal["payment", "refund", "dispute", "capture", "method", "nothing"]
# What moves money at a provider; a fee that belongs to a charge is told with it, `fee` alone is one of its own.
MovementKind = Literal["charge", "refund", "fee", "payout", "dispute", "other"]


@dataclass(frozen=True)
class Bill:
    """What is to be collected.

    `key` is ours: sent twice it is one charge, and the provider gives it back with each answer. `keep`: the payer wants
    the card kept, so that it can be charged without them later.
    """

    key: str
    order_code: str
    amount: Money
    language: str
    title: str
    detail: str
    email: str
    expires_at: datetime
    keep: bool = False


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

    `reason` is a code of `errors.REASONS`, also for an open payment whose last card was refused. `card` is what the
    provider tells that card, or its payer's account, apart by: the same in all their payments, and no number of theirs.
    `kept` is the card that paid, where `Bill.keep` asked for it.
    """

    state: PaymentState
    amount: Money | None = None
    charge_ref: str = ""
    reason: str = ""
    key: str = ""
    card: str = ""
    kept: Card | None = None


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
    about: About
    reference: str = ""


@dataclass(frozen=True)
class Movement:
    """A line of the provider's own list.

    `amount` is what it did to our money there before the fee: a charge adds, a refund, a dispute and a payout take
    away. `fee` is what the provider kept of it, positive. `reference` is the charge (as `Status.charge_ref`), refund,
    payout or dispute it is about; `key` ours, where the provider knows it, and of a refund that was not asked for here
    that of its charge; `line` the provider's own name of the line.
    """

    kind: MovementKind
    line: str
    reference: str
    amount: Money
    fee: Money
    at: datetime
    key: str = ""


@dataclass(frozen=True)
class Asked:
    """What a provider without a list of its own is asked about again: `reference` as in a `Hint` about the same."""

    about: About
    reference: str


@dataclass(frozen=True)
class DisputeStatus:
    """How a dispute stands: a payer's bank, or PayPal for its payer, may take a charge back, or a part of it.

    `charge_ref` and `key` are the charge's, as in `Status`; `movements` what it has moved so far. `answer_by` is until
    when our side is heard, None where nobody waits for us.
    """

    reference: str
    charge_ref: str
    amount: Money
    state: DisputeState
    reason: str
    opened_at: datetime
    key: str = ""
    answer_by: datetime | None = None
    movements: tuple[Movement, ...] = ()


@dataclass(frozen=True)
class Wish:
    """Somebody wants to keep a card for later. `key` is ours: sent twice it is one page, and comes back with it."""

    key: str
    email: str
    language: str
    title: str
    expires_at: datetime


@dataclass(frozen=True)
class Card:
    """A saved card as its provider calls it, and what a person knows it by. `expires_on` is its last good day.
    `fingerprint` is as `Status.card`.

    What is no card has no `last4`, and maybe a `label`: a payer's address at PayPal, most of it hidden.
    """

    customer_ref: str
    method_ref: str
    brand: str = ""
    last4: str = ""
    expires_on: date | None = None
    label: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class SaveStatus:
    """How the page stands on which a card is saved; `card` where it is saved."""

    state: SaveState
    card: Card | None = None
    key: str = ""


@dataclass(frozen=True)
class Charged:
    """A charge of a saved card: `reference` is what `fetch` asks about."""

    reference: str
    status: Status


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

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        """What moved money there on that day in UTC, the oldest first; nothing where `reconciles` is False.

        A provider that has no list which could be read tells what moved of `asked`, on whatever day.
        """
        ...

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        """What a webhook is about.

        Header names in small letters. Raises InvalidInput where it is forged, old or broken.
        """
        ...


@runtime_checkable
class Looker(Protocol):
    """What a PaymentProvider speaks, too, whose `fetch` collects what the payer has approved."""

    def seen(self, reference: str) -> Status:
        """How it stands, and nothing is collected: of what may be another program's, or is given up here."""
        ...


@runtime_checkable
class DisputeTeller(Protocol):
    """What a PaymentProvider speaks, too, where payers can have their money taken back."""

    def dispute(self, reference: str) -> DisputeStatus:
        """How a dispute stands now. Raises Temporary, Permanent and NeedsPerson."""
        ...


class SavingProvider(Protocol):
    """Keeps cards and charges them without their holder. No card's number ever comes here.

    Calls are safe to repeat, and raise what PaymentProvider's raise. What is charged is asked about, closed and given
    back by the PaymentProvider of the same name.
    """

    @property
    def configured(self) -> bool: ...

    @property
    def lifetime(self) -> timedelta:
        """How long the page stays open on which a card is saved."""
        ...

    @property
    def with_payment(self) -> bool:
        """Whether the PaymentProvider of the same name keeps a card with a payment, too (`Bill.keep`)."""
        ...

    def save_begin(self, wish: Wish, urls: Urls) -> Begun:
        """Open the page on which a card is saved; nothing is charged."""
        ...

    def save_fetch(self, reference: str) -> SaveStatus:
        """How that page stands."""
        ...

    def save_close(self, reference: str) -> SaveStatus:
        """Make sure that nothing more is saved there, and say how it ended."""
        ...

    def kept(self, card: Card) -> bool:
        """Whether the card is still there, as far as its provider knows; asked where a webhook says that it is not."""
        ...

    def forget(self, card: Card) -> None:
        """See to it that the card is never charged again; quiet where it is forgotten already."""
        ...

    def prepare(self, bill: Bill, card: Card) -> str:
        """The reference by which the charge will be found, before any money moves; the same key gives the same.

        Empty where the provider makes one with the charge only, and finds that by its key for as long as is needed.
        """
        ...

    def charge(self, bill: Bill, card: Card, reference: str) -> Charged:
        """Collect now, without the holder; the same `bill.key` is one charge. `reference` is what `prepare` gave.

        Failed with `not_confirmed` where the bank asks for the holder. Permanent: the card is not there any more.
        """
        ...

    def find(self, key: str, card: Card) -> Charged | None:
        """What came of a charge whose answer was lost for good; None: it never arrived. Nothing is charged by it."""
        ...


@runtime_checkable
class AtOnce(Protocol):
    """What a PaymentProvider speaks, too, whose money is here already, or never comes here: nobody outside is asked.

    Both are called inside the transaction that settles the attempt or the refund, with the order locked: they write
    rows of ours or nothing. `payer` is the id of who placed the order. The same key moves money once.
    """

    def take(self, bill: Bill, payer: int, now: datetime) -> Status:
        """Collect it here and now: succeeded, or failed with a reason."""
        ...

    def give_back(self, back: Return, payer: int, now: datetime) -> RefundStatus:
        """Give it back here and now."""
        ...


def saving(name: str) -> SavingProvider:
    """The adapter that keeps cards at this provider. Raises InvalidInput (provider_unknown)."""
    path = settings.SAVING_PROVIDERS.get(name)
    if path is None:
        raise InvalidInput(_("There is no such way to pay."), code="provider_unknown", field="provider")
    adapter: SavingProvider = import_string(path)()
    return adapter


def disputing(name: str) -> DisputeTeller | None:
    """The adapter of this provider where it tells of disputes; None where nobody can take money back there."""
    adapter = provider(name)
    return adapter if isinstance(adapter, DisputeTeller) else None


def savers() -> list[str]:
    """The names of the providers that keep cards and are switched on here."""
    return [name for name in settings.SAVING_PROVIDERS if saving(name).configured]


def keepers() -> list[str]:
    """Those of `savers` that keep a card with a payment."""
    return [name for name in savers() if getattr(saving(name), "with_payment", False)]


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
