"""Stripe's own list of what moved money: its balance transactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from lineaviva.keeper.payments.ports import Movement, MovementKind
from lineaviva.keeper.payments.stripe.client import calling, client
from lineaviva.kernel.money import Money

# By Stripe's categories for accounting, which are fewer and steadier than its types.
_KINDS: Mapping[str, MovementKind] = {
    "charge": "charge",
    "charge_failure": "charge",
    "refund": "refund",
    "refund_failure": "refund",
    "partial_capture_reversal": "refund",
    "dispute": "dispute",
    "dispute_reversal": "dispute",
    "fee": "fee",
    "network_cost": "fee",
    "tax": "fee",
    "payout": "payout",
    "payout_reversal": "payout",
}
_A_PAGE = 100


def movements(day: date) -> list[Movement]:
    """What Stripe made on that day in UTC, the oldest first. Raises Temporary and NeedsPerson."""
    begin = int(datetime.combine(day, time.min, UTC).timestamp())
    end = begin + int(timedelta(days=1).total_seconds())
    params: Any = {"created": {"gte": begin, "lt": end}, "limit": _A_PAGE, "expand": ["data.source"]}
    with calling():
        found = list(client().v1.balance_transactions.list(params=params).auto_paging_iter())
    return [movement_of(each.to_dict()) for each in reversed(found)]


def movement_of(line: dict[str, Any]) -> Movement:
    currency = line["currency"].upper()
    source: Any = line.get("source") or ""
    about = source if isinstance(source, dict) else {"id": source}
    return Movement(
        kind=_KINDS.get(line.get("reporting_category") or "", "other"),
        line=line["id"],
        reference=about["id"],
        amount=Money(line["amount"], currency),
        fee=Money(line["fee"], currency),
        at=datetime.fromtimestamp(line["created"], UTC),
        key=(about.get("metadata") or {}).get("key", ""),
    )
