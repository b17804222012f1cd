"""Pure: which accounts an event moves. Debits raise assets and expenses, credits raise liabilities and income."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount_minor` cents: `debited` account raised on its left side, `credited` on its right."""

    debited: str
    credited: str
    amount_minor: int

    def effect(self, account: str) -> int:
        """What it adds to that account of the line, in cents, as its holder sees it: credit had, debt owed."""
        sign = (self.credited == account) - (self.debited == account)
        return (sign if account == "credit" else -sign) * self.amount_minor


def topup(face_minor: int, discount_minor: int) -> list[Posting]:
    """A reseller sold `face_minor` of credit and owes it to us, less what a promotion of ours took off the price."""
    return _sale("credit", face_minor, discount_minor)


def plan(price_minor: int, discount_minor: int) -> list[Posting]:
    """A reseller sold a plan for `price_minor`: it is paid to the reseller, so the line's own credit is not touched."""
    return _sale("revenue", price_minor, discount_minor)


def debt_payment(credit_minor: int, debt_minor: int) -> list[Posting]:
    """As much of the courtesy debt as the credit covers is taken from it."""
    paid = min(max(credit_minor, 0), debt_minor)
    return [Posting("credit", "courtesy", paid)] if paid else []


def credit_out(amount_minor: int) -> list[Posting]:
    """Residual credit leaves the line: it is owed to its holder (law 40/2007 art. 1, credit is never lost)."""
    return [Posting("credit", "refund", amount_minor)]


def credit_in(amount_minor: int) -> list[Posting]:
    """Residual credit of another line of the holder's arrives."""
    return [Posting("refund", "credit", amount_minor)]


def adjustment(amount_minor: int) -> list[Posting]:
    """Credit given by hand (above zero) or taken back (below)."""
    given = Posting("promotion", "credit", abs(amount_minor))
    return [given if amount_minor > 0 else Posting("credit", "promotion", abs(amount_minor))]


def _sale(credited: str, face_minor: int, discount_minor: int) -> list[Posting]:
    if not 0 <= discount_minor <= face_minor:
        raise ValueError(f"a discount of {discount_minor} on {face_minor}")
    both = [
        Posting("clearing", credited, face_minor - discount_minor),
        Posting("promotion", credited, discount_minor),
    ]
    return [posting for posting in both if posting.amount_minor]
