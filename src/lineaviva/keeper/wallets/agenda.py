"""What a batch of vouchers does when it is looked at: what nobody redeemed in time expires."""

from __future__ import annotations

from datetime import datetime

from lineaviva.keeper.wallets.models import VoucherBatch
from lineaviva.keeper.wallets.vouchers import vouchers_expire
from lineaviva.kernel import agenda
from lineaviva.kernel.calendar import end_of


@agenda.handler(VoucherBatch, states=(VoucherBatch.State.OPEN,))
def voucher_batch_look(row: VoucherBatch, now: datetime) -> agenda.Outcome:
    """Somebody may have woken it before its time."""
    if now < end_of(row.expires_on):
        return agenda.again(end_of(row.expires_on))
    vouchers_expire(batch=row, now=now)
    return agenda.settle(lambda _row: agenda.rest())
