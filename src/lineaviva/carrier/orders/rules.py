"""Pure: what was asked for, and what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Ask:
    """One order as it came in. `amount_minor` is for top-ups only; `body` is shown again as it was."""

    operator: str
    requester: str
    reference: str | None
    kind: Literal["topup", "plan"]
    msisdn: str
    offering_id: str
    amount_minor: int | None = None
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Move:
    """Credit to be corrected (`amount_minor` below zero: taken back), or to be moved to the line `receiver_id`."""

    operator: str
    requester: str
    reference: str | None
    kind: Literal["adjust", "transfer"]
    subscription_id: int
    amount_minor: int
    receiver_id: int | None = None
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` names the fact, `reason` is a sentence for people."""

    code: str
    reason: str


UNKNOWN_LINE = Refusal("line_unknown", "This number is not one of ours.")
NOT_SOLD = {
    "topup": Refusal("amount_not_sold", "There is no top-up of this amount."),
    "plan": Refusal("offering_unknown", "There is no such plan on sale."),
}
