"""Reads of wallets and vouchers."""

from __future__ import annotations

from django.db.models import Count, Q, QuerySet

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.wallets import errors
from lineaviva.keeper.wallets.models import Voucher, VoucherBatch, Wallet, WalletMovement
from lineaviva.kernel.money import Money


def balance_of(user: User) -> Money:
    """What `user` has paid beforehand and may spend."""
    found = Wallet.objects.filter(user=user).values_list("balance_minor", "currency").first()
    return Money(*found) if found else Money(0)


def movements_of(user: User) -> QuerySet[WalletMovement]:
    """Everything that moved the balance of `user`, the newest first."""
    found = WalletMovement.objects.filter(wallet__user=user).select_related("wallet", "order", "voucher", "by")
    return found.order_by("-pk")


def wallets() -> QuerySet[Wallet]:
    return Wallet.objects.select_related("user").order_by("user__email")


def batches() -> QuerySet[VoucherBatch]:
    """Every batch of vouchers with how many are in which state, the newest first."""
    states = {f"n_{state}": Count("vouchers", filter=Q(vouchers__state=state)) for state in Voucher.State.values}
    return VoucherBatch.objects.select_related("made_by").annotate(**states).order_by("-pk")


def batch_by_name(name: str) -> VoucherBatch:
    """NotFound (voucher_batch_unknown)."""
    found = batches().filter(name=" ".join(name.split())).first()
    if found is None:
        raise errors.batch_unknown()
    return found
