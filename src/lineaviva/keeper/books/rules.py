"""Pure: the accounts, and which of them a thing that happens moves. A debit is above zero, a credit below.

provider:<name>   what lies at a payment provider          sales:<VAT kind>   what was delivered and paid for
till:<name>       cash                                     fees:<provider>    what providers took
wallet:<user>     what we owe to a prepaid wallet          losses             disputes that were lost
held              paid for and not delivered: we owe it    difference         found by no one's fault yet
bank              paid out to us                           vouchers           sold and not redeemed: we owe it
owner             what the owner paid an operator or       given_away         vouchers and balance that nobody paid for
                  aggregator directly                      breakage           vouchers that expired
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal

from lineaviva.kernel.clock import ROME
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

HELD, BANK, LOSSES, DIFFERENCE = "held", "bank", "losses", "difference"
VOUCHERS, GIVEN_AWAY, BREAKAGE, OWNER = "vouchers", "given_away", "breakage", "owner"
TILL = "till:cash"
SALES, WALLETS = "sales:", "wallet:"
_CHART = re.compile(
    r"(provider|till|wallet|sales|fees):[a-z0-9_.-]{1,30}"
    r"|bank|held|losses|difference|vouchers|given_away|breakage|owner"
)
_MONTH = re.compile(r"(\d{4})-(\d{2})")

Entries = Mapping[str, Money]


def known(account: str) -> bool:
    """Whether the chart has this account."""
    return _CHART.fullmatch(account) is not None


def place(provider: str) -> str:
    """Where money lies that came by this provider."""
    return {"cash": TILL, "account": OWNER}.get(provider, f"provider:{provider}")


def wallet(user_id: int) -> str:
    return f"{WALLETS}{user_id}"


def sales(vat_kind: str) -> str:
    return f"{SALES}{vat_kind}"


def fees(provider: str) -> str:
    return f"fees:{provider}"


def moved(amount: Money, *, debit: str, credit: str) -> Entries:
    """`amount` from one account to another; below zero it goes the other way."""
    return {debit: amount, credit: -amount}


def sums(entries: Entries) -> dict[str, int]:
    """What the entries add up to, in minor units of each currency; all zero where they are right."""
    found: dict[str, int] = defaultdict(int)
    for money in entries.values():
        found[money.currency] += money.minor
    return dict(found)


def vat_contained(gross: Money, rate_percent: Decimal) -> Money:
    """The VAT that is in a price, rounded to the minor unit, half up; of what is taken back as of what was sold."""
    share = Decimal(gross.minor) * rate_percent / (100 + rate_percent)
    return Money(int(share.quantize(Decimal(1), ROUND_HALF_UP)), gross.currency)


# --- periods ------------------------------------------------------------------------------------------------------


def month_read(text: str) -> tuple[datetime, datetime]:
    """The month 2026-11: its first instant in Rome, and that of the next. InvalidInput (month_invalid)."""
    found = _MONTH.fullmatch(text.strip())
    if not found or not (1 <= int(found[2]) <= 12 and 2000 <= int(found[1]) <= 9000):
        raise InvalidInput("A month is written like 2026-11.", code="month_invalid", field="month")
    year, month = int(found[1]), int(found[2])
    return _begins(date(year, month, 1)), _begins(date(year + month // 12, month % 12 + 1, 1))


def year_read(year: int) -> tuple[datetime, datetime]:
    """The year's first instant in Rome, and that of the next. InvalidInput (year_invalid)."""
    if not 2000 <= year <= 9000:
        raise InvalidInput("A year is written like 2026.", code="year_invalid", field="year")
    return _begins(date(year, 1, 1)), _begins(date(year + 1, 1, 1))


def _begins(day: date) -> datetime:
    return datetime.combine(day, time.min, ROME)
