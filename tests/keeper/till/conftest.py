"""A shop's counter without its customers: orders that wait for cash, and what clerks do with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import Model

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.activation.actions import activation_begin, activation_succeed
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.books.models import Posting
from lineaviva.keeper.books.queries import balances
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.till.actions import cash_return, cash_take, till_close, till_open
from lineaviva.keeper.till.models import Cancellation, CashTaken, TillDay
from lineaviva.keeper.till.queries import open_day
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders
from tests.keeper.together import together

# For tests in which several things happen at once: what they see must be committed.
busy = pytest.mark.django_db(transaction=True)


class Counter:
    """What happens at the counter, in the words of its people; amounts are cents."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.chen: User = factories.clerk()
        self.fei: User = factories.clerk("fei@example.org")
        self.dora: User = factories.holder("dora@example.org", role="operations")

    def order(self, price: int = 500) -> ProductOrder:
        order = orders.order(price=price, now=self.clock.now())
        payment_begin(order=order, provider="cash", now=self.clock.now())
        return order

    def take(self, order: ProductOrder, given: int | None = None, by: User | None = None) -> ProductOrder:
        handed = None if given is None else Money(given)
        return cash_take(code=order.code, clerk=by or self.chen, given=handed, now=self.clock.now())

    def taken(self, price: int = 500) -> ProductOrder:
        return self.take(self.order(price))

    def give_back(self, order: ProductOrder, by: User | None = None) -> Refund:
        return cash_return(code=order.code, clerk=by or self.chen, now=self.clock.now())

    def activate(self, order: ProductOrder) -> ProductOrder:
        activation = activation_begin(order=order, now=self.clock.now())
        assert activation is not None
        done = Result("succeeded", operator_reference="T")
        activation_succeed(activation=activation, result=done, now=self.clock.now())
        order.refresh_from_db()
        return order

    def open(self, cash: int, brought: int = 0, reason: str = "", by: User | None = None) -> TillDay:
        amounts = {"cash": Money(cash), "brought": Money(brought)}
        return till_open(by=by or self.chen, reason=reason, now=self.clock.now(), **amounts)

    def close(self, counted: int, banked: int = 0, day: TillDay | None = None, **facts: Any) -> TillDay:
        day = day or open_day()
        assert day is not None
        amounts = {"counted": Money(counted), "banked": Money(banked)}
        return till_close(**{"day": day, "by": self.chen, "now": self.clock.now(), **amounts, **facts})


def everything() -> list[list[dict[str, Any]]]:
    """All that a refusal must leave as it was."""
    models: tuple[type[Model], ...] = (
        TillDay,
        CashTaken,
        Cancellation,
        ProductOrder,
        PaymentAttempt,
        Refund,
        Posting,
        AuditEntry,
    )
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """What each of these acts gave, or its refusal, in the order in which they ended."""
    waiting = list(acts)
    return together(len(acts), lambda: waiting.pop()())


def till() -> int:
    """What the books say is in the till, in cents."""
    return balances().get("till:cash", 0)


@pytest.fixture
def counter(clock: FrozenClock, db: None) -> Iterator[Counter]:
    """At noon; when the test is over the books agree with everything else."""
    yield Counter(clock)
    assert disagreement() == []
    assert sum(balances().values()) == 0
    closed = TillDay.objects.order_by("-opened_at", "-pk").exclude(closed_at=None).first()
    if closed is not None and not Posting.objects.filter(at__gt=closed.closed_at).exists() and open_day() is None:
        assert till() == closed.left.minor
