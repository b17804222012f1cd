"""What an attempt may become, when it is looked at, and what a success means for its order."""

from __future__ import annotations

from datetime import datetime, timedelta

# A success that is told late still is money: an attempt that we gave up can come back as paid, and is then given back.
TRANSITIONS: dict[str, frozenset[str]] = {
    "open": frozenset({"succeeded", "failed", "expired"}),
    "failed": frozenset({"succeeded"}),
    "expired": frozenset({"succeeded"}),
    "succeeded": frozenset(),
}

# A process that dies between writing the attempt and reaching the provider leaves it to the agenda after this time,
# which is longer than a call may take.
REACH_GRACE = timedelta(seconds=30)
SOONEST_LOOK = timedelta(seconds=4)
LATEST_LOOK = timedelta(minutes=5)
# After a payment's end the bank may still owe us its answer; it is asked this often, and for so long.
PROCESSING_LOOK = timedelta(hours=1)
PROCESSING_MOST = timedelta(days=7)
REFUND_LOOK = timedelta(minutes=10)
# A dispute takes weeks, and wakes the refund that waits for it.
DISPUTE_LOOK = timedelta(hours=6)
# A webhook may be faster than our own second write; after this time its attempt is not just late.
STRANGER_GRACE = timedelta(minutes=10)
STRANGER_LOOK = timedelta(seconds=15)

# How the reference of a refund begins that a person gave, and of one that the payer has by a dispute. What a person
# gave is cash out of the till, or a transfer.
BY_HAND, BY_DISPUTE = "clerk:", "dispute:"
BY_TRANSFER = f"{BY_HAND}bank:"
# Why an order failed whose card had paid too much.
CARD_LIMIT = "card_limit"
# What a bank says of a card that it will say each time.
BREAKS = frozenset({"expired_card", "card_number_wrong", "card_gone"})

WEBHOOK_MOST_BYTES = 256 * 1024


def moves(state: str, target: str) -> bool:
    """Whether news of `target` changes an attempt in `state`; old news does not."""
    return target in TRANSITIONS[state]


def key(order_code: str, number: int) -> str:
    """Purpose, order and attempt: a repeated call finds the same charge, a new attempt is a new charge."""
    return f"pay:{order_code}:{number}"


def refund_key(attempt_key: str, number: int = 1) -> str:
    """Of each attempt's refunds by number; the first is named as when there was one only."""
    return f"refund:{attempt_key}" if number == 1 else f"refund:{attempt_key}:{number}"


def next_look(*, created_at: datetime, now: datetime, expires_at: datetime) -> datetime:
    """A payer is quick or gone: the wait grows with the attempt's age, a quarter of it, and ends with the attempt."""
    if expires_at <= now:
        return now + SOONEST_LOOK
    return min(now + min(max((now - created_at) / 4, SOONEST_LOOK), LATEST_LOOK), expires_at)


def refund_due(*, order_state: str, surplus: bool) -> bool:
    """Money goes back where nothing was delivered for it: the order failed, was paid twice, or was closed before."""
    return surplus or order_state in {"failed", "refunded"}
