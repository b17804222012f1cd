"""The owner pays the operator or aggregator directly, by an account of their own there: no money comes or goes here.

The activation charges that account when it succeeds, and never else; the receipt says how much, where it was told.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments.at_once import NobodyOutside
from lineaviva.keeper.payments.ports import Bill, RefundStatus, Return, Status
from lineaviva.keeper.payments.queries import owner_pays_for
from lineaviva.kernel.errors import NeedsPerson


class AccountProvider(NobodyOutside):
    @property
    def configured(self) -> bool:
        return bool(settings.OWNER_PAYS)

    def take(self, bill: Bill, payer: int, now: datetime) -> Status:
        if not owner_pays_for(User.objects.get(pk=payer)):
            return Status("failed", reason="account_closed", key=bill.key)
        return Status("succeeded", bill.amount, charge_ref=bill.key, key=bill.key)

    def give_back(self, back: Return, payer: int, now: datetime) -> RefundStatus:
        """Where nothing was delivered nothing was charged; what was, only who charged it can give back."""
        if ProductOrder.objects.filter(code=back.order_code, state=OrderState.ACTIVE).exists():
            command = f"lineaviva orders confirm-refund {back.order_code} --clerk E-MAIL"
            what = f"Order {back.order_code} was charged to the owner's own account: ask there for {back.amount} back."
            raise NeedsPerson(f"{what} When it is there, confirm it: {command}")
        return RefundStatus("succeeded", back.key)
