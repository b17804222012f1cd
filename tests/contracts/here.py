"""The ways to pay at which nobody outside is asked: cash over the counter, the wallet, the owner's own account."""

from __future__ import annotations

from datetime import datetime

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.books.models import Entry, Kind
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.refunding import refund_confirm
from lineaviva.keeper.till.actions import cash_take
from lineaviva.keeper.wallets.actions import wallet_credit, wallet_debit
from lineaviva.keeper.wallets.models import WalletMovement
from lineaviva.kernel.money import Money
from tests.contracts.sides import Counter

HELD = Money(2000)


class _Here:
    """What is the same for all of them."""

    name = ""
    refusal = ("", "failed")
    mistaken: tuple[str, list[int]] = ("failed", [])

    def ready(self, counter: Counter) -> None:
        """Anna has what she needs."""

    def clock_at(self, now: datetime) -> None:
        """There is one clock."""

    def pay(self, counter: Counter, attempt: PaymentAttempt) -> None:
        """It was paid when it was begun."""

    def refuse(self, counter: Counter, order: ProductOrder) -> PaymentAttempt:
        raise NotImplementedError

    def relent(self, counter: Counter, order: ProductOrder) -> None:
        raise NotImplementedError

    def hand_back(self, counter: Counter, order: ProductOrder) -> None:
        """It is back by itself."""

    def mistake(self, counter: Counter, order: ProductOrder, amount: Money) -> None:
        raise NotImplementedError

    def ask_unknown(self, counter: Counter) -> None:
        raise NotImplementedError


class CashSide(_Here):
    name, mistaken = "cash", ("open", [])

    def pay(self, counter: Counter, attempt: PaymentAttempt) -> None:
        cash_confirm(code=attempt.order.code, clerk=counter.chen, now=counter.now)

    def hand_back(self, counter: Counter, order: ProductOrder) -> None:
        refund_confirm(code=order.code, clerk=counter.chen, now=counter.now)

    def mistake(self, counter: Counter, order: ProductOrder, amount: Money) -> None:
        """Chen is handed something else than the price."""
        counter.begin(order)
        cash_take(code=order.code, clerk=counter.chen, given=amount, now=counter.now)

    def ask_unknown(self, counter: Counter) -> None:
        cash_confirm(code="K2M7F5PW", clerk=counter.chen, now=counter.now)

    def account(self, counter: Counter) -> str:
        return "till:cash"

    def took(self) -> list[int]:
        return _confirmed("cash_confirm")

    def gave(self) -> list[int]:
        return _confirmed("refund_confirm")


def _confirmed(act: str) -> list[int]:
    """What clerks have confirmed, as the audit log has it."""
    amounts = AuditEntry.objects.filter(act=act).values_list("detail__amount", flat=True)
    return sorted(Money.parse(*str(amount).split()).minor for amount in amounts)


class WalletSide(_Here):
    name, refusal = "wallet", ("wallet_short", "failed")

    def ready(self, counter: Counter) -> None:
        self._credit(counter, "before")

    def _credit(self, counter: Counter, reason: str) -> None:
        wallet_credit(user=counter.anna, amount=HELD, paid="bank", reason=reason, by=counter.dora, now=counter.now)

    def refuse(self, counter: Counter, order: ProductOrder) -> PaymentAttempt:
        """There is not enough in it."""
        facts = {"user": counter.anna, "amount": HELD, "paid": "bank", "reason": "back", "by": counter.dora}
        wallet_debit(**facts, now=counter.now)
        return counter.begin(order)

    def relent(self, counter: Counter, order: ProductOrder) -> None:
        self._credit(counter, "after")
        counter.begin(order)

    def mistake(self, counter: Counter, order: ProductOrder, amount: Money) -> None:
        """The order is in another currency than the wallet."""
        ProductOrder.objects.filter(pk=order.pk).update(total_minor=amount.minor, currency=amount.currency)
        order.refresh_from_db()
        counter.begin(order)
        ProductOrder.objects.filter(pk=order.pk).update(total_minor=500, currency="EUR")
        order.refresh_from_db()

    def account(self, counter: Counter) -> str:
        return f"wallet:{counter.anna.pk}"

    def took(self) -> list[int]:
        return [-minor for minor in _moved("payment")]

    def gave(self) -> list[int]:
        return sorted(_moved("refund"))


def _moved(kind: str) -> list[int]:
    return list(WalletMovement.objects.filter(kind=kind).values_list("amount_minor", flat=True))


class AccountSide(_Here):
    name, refusal = "account", ("account_closed", "failed")

    def ready(self, counter: Counter) -> None:
        counter.settings.OWNER_PAYS, counter.settings.OWNER_PAYS_FOR = True, [counter.anna.email]

    def refuse(self, counter: Counter, order: ProductOrder) -> PaymentAttempt:
        """Anna is none of the owner's people."""
        counter.settings.OWNER_PAYS_FOR = []
        return counter.begin(order)

    def relent(self, counter: Counter, order: ProductOrder) -> None:
        counter.settings.OWNER_PAYS_FOR = [counter.anna.email]
        counter.begin(order)

    def hand_back(self, counter: Counter, order: ProductOrder) -> None:
        """What was delivered only a person can get back; what was not was never charged, and nobody has to."""
        order.refresh_from_db()
        if order.state == "active":
            refund_confirm(code=order.code, clerk=counter.chen, now=counter.now)

    def account(self, counter: Counter) -> str:
        return "owner"

    def took(self) -> list[int]:
        """It has no record of its own here: what the books say that the owner owes for orders."""
        return _posted(Kind.PAYMENT, "owner")

    def gave(self) -> list[int]:
        return sorted(-minor for place in ("owner", "till:cash") for minor in _posted(Kind.REFUND, place))


def _posted(kind: str, account: str) -> list[int]:
    return list(Entry.objects.filter(posting__kind=kind, account=account).values_list("amount_minor", flat=True))
