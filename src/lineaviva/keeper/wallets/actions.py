"""Writes of wallets. The wallet's row is the lock, taken last: after an order, an attempt, a refund, or a voucher."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.db import transaction

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.keeper.books import rules as chart
from lineaviva.keeper.books.actions import post
from lineaviva.keeper.books.models import Kind as Posted
from lineaviva.keeper.wallets import errors, rules
from lineaviva.keeper.wallets.models import Paid, Wallet, WalletMovement
from lineaviva.kernel.money import Money

Kind = WalletMovement.Kind
# The other side of what staff put into a wallet or take out of it.
ACCOUNTS = {Paid.TILL: chart.TILL, Paid.BANK: chart.BANK, Paid.GIFT: chart.GIVEN_AWAY}


@transaction.atomic
def movement_write(*, user_id: int, key: str, kind: str, amount: Money, now: datetime, **facts: Any) -> WalletMovement:
    """Move a balance; the same key again is the same movement. `facts`: order, voucher, reason, by.

    What it means for the books is posted by the caller, in the same transaction. Raises Conflict: there is not so much
    (wallet_short), or the key stands for something else (wallet_key_used).
    """
    wallet = _locked(user_id, now)
    found = WalletMovement.objects.filter(key=key).first()
    if found is not None:
        if (found.wallet_id, found.kind, found.amount_minor) != (wallet.pk, kind, amount.minor):
            raise errors.key_used()
        return found
    after = wallet.balance_minor + amount.minor
    if after < 0 or amount.currency != wallet.currency:
        raise errors.too_little(Money(wallet.balance_minor, wallet.currency))
    wallet.balance_minor = after
    wallet.save(update_fields=["balance_minor"])
    return WalletMovement.objects.create(
        wallet=wallet, key=key, kind=kind, amount_minor=amount.minor, after_minor=after, at=now, **facts
    )


def _locked(user_id: int, now: datetime) -> Wallet:
    """The person's wallet, locked; made when it is first needed."""
    rows = Wallet.objects.select_for_update()
    return rows.filter(user=user_id).first() or rows.get_or_create(user_id=user_id, defaults={"made_at": now})[0]


def wallet_credit(
    *, user: User, amount: Money, paid: str, reason: str, by: User, now: datetime, key: str = ""
) -> tuple[WalletMovement, bool]:
    """Put money into a wallet that came into the till or the bank, or that is a gift; and whether it was put now.

    Without a `key` the same amount for the same reason is the same credit. Raises NotAllowed (operations only),
    InvalidInput (amount, reason, `paid`) and Conflict (the key stands for something else).
    """
    return _by_staff(Kind.CREDIT, user, amount, paid, reason, by, now, key)


def wallet_debit(
    *, user: User, amount: Money, paid: str, reason: str, by: User, now: datetime, key: str = ""
) -> tuple[WalletMovement, bool]:
    """Take money out of a wallet: it leaves the till or the bank, or a gift is taken back. As `wallet_credit`.

    Raises Conflict (wallet_short), too, where there is not so much.
    """
    return _by_staff(Kind.DEBIT, user, amount, paid, reason, by, now, key)


@transaction.atomic
def _by_staff(
    kind: Literal[Kind.CREDIT, Kind.DEBIT],
    user: User,
    amount: Money,
    paid: str,
    reason: str,
    by: User,
    now: datetime,
    key: str,
) -> tuple[WalletMovement, bool]:
    require_role(by, Role.OPERATIONS)
    reason = " ".join(reason.split())[:200]
    if not 0 < amount.minor <= rules.MOST_MOVED_MINOR or amount.currency != "EUR":
        raise errors.amount_wrong(Money(rules.MOST_MOVED_MINOR))
    if not reason:
        raise errors.reason_missing()
    if paid not in Paid.values:
        raise errors.paid_wrong()
    signed = amount if kind == Kind.CREDIT else -amount
    key = key.strip()
    name = rules.named_key(user.pk, key) if key else rules.credit_key(user.pk, signed.minor, reason)
    _locked(user.pk, now)  # two at once: the other one waits here, and then finds the movement
    before = WalletMovement.objects.filter(key=name).exists()
    movement = movement_write(user_id=user.pk, key=name, kind=kind, amount=signed, now=now, reason=reason, by=by)
    if before:
        return movement, False
    post(
        key=f"wallet:{movement.pk}",
        kind=Posted.CORRECTION,
        entries=chart.moved(signed, debit=ACCOUNTS[Paid(paid)], credit=chart.wallet(user.pk)),
        at=now,
        reference=f"wallet:{user.pk}",
        detail={"reason": reason, "paid": paid, "by": by.pk},
    )
    detail = {"amount": str(amount), "paid": paid, "reason": reason}
    audit(actor=by, act=f"wallet_{kind}", subject=f"user:{user.pk}", detail=detail, now=now)
    return movement, True
