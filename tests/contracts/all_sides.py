"""Every way to pay, and who plays its other side."""

from __future__ import annotations

from typing import Any

from tests.contracts.here import AccountSide, CashSide, WalletSide
from tests.contracts.outside import PayPalSide, StripeSide

SIDES: dict[str, type[Any]] = {
    "stripe": StripeSide,
    "paypal": PayPalSide,
    "cash": CashSide,
    "wallet": WalletSide,
    "account": AccountSide,
}
