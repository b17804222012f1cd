"""Wallets and the books, counted apart, say the same: a balance is what its movements add up to, and what we owe."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from lineaviva.keeper.books import queries as books
from lineaviva.keeper.books import rules as chart
from lineaviva.keeper.payments.posting import proof
from lineaviva.keeper.wallets.models import Voucher, Wallet
from lineaviva.kernel.money import Money

_MOST_NAMED = 20


@proof
def wallets_disagree() -> Iterator[str]:
    """One sentence for each wallet whose balance is not its movements, or not its account."""
    moved = Wallet.objects.annotate(moved=Coalesce(Sum("movements__amount_minor"), 0)).exclude(moved=F("balance_minor"))
    for user, kept, counted in moved.order_by("user").values_list("user", "balance_minor", "moved")[:_MOST_NAMED]:
        yield f"wallet of user {user} has {Money(kept)}, its movements are {Money(counted)}"
    owed = {name: -minor for name, minor in books.balances().items() if name.startswith(chart.WALLETS)}
    rows = Wallet.objects.exclude(balance_minor=0).values_list("user", "balance_minor")
    held = {chart.wallet(user): minor for user, minor in rows}
    off = [name for name in sorted({*owed, *held}) if owed.get(name, 0) != held.get(name, 0)]
    for name in off[:_MOST_NAMED]:
        yield f"{name} has {Money(held.get(name, 0))}, the books {Money(owed.get(name, 0))}"


@proof
def vouchers_disagree() -> Iterator[str]:
    """What is sold and not redeemed, by the vouchers and by the books."""
    waiting = Voucher.objects.filter(state=Voucher.State.ACTIVE).aggregate(total=Sum("amount_minor", default=0))
    counted, written = Money(int(waiting["total"])), Money(-books.balances().get(chart.VOUCHERS, 0))
    if counted != written:
        yield f"vouchers that wait are worth {counted}, by the books {written}"
