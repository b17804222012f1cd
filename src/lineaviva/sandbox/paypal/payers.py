"""Who pays at the pretend PayPal: the choice on its page decides what happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Payer:
    """`slug` names the choice in the page and picks its words there."""

    slug: str
    declined: bool = False  # approves, and then the money cannot be taken
    pending: bool = False  # approves, and the money takes a while
    lost: bool = False  # approves, and then the payer's connection breaks
    webhook: Literal["", "never", "twice", "late"] = ""
    refund: Literal["COMPLETED", "slow", "FAILED"] = "COMPLETED"
    later: str = ""  # once it is saved and its payer is not there: PayPal's word for why it does not pay


PAYERS = (
    Payer("success"),
    Payer("declined", declined=True),
    Payer("pending", pending=True),
    Payer("slow_refund", refund="slow"),
    Payer("failed_refund", refund="FAILED"),
    Payer("lost", lost=True),
    Payer("webhook_twice", webhook="twice"),
    Payer("webhook_late", webhook="late"),
    Payer("webhook_never", webhook="never"),
)
# Whose account can be saved, by what becomes of it later.
SAVERS = (
    Payer("success"),
    Payer("declined_later", later="INSTRUMENT_DECLINED"),
    Payer("asks_later", later="PAYER_ACTION_REQUIRED"),
    Payer("taken_back", later="AGREEMENT_ALREADY_CANCELLED"),
    Payer("pending", pending=True),
    Payer("lost", lost=True),
)
_BY_SLUG = {payer.slug: payer for payer in (*SAVERS, *PAYERS)}


def payer_called(slug: str) -> Payer | None:
    return _BY_SLUG.get(slug)


def payer_of(slug: str) -> Payer:
    """Who approved an order; the first where nobody has."""
    return _BY_SLUG.get(slug, PAYERS[0])
