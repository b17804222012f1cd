"""Pure: which accounts an event moves. Debits raise assets and expenses, credits raise liabilities and income."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount_minor` cents: `debited` account raised on its left side, `credited` on its right."""

    debited: str
    credited: str
    amount_minor: int


def topup(face_minor: int, discount_minor: int) -> list[Posting]:
    """A reseller sold `face_minor` of credit and owes it to us, less what a promotion of ours took off the price."""
    return _sale("credit", face_minor, discount_minor)


def plan(price_minor: int, discount_minor: int) -> list[Posting]:
    """A reseller sold a plan for `price_minor`: it is paid to the reseller, so the line's own credit is not touched."""
    return _sale("revenue", price_minor, discount_minor)


def _sale(credited: str, face_minor: int, discount_minor: int) -> list[Posting]:
    if not 0 <= discount_minor <= face_minor:
        raise ValueError(f"a discount of {discount_minor} on {face_minor}")
    both = [
        Posting("clearing", credited, face_minor - discount_minor),
        Posting("promotion", credited, discount_minor),
    ]
    return [posting for posting in both if posting.amount_minor]
