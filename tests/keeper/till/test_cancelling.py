"""Cash that is called off: asked by one, agreed to by another, and only before the operator hears of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.activation.actions import (
    activation_begin,
    activation_fail,
    activation_sending,
    activation_unsent,
    order_call_off,
)
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.queries import MoneyBalance, money_balance
from lineaviva.keeper.till import queries
from lineaviva.keeper.till.cancelling import cancellation_ask, cancellation_consent, cancellation_end
from lineaviva.keeper.till.models import Cancellation
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotAllowed, NotFound
from tests import factories
from tests.keeper.orders import factories as orders
from tests.keeper.till.conftest import Counter, at_once, busy, everything, till
from tests.keeper.together import together


def ask(counter: Counter, order: ProductOrder, by: User | None = None, reason: str = "wrong order") -> Cancellation:
    return cancellation_ask(code=order.code, by=by or counter.chen, reason=reason, now=counter.clock.now())


def consent(counter: Counter, row: Cancellation, by: User | None = None) -> Cancellation:
    return cancellation_consent(pk=row.pk, by=by or counter.dora, now=counter.clock.now())


def end(counter: Counter, row: Cancellation, by: User | None = None) -> Cancellation:
    return cancellation_end(pk=row.pk, by=by or counter.dora, now=counter.clock.now())


def acts() -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(act__startswith="cancellation").order_by("pk")
    return list(found.values_list("act", "actor__email"))


def begin(counter: Counter, order: ProductOrder) -> Activation:
    activation = activation_begin(order=order, now=counter.clock.now())
    assert activation is not None
    return activation


def test_one_asks_another_agrees_and_the_cash_goes_back(counter: Counter) -> None:
    counter.open(1000)
    order = counter.taken()
    row = ask(counter, order, reason="  took it for\nthe wrong order ")
    assert (row.state, row.asked_by, row.reason, row.attempt) == (
        *("asked", counter.chen, "took it for the wrong order"),
        order.attempts.get(),
    )
    order.refresh_from_db()
    assert (order.state, Refund.objects.count(), till()) == ("paid", 0, 1500)
    assert list(queries.cancellations_asked()) == [row]

    row = consent(counter, row)
    assert (row.state, row.consented_by, row.decided_at) == ("consented", counter.dora, counter.clock.now())
    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (order.state, order.reason) == ("failed", "cash_cancelled")
    assert (refund.state, refund.reason, refund.amount_minor) == ("requested", "cash_cancelled", 500)
    assert money_balance() == MoneyBalance(collected=500, refunded=0, delivered=0, held=500)

    counter.give_back(order)
    order.refresh_from_db()
    assert (order.state, till()) == ("refunded", 1000)
    assert money_balance() == MoneyBalance(collected=500, refunded=500, delivered=0, held=0)
    assert acts() == [("cancellation_ask", "chen@example.org"), ("cancellation_consent", "dora@example.org")]
    assert counter.close(1000).difference.minor == 0


def test_the_quote_may_be_ordered_again(counter: Counter) -> None:
    order = counter.taken()
    row = ask(counter, order)
    order.quote.refresh_from_db()
    assert order.quote.used_at == counter.clock.now()
    consent(counter, row)
    order.quote.refresh_from_db()
    assert order.quote.used_at is None


def test_a_second_clerk_may_agree(counter: Counter) -> None:
    order = counter.taken()
    assert consent(counter, ask(counter, order), by=counter.fei).consented_by == counter.fei


def test_asking_twice_is_quiet_for_the_same_person(counter: Counter) -> None:
    order = counter.taken()
    row = ask(counter, order)
    before = everything()
    assert ask(counter, order, reason="another reason") == row
    with pytest.raises(Conflict) as refusal:
        ask(counter, order, by=counter.fei)
    assert refusal.value.code == "cancellation_asked"
    assert everything() == before


def test_nobody_agrees_to_what_they_asked_themselves(counter: Counter) -> None:
    row = ask(counter, counter.taken(), by=counter.dora)
    before = everything()
    with pytest.raises(NotAllowed) as refusal:
        consent(counter, row)
    assert refusal.value.code == "second_person"
    assert everything() == before
    with pytest.raises(IntegrityError, match="cancellation_second"), transaction.atomic():
        Cancellation.objects.update(state="consented", consented_by=counter.dora)
    with pytest.raises(IntegrityError, match="cancellation_consented"), transaction.atomic():
        Cancellation.objects.update(state="consented")
    assert everything() == before


def test_agreeing_twice_is_quiet(counter: Counter) -> None:
    row = consent(counter, ask(counter, counter.taken()))
    before = everything()
    assert consent(counter, row, by=counter.fei).consented_by == counter.dora
    with pytest.raises(Conflict) as refusal:
        end(counter, row)
    assert refusal.value.code == "cancellation_over"
    assert everything() == before


@pytest.mark.parametrize(("who", "state"), [("dora", "refused"), ("chen", "withdrawn")])
def test_it_is_not_agreed_to(counter: Counter, who: str, state: str) -> None:
    order = counter.taken()
    row = ask(counter, order)
    for _ in range(2):
        row = end(counter, row, by=getattr(counter, who))
    assert (row.state, row.ended_by, row.consented_by) == (state, getattr(counter, who), None)
    with pytest.raises(Conflict) as refusal:
        consent(counter, row, by=counter.fei)
    assert refusal.value.code == "cancellation_over"
    order.refresh_from_db()
    assert (order.state, Refund.objects.count()) == ("paid", 0)
    assert acts() == [("cancellation_ask", "chen@example.org"), (f"cancellation_{state}", f"{who}@example.org")]
    assert ask(counter, order, by=counter.fei).pk != row.pk  # and it can be asked for anew


def _sent(counter: Counter, order: ProductOrder) -> None:
    assert activation_sending(activation=begin(counter, order), gateway="tmf", now=counter.clock.now())


def _unknown(counter: Counter, order: ProductOrder) -> None:
    _sent(counter, order)
    Activation.objects.update(state="unknown")


def _held(counter: Counter, order: ProductOrder) -> None:
    begin(counter, order)
    Activation.objects.update(state="held")


def _refused(counter: Counter, order: ProductOrder) -> None:
    activation_fail(activation=begin(counter, order), result=Result("failed", reason="no"), now=counter.clock.now())


def _delivered(counter: Counter, order: ProductOrder) -> None:
    counter.activate(order)


TOO_LATE: dict[str, tuple[Callable[[Counter, ProductOrder], None], str]] = {
    "sent": (_sent, "activation_begun"),
    "unknown": (_unknown, "activation_begun"),
    "its profile is on its way": (_held, "activation_begun"),
    "delivered": (_delivered, "cancel_delivered"),
    "refused": (_refused, "cancel_failed_already"),
}


@pytest.mark.parametrize("case", TOO_LATE)
@pytest.mark.parametrize("when", ["asking", "agreeing"])
def test_too_late(counter: Counter, case: str, when: str) -> None:
    happens, code = TOO_LATE[case]
    order = counter.taken()
    row = ask(counter, order) if when == "agreeing" else None
    happens(counter, order)
    before = everything()
    with pytest.raises(Conflict) as refusal:
        consent(counter, row) if row else ask(counter, order)
    assert refusal.value.code == code
    assert everything() == before
    if case == "delivered":
        assert "lineaviva orders refund" in str(refusal.value)


def test_what_surely_never_reached_the_operator_can_be_called_off(counter: Counter) -> None:
    order = counter.taken()
    activation = begin(counter, order)
    activation_sending(activation=activation, gateway="tmf", now=counter.clock.now())
    activation_unsent(activation=activation)
    consent(counter, ask(counter, order))
    activation.refresh_from_db()
    assert (activation.state, activation.reason, activation.look_at) == ("failed", "cash_cancelled", None)
    assert not activation_sending(activation=activation, gateway="tmf", now=counter.clock.now())


@pytest.mark.parametrize("sent", [False, True])
def test_an_activation_that_nobody_saw_coming(counter: Counter, sent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It appears between the look and the lock: then it decides."""
    order = counter.taken()
    activation = begin(counter, order)
    if sent:
        activation_sending(activation=activation, gateway="tmf", now=counter.clock.now())
    monkeypatch.setattr("lineaviva.keeper.activation.actions.activation_of", lambda _order: None)
    before = everything()
    if sent:
        with pytest.raises(Conflict) as refusal:
            order_call_off(order=order, reason="x", now=counter.clock.now())
        assert (refusal.value.code, everything()) == ("activation_begun", before)
    else:
        assert order_call_off(order=order, reason="x", now=counter.clock.now()).state == "failed"
    activation.refresh_from_db()
    assert activation.state == ("sent" if sent else "failed")


