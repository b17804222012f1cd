"""Paying from a prepaid balance: the debit, and what is paid by it, are written in one transaction."""

from __future__ import annotations

from datetime import datetime

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.at_once import NobodyOutside
from lineaviva.keeper.payments.ports import Bill, RefundStatus, Return, Status
from lineaviva.keeper.wallets.actions import movement_write
from lineaviva.keeper.wallets.models import WalletMovement
from lineaviva.kernel.errors import Conflict
from lineaviva.kernel.money import Money


class WalletProvider(NobodyOutside):
    def take(self, bill: Bill, payer: int, now: datetime) -> Status:
        try:
            self._move(WalletMovement.Kind.PAYMENT, bill.key, -bill.amount, bill.order_code, payer, now)
        except Conflict:
            return Status("failed", reason="wallet_short", key=bill.key)
        return Status("succeeded", bill.amount, charge_ref=bill.key, key=bill.key)

    def give_back(self, back: Return, payer: int, now: datetime) -> RefundStatus:
        self._move(WalletMovement.Kind.REFUND, back.key, back.amount, back.order_code, payer, now)
        return RefundStatus("succeeded", back.key)

    def _move(self, kind: str, key: str, amount: Money, code: str, payer: int, now: datetime) -> None:
        order = ProductOrder.objects.only("pk").get(code=code)
        movement_write(user_id=payer, key=key, kind=kind, amount=amount, now=now, order=order)
