"""Money that goes back in parts: who may, how much, once; and that the sum goes on agreeing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.orders.actions import order_activate, order_cancel, order_fail
from lineaviva.keeper.payments.actions import payment_begin, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import RefundStatus, Status
from lineaviva.keeper.payments.queries import money_balance, refundable
from lineaviva.keeper.payments.refunding import refund_confirm, refund_request, refund_settle
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotAllowed
from lineaviva.kernel.money import Money
from tests import factories as people
from tests.keeper.orders import factories
from tests.keeper.payments.conftest import balance, state

pytestmark = pytest.mark.django_db
THREE, TWO = Money(300), Money(200)


def dora() -> User:
    return people.holder("dora@example.org", role="operations")


def paid(now: datetime, provider: str = "cash") -> PaymentAttempt:
    """An attempt whose five euro are here, for an order of which nothing is delivered yet."""
    attempt = payment_begin(order=factories.order(now=now), provider=provider, now=now)
    return payment_settle(attempt=attempt, status=Status("succeeded", Money(500), "c"), now=now)


def delivered(now: datetime) -> PaymentAttempt:
    attempt = paid(now)
    order_activate(order=attempt.order, dates_after={}, now=now)
    return attempt


def ask(attempt: PaymentAttempt, now: datetime, amount: Money | None = THREE, **more: Any) -> Refund:
    return refund_request(attempt=attempt, **{"reason": "late", "by": dora(), "now": now, "amount": amount, **more})


def arrive(refund: Refund, now: datetime) -> Refund:
    return refund_settle(refund=refund, status=RefundStatus("succeeded", "r"), now=now)


def test_a_part_goes_back_and_the_order_stays_active(now: datetime) -> None:
    attempt = delivered(now)
    refund = ask(attempt, now)
    assert (refund.number, refund.amount_minor, refund.currency, refund.reason) == (1, 300, "EUR", "late")
    assert (refund.state, refund.requested_by, refund.look_at) == ("requested", dora(), now)
    assert money_balance() == balance(collected=500, delivered=500)
    assert refundable(attempt) == TWO

    arrive(refund, now)
    assert (state(refund), state(attempt.order)) == ("succeeded", "active")
    assert money_balance() == balance(collected=500, refunded=300, delivered=200)
    [entry] = AuditEntry.objects.filter(act="refund_request")
    assert (entry.actor, entry.subject) == (dora(), f"order:{attempt.order.code}")
    assert entry.detail == {"amount": "3.00 EUR", "reason": "late"}


def test_in_parts_until_all_of_it_is_back(now: datetime) -> None:
    attempt = delivered(now)
    first = arrive(ask(attempt, now), now)
    second = arrive(ask(attempt, now, None, reason="the rest"), now)
    assert [(one.number, one.amount_minor) for one in (first, second)] == [(1, 300), (2, 200)]
    assert refundable(attempt) == Money(0)
    assert money_balance() == balance(collected=500, refunded=500)
    with pytest.raises(Conflict) as refusal:
        ask(attempt, now, None, reason="once more")
    assert refusal.value.code == "refund_too_much"
    assert Refund.objects.count() == 2


@pytest.mark.parametrize("amount", [THREE, None], ids=["a part", "all"])
@pytest.mark.parametrize("arrived", [False, True], ids=["on its way", "arrived"])
def test_typed_twice_it_is_given_back_once(now: datetime, amount: Money | None, arrived: bool) -> None:
    attempt = delivered(now)
    refund = ask(attempt, now, amount)
    if arrived:
        arrive(refund, now)
    assert ask(attempt, now, amount, reason=" late\n") == refund
    assert Refund.objects.count() == AuditEntry.objects.filter(act="refund_request").count() == 1


REFUSED: dict[str, tuple[dict[str, Any], type[LineavivaError], str]] = {
    "more than there is": ({"amount": Money(501)}, Conflict, "refund_too_much"),
    "nothing": ({"amount": Money(0)}, InvalidInput, "amount_invalid"),
    "less than nothing": ({"amount": Money(-1)}, InvalidInput, "amount_invalid"),
    "another currency": ({"amount": Money(300, "USD")}, InvalidInput, "amount_invalid"),
    "no reason": ({"reason": " \n"}, InvalidInput, "reason_missing"),
    "nobody asks": ({"by": None}, Conflict, "refund_not_due"),
    "nobody asks for all": ({"by": None, "amount": None}, Conflict, "refund_not_due"),
}


@pytest.mark.parametrize(("asked", "kind", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_given_back(now: datetime, asked: dict[str, Any], kind: type[LineavivaError], code: str) -> None:
    attempt = delivered(now)
    with pytest.raises(kind) as refusal:
        ask(attempt, now, **asked)
    assert refusal.value.code == code
    assert not Refund.objects.exists()
    assert not AuditEntry.objects.filter(act="refund_request").exists()


@pytest.mark.parametrize("role", ["holder", "agent", "clerk"])
def test_who_may_not_give_back(now: datetime, role: str) -> None:
    attempt = delivered(now)
    with pytest.raises(NotAllowed):
        ask(attempt, now, by=people.holder("eve@example.org", role=role))
    assert not Refund.objects.exists()


def test_one_at_a_time(now: datetime) -> None:
    attempt = delivered(now)
    ask(attempt, now)
    with pytest.raises(Conflict) as refusal:
        ask(attempt, now, TWO)
    assert refusal.value.code == "refund_on_its_way"
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.create(attempt=attempt, number=2, amount_minor=200, reason="x", requested_at=now)
    assert Refund.objects.count() == 1


def _failed(attempt: PaymentAttempt, now: datetime) -> None:
    order_fail(order=attempt.order, reason="refused", now=now)


@pytest.mark.parametrize("happens", [lambda attempt, now: None, _failed], ids=["not delivered yet", "refused"])
def test_where_nothing_is_delivered_it_goes_back_by_itself_only(now: datetime, happens: Any) -> None:
    attempt = paid(now)
    happens(attempt, now)
    with pytest.raises(Conflict) as refusal:
        ask(attempt, now)
    assert refusal.value.code == "refund_by_itself"
    assert not Refund.objects.exists()


def test_by_itself_it_is_the_whole_of_it_once(now: datetime) -> None:
    attempt = paid(now)
    _failed(attempt, now)
    refund = refund_request(attempt=attempt, reason="activation_refused", now=now)
    assert (refund.number, refund.amount_minor, refund.requested_by) == (1, 500, None)
    assert refund_request(attempt=attempt, reason="again", now=now) == refund
    arrive(refund, now)
    assert refund_request(attempt=attempt, reason="and again", now=now) == refund
    assert state(attempt.order) == "refunded"
    assert money_balance() == balance(collected=500, refunded=500)


def test_money_that_came_twice_is_not_part_of_what_was_delivered(now: datetime) -> None:
    attempt = payment_begin(order=factories.order(now=now), provider="cash", now=now)
    order_cancel(order=attempt.order, by=None, now=now)
    attempt = payment_settle(attempt=attempt, status=Status("succeeded", Money(500), "c"), now=now)
    with pytest.raises(Conflict) as refusal:
        ask(attempt, now)
    assert refusal.value.code == "refund_by_itself"
    assert Refund.objects.get().requested_by is None


def test_cash_goes_back_over_the_counter_part_by_part(now: datetime) -> None:
    attempt, clerk = delivered(now), people.holder("chen@example.org", role="clerk")
    for number, amount in ((1, THREE), (2, TWO)):
        refund = ask(attempt, now, amount)
        agenda.run_due(now)
        assert f"Give {amount} in cash back" in Refund.objects.get(pk=refund.pk).stuck_reason
        for _ in range(2):
            assert refund_confirm(code=attempt.order.code, clerk=clerk, now=now) == refund
        assert (state(refund), refund.number) == ("succeeded", number)
    assert state(attempt.order) == "active"
    assert money_balance() == balance(collected=500, refunded=500)
    assert AuditEntry.objects.filter(act="refund_confirm").count() == 2
