"""Pure decisions of the pages: which verb a line's button carries, how an order's steps stand, when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

Verb = Literal["renew", "pay", "pay_in_shop", "install", "see_order", "ask", "add_date", "look"]
Tone = Literal["live", "warn", "off", "lost", "unknown"]

SOON = timedelta(days=30)

_TONES: dict[str, Tone] = {
    "full_service": "live",
    "receive_only": "warn",
    "off_recoverable": "off",
    "lost": "lost",
    "unknown": "unknown",
}
_ICONS = {
    "full_service": "live",
    "receive_only": "receive",
    "off_recoverable": "off",
    "lost": "lost",
    "unknown": "unknown",
}


def tone(state: str) -> Tone:
    """The colour family of a line's state; the word and the icon say the same."""
    return _TONES.get(state, "unknown")


def icon_of(state: str) -> str:
    return _ICONS.get(state, "unknown")


def urgency(state: str, days_left: int | None) -> Tone:
    """The colour of the days that are left: a line that is active but ends soon already warns."""
    if state == "full_service" and days_left is not None and days_left <= SOON.days:
        return "warn" if days_left > 7 else "off"
    return tone(state)


def verb(
    *,
    state: str,
    may_pay: bool,
    order_state: str | None,
    open_provider: str | None,
    profile: bool = False,
    unsure: bool = False,
) -> Verb:
    """The one thing to do for a line now.

    `order_state` is that of an order on its way (placed or paid), `open_provider` of its open payment. `profile`: an
    eSIM lies ready for the reader's phone; a renewal may wait for it. `unsure`: the open payment may have been made.
    """
    if order_state == "placed" and unsure:
        return "see_order"
    if order_state == "placed":
        return "pay_in_shop" if open_provider == "cash" else "pay"
    if profile:
        return "install"
    if order_state == "paid":
        return "see_order"
    if not may_pay:
        return "look"
    if state == "unknown":
        return "add_date"
    return "ask" if state in {"lost", "off_recoverable"} else "renew"


def worst_first(*, state: str, next_on: date | None) -> tuple[int, date]:
    """Sorts lines by their next date; among those without one, unknown lines come before lost ones."""
    if next_on is not None:
        return (0, next_on)
    return (1 if state == "unknown" else 2, date.max)


# --- the order page -----------------------------------------------------------------------------------------------

StepState = Literal["done", "now", "todo", "failed", "unknown"]


@dataclass(frozen=True)
class OrderFacts:
    """What the order page needs to know of an order, its payment, its activation and its receipt."""

    state: str
    placed_at: datetime
    paid_at: datetime | None = None
    sent_at: datetime | None = None
    active_at: datetime | None = None
    closed_at: datetime | None = None
    activation: str | None = None
    stuck: bool = False
    attempt: str | None = None
    provider: str | None = None
    receipt: bool = False
    # State of the eSIM profile that comes with it; "" where none does.
    profile: str = ""
    # Whether the payment page was opened at the provider, and whether nobody can say if it has been paid.
    reached: bool = True
    in_vain: bool = False


@dataclass(frozen=True)
class Step:
    name: Literal["placed", "paid", "sent", "active", "refund"]
    state: StepState
    at: datetime | None = None


def steps(facts: OrderFacts) -> list[Step]:
    """The order's way as steps with times. A refused one ends with the way of the money back."""
    way = [
        Step("placed", "done", facts.placed_at),
        Step("paid", _paid(facts), facts.paid_at),
        Step("sent", _sent(facts), facts.sent_at if facts.paid_at else None),
    ]
    if facts.state in {"failed", "refunded"}:
        given_back = facts.state == "refunded"
        return [*way, Step("refund", "done" if given_back else "now", facts.closed_at if given_back else None)]
    return [*way, Step("active", _active(facts), facts.active_at)]


def _paid(facts: OrderFacts) -> StepState:
    if facts.paid_at:
        return "done"
    return "now" if facts.state == "placed" else "failed"


def _sent(facts: OrderFacts) -> StepState:
    if facts.state in {"failed", "refunded"}:
        return "failed"
    if facts.state == "active" or facts.activation == "succeeded":
        return "done"
    if facts.activation == "unknown":
        return "unknown"
    return "now" if facts.state == "paid" else "todo"


def _active(facts: OrderFacts) -> StepState:
    if facts.state == "active":
        return "done"
    return "now" if facts.activation == "succeeded" else "todo"


def is_moving(facts: OrderFacts) -> bool:
    """Whether the page should look again by itself: nothing that a person must do first, and no end reached."""
    if facts.state in {"placed", "cancelled", "expired"}:
        return facts.attempt == "open"
    if facts.state == "active":
        return not facts.receipt
    return facts.state in {"paid", "failed"}


# none: no bank is asked. not_asked: there is no payment page yet, so that nobody can have paid. waiting: the bank says
# that nothing has been paid so far. unknown: it does not say. closed: nothing was taken and nothing will be.
BankAnswer = Literal["none", "not_asked", "waiting", "unknown", "closed", "paid"]


def bank_answer(facts: OrderFacts) -> BankAnswer:
    """What is known of a payment that is not made in a shop."""
    if facts.provider in {None, "cash", "wallet", "account"}:
        return "none"
    if facts.paid_at:
        return "paid"
    if facts.attempt != "open":
        return "closed"
    if not facts.reached:
        return "not_asked"
    return "unknown" if facts.in_vain else "waiting"


def next_look(facts: OrderFacts, looks: int) -> int | None:
    """Seconds until the page asks again after `looks` answers that told nothing new; None: not by itself any more.

    Every 2 s at first, then longer and longer: a lost answer can take a day, and a shop is paid within two.
    """
    if not is_moving(facts) or looks >= 120:
        return None
    slow = facts.provider == "cash" and facts.state == "placed"
    if looks < 15 and not slow:
        return 2
    return min(60, int(5 * 1.3 ** min(looks if slow else looks - 15, 12)))


def version(facts: OrderFacts) -> str:
    """Changes when the page would: a browser that has seen it is sent nothing."""
    marks = f"{int(facts.stuck)}{int(facts.receipt)}"
    bank = bank_answer(facts)
    asked = f".{bank}" if bank in {"not_asked", "unknown"} else ""
    return f"{facts.state}.{facts.attempt or ''}.{facts.activation or ''}.{marks}{facts.profile}{asked}"
