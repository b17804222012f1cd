"""What tests of saved cards and of saved PayPal accounts ask and do alike."""

from __future__ import annotations

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments import saving
from lineaviva.keeper.payments.models import PaymentAttempt, SavedMethod
from tests.keeper.payments.conftest import Till


def state_of(method: SavedMethod) -> str:
    method.refresh_from_db()
    return str(method.state)


def charge(till: Till, order: ProductOrder, method: SavedMethod) -> PaymentAttempt:
    return saving.payment_charge(order=order, method=method, now=till.clock.now())


def collected(till: Till) -> list[tuple[str, int]]:
    return [(each["key"], each["amount"]) for each in till.bank.money()["charges"]]