def test_who_agrees_looks_again_under_the_lock(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    order = counter.taken()
    row = ask(counter, order)
    _sent(counter, order)
    monkeypatch.setattr("lineaviva.keeper.till.cancelling.require_cancellable", lambda _order: order.attempts.get())
    before = everything()
    with pytest.raises(Conflict) as refusal:
        consent(counter, row)
    assert (refusal.value.code, everything()) == ("activation_begun", before)


def test_a_worker_that_comes_later_makes_no_activation(counter: Counter) -> None:
    order = counter.taken()
    consent(counter, ask(counter, order))
    order.refresh_from_db()
    assert activation_begin(order=order, now=counter.clock.now()) is None
    assert not Activation.objects.exists()


def _waits(counter: Counter) -> ProductOrder:
    return counter.order()


def _by_card(counter: Counter) -> ProductOrder:
    order = counter.taken()
    PaymentAttempt.objects.update(provider="stripe")
    return order


@pytest.mark.parametrize("make", [_waits, _by_card], ids=["not paid", "by card"])
def test_only_cash_is_called_off(counter: Counter, make: Callable[[Counter], ProductOrder]) -> None:
    order = make(counter)
    before = everything()
    with pytest.raises(Conflict) as refusal:
        ask(counter, order)
    assert refusal.value.code == "cancel_not_cash"
    assert everything() == before
    PaymentAttempt.objects.update(provider="cash")


def test_what_else_is_refused(counter: Counter) -> None:
    order, anna = counter.taken(), factories.anna()
    row = ask(counter, counter.taken(1000))
    before = everything()
    refused: list[tuple[type[LineavivaError], Callable[[], Any]]] = [
        (InvalidInput, lambda: ask(counter, order, reason=" ")),
        (NotAllowed, lambda: ask(counter, order, by=anna)),
        (NotAllowed, lambda: consent(counter, row, by=anna)),
        (NotAllowed, lambda: end(counter, row, by=anna)),
        (NotFound, lambda: cancellation_consent(pk=row.pk + 1, by=counter.dora, now=counter.clock.now())),
        (NotFound, lambda: cancellation_end(pk=row.pk + 1, by=counter.dora, now=counter.clock.now())),
    ]
    for kind, act in refused:
        with pytest.raises(kind):
            act()
    assert everything() == before


def test_an_order_that_is_not_paid_cannot_be_called_off(counter: Counter) -> None:
    order = orders.order(now=counter.clock.now())
    before = everything()
    with pytest.raises(Conflict):
        order_call_off(order=order, reason="x", now=counter.clock.now())
    assert everything() == before


def test_calling_off_twice_is_one_refund(counter: Counter) -> None:
    order = counter.taken()
    for _ in range(2):
        assert order_call_off(order=order, reason="x", now=counter.clock.now()).state == "failed"
    assert Refund.objects.count() == 1


@busy
def test_two_who_agree_at_once(counter: Counter) -> None:
    row, people = ask(counter, counter.taken()), [counter.dora, counter.fei]
    answers = together(2, lambda: consent(counter, row, by=people.pop()))
    assert [answer.state for answer in answers] == ["consented"] * 2
    assert len({answer.consented_by_id for answer in answers}) == 1
    assert (Refund.objects.count(), len(acts())) == (1, 2)


def _send(counter: Counter, order: ProductOrder) -> bool:
    """As a worker does it: the activation of a paid order, and then its request."""
    now = counter.clock.now()
    activation = activation_begin(order=ProductOrder.objects.get(pk=order.pk), now=now)
    return activation is not None and activation_sending(activation=activation, gateway="tmf", now=now)


@busy
@pytest.mark.parametrize("there", [True, False], ids=["activation waits", "no activation yet"])
def test_agreeing_and_the_operator_at_once(counter: Counter, there: bool) -> None:
    """Either the request goes out or the cash goes back, never both."""
    for _ in range(3):
        order = counter.taken()
        row = ask(counter, order)
        if there:
            begin(counter, order)
        at_once([partial(_send, counter, order), partial(consent, counter, row)])
        order.refresh_from_db()
        row.refresh_from_db()
        sent = Activation.objects.filter(order=order, state="sent").exists()
        refunds = Refund.objects.filter(attempt__order=order).count()
        assert (order.state, row.state, refunds) == (("paid", "asked", 0) if sent else ("failed", "consented", 1))
