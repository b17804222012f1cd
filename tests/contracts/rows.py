"""What is asked of every way to pay: one table, in which each way answers each row.

A way that a row means nothing for says so in NOT_HERE, with a reason that test_rows.py holds to be true; every other
way is tested by every test of the row. So a way that is added runs everywhere until somebody says why not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from lineaviva.config.wiring import PAYMENT_PROVIDERS
from lineaviva.keeper.payments.ports import AtOnce, DisputeTeller, PaymentProvider
from lineaviva.kernel.errors import LineavivaError
from tests.conftest import NOON

WAYS = tuple(PAYMENT_PROVIDERS)
Test = TypeVar("Test", bound=Callable[..., Any])

ROWS = {
    # Through the keeper's own doors: an order, a way to pay, what is left behind.
    "paid": "the happy way",
    "refused": "whoever holds the money says no, and then yes",
    "confirmation refused": "3-D Secure failed, or what takes its place",
    "confirmation abandoned": "3-D Secure begun and left",
    "abandoned": "begun, never paid, and its time is over",
    "left at once": "begun by a process that was killed, and nobody came back for days",
    "killed before": "killed between the attempt and the money; the agenda goes on",
    "killed while it is written": "killed in the transaction that says it is paid",
    "time-out before": "nobody answers, and nothing was done",
    "time-out after": "it was done, and the answer is lost",
    "down for a day": "paid, and nobody can be asked for a day",
    "webhook doubled": "told twice, and again after the end",
    "webhook disordered": "told the last thing first, before we wrote down where",
    "webhook forged": "told by somebody else",
    "paid twice": "every step of the payer's twice",
    "paid in two ways": "paid, and then begun by another way",
    "asked again": "its state asked for again, long after",
    "not known": "asked for what there is not",
    "another amount": "another amount is handed over than was asked for",
    "another currency": "the right figure in another currency",
    "given back twice": "asked for twice, carried out twice, once given",
    "given back in parts": "each part once",
    "given back too much": "more than was paid, nothing, or another currency",
    "killed while it goes back": "killed in the transaction that says it went back",
    # At the port, where somebody outside is asked over a network.
    "asked over the wire": "begin, fetch, close and refund, each as often as it takes",
    "its own list": "what it says moved on a day",
    "disputes": "the payer takes the money back",
    "its webhooks": "what of a message is believed",
}


@dataclass(frozen=True)
class Reason:
    """Why a row means nothing for a way; `holds` looks whether that is so."""

    why: str
    holds: Callable[[PaymentProvider], bool]


def _takes_no_webhook(port: PaymentProvider) -> bool:
    try:
        port.parse_webhook({}, b"{}", NOON)
    except LineavivaError as refusal:
        return (refusal.code, refusal.status) == ("webhook_unknown", 404)
    return False


def _is_at_once(port: PaymentProvider) -> bool:
    return isinstance(port, AtOnce) and not port.polled


def _is_over_a_counter(port: PaymentProvider) -> bool:
    return not isinstance(port, AtOnce) and not port.polled and not port.reconciles


AT_ONCE = Reason(
    "The money is here already, or never comes here: it is taken in the transaction that begins the payment. There is "
    "no page to stay on and no bank to answer.",
    _is_at_once,
)
OVER_A_COUNTER = Reason(
    "A clerk has the money in hand, or nothing has happened: nobody is asked over a network, and no bank answers.",
    _is_over_a_counter,
)
OUR_OWN_AMOUNT = Reason(
    "Nobody names an amount: what is taken is the attempt's own amount, in the same transaction.", _is_at_once
)
NO_NAMES = Reason("It gives no names of its own that somebody could ask for.", _is_at_once)
NO_SENDER = Reason("Nobody sends messages about it: its door for them answers 404.", _takes_no_webhook)
NO_LIST = Reason("Nobody outside keeps a list: what moved is in our own rows only.", lambda port: not port.reconciles)
NO_DISPUTES = Reason(
    "Nobody outside can take the money back: there is no bank between the payer and us.",
    lambda port: not isinstance(port, DisputeTeller),
)


def _for(reason: Reason, *ways: str) -> dict[str, Reason]:
    return dict.fromkeys(ways, reason)


_AT_ONCE = _for(AT_ONCE, "wallet", "account")
_NOBODY_OUTSIDE = {**_AT_ONCE, **_for(OVER_A_COUNTER, "cash")}
_NO_SENDER = _for(NO_SENDER, "cash", "wallet", "account")

NOT_HERE: dict[str, dict[str, Reason]] = {
    "refused": _for(OVER_A_COUNTER, "cash"),
    "confirmation refused": _NOBODY_OUTSIDE,
    "confirmation abandoned": _NOBODY_OUTSIDE,
    "abandoned": _AT_ONCE,
    "time-out before": _NOBODY_OUTSIDE,
    "time-out after": _NOBODY_OUTSIDE,
    "down for a day": _NOBODY_OUTSIDE,
    "webhook doubled": _NO_SENDER,
    "webhook disordered": _NO_SENDER,
    "webhook forged": _NO_SENDER,
    "not known": _for(NO_NAMES, "wallet", "account"),
    "another amount": _for(OUR_OWN_AMOUNT, "wallet", "account"),
    "another currency": _for(OUR_OWN_AMOUNT, "account"),
    "asked over the wire": _NOBODY_OUTSIDE,
    "its own list": _for(NO_LIST, "cash", "wallet", "account"),
    "disputes": _for(NO_DISPUTES, "cash", "wallet", "account"),
    "its webhooks": _NO_SENDER,
}


def ways(row: str) -> tuple[str, ...]:
    """The ways that a row means something for."""
    return tuple(way for way in WAYS if way not in NOT_HERE.get(row, {}))


def row(name: str) -> Callable[[Test], Test]:
    """A test of this row: it is run for each way that the row means something for, as the fixture `side`."""
    assert name in ROWS, f"there is no row {name!r}"
    mark: Callable[[Test], Test] = pytest.mark.parametrize("side", ways(name), indirect=True)
    return mark
