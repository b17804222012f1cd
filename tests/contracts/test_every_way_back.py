"""How money goes back by every way to pay: once, in parts, never more than was paid, and by nobody's half of a step."""

from __future__ import annotations

import pytest

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.activation.actions import activation_begin, activation_succeed
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.orders.actions import order_fail
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.queries import refundable
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.money import Money
from tests.contracts.rows import row
from tests.contracts.sides import SOON, Counter, Side
from tests.contracts.test_every_way import GRACE, Killed, Moved, die, fresh

pytestmark = pytest.mark.processes


def failed(counter: Counter) -> PaymentAttempt:
    """Paid, and the operator refused it."""
    attempt = counter.paid()
    order_fail(order=attempt.order, reason="refused", now=counter.now)
    return attempt


def delivered(counter: Counter) -> PaymentAttempt:
    """Paid, and the operator has done it."""
    attempt = counter.paid()
    activation = activation_begin(order=attempt.order, now=counter.now)
    assert activation is not None
    activation_succeed(activation=activation, result=Result("succeeded", "T"), now=counter.now)
    return attempt


def ask(counter: Counter, attempt: PaymentAttempt, amount: Money, reason: str = "late") -> Refund:
    """Dora of operations gives a part of it back."""
    return refund_request(attempt=attempt, amount=amount, reason=reason, by=counter.dora, now=counter.now)


def carry_out(side: Side, counter: Counter, attempt: PaymentAttempt) -> None:
    """The agenda's part, and a person's where there is one."""
    counter.after(SOON)
    side.hand_back(counter, attempt.order)


@row("given back twice")
def test_asked_for_and_carried_out_twice_it_goes_back_once(side: Side, counter: Counter) -> None:
    attempt = failed(counter)
    before = Moved()
    first, second = (refund_request(attempt=attempt, reason="refused", now=counter.now) for _ in range(2))
    assert first.pk == second.pk
    for _ in range(2):
        carry_out(side, counter, attempt)
    assert (fresh(first).state, fresh(attempt.order).state) == ("succeeded", "refunded")
    assert refund_request(attempt=attempt, reason="again", now=counter.now).pk == first.pk
    assert (side.took(), side.gave()) == ([500], [500])
    assert before.now() == {side.account(counter): -500, "held": 500}


@row("given back in parts")
def test_in_parts_each_goes_back_once(side: Side, counter: Counter) -> None:
    attempt = delivered(counter)
    for minor, reason in ((300, "late"), (200, "dear")):
        refund = ask(counter, attempt, Money(minor), reason)
        assert ask(counter, attempt, Money(minor), reason).pk == refund.pk
        carry_out(side, counter, attempt)
        assert fresh(refund).state == "succeeded"
    assert (side.took(), side.gave()) == ([500], [200, 300])
    assert (refundable(attempt), fresh(attempt.order).state) == (Money(0), "active")


@row("given back too much")
@pytest.mark.parametrize("amount", [Money(501), Money(0), Money(-1), Money(500, "USD")], ids=str)
def test_more_than_was_paid_or_something_else_does_not_go_back(side: Side, counter: Counter, amount: Money) -> None:
    attempt = delivered(counter)
    before = Moved()
    with pytest.raises(LineavivaError) as refusal:
        ask(counter, attempt, amount)
    assert refusal.value.code in {"refund_too_much", "amount_invalid"}
    counter.after(SOON)
    assert (side.gave(), Refund.objects.count()) == ([], 0)
    assert not AuditEntry.objects.filter(act="refund_request").exists()
    assert before.now() == {}


@row("given back too much")
def test_after_all_of_it_nothing_more_goes_back(side: Side, counter: Counter) -> None:
    attempt = delivered(counter)
    ask(counter, attempt, Money(500))
    carry_out(side, counter, attempt)
    with pytest.raises(LineavivaError) as refusal:
        ask(counter, attempt, Money(1), "once more")
    assert refusal.value.code == "refund_too_much"
    assert (side.gave(), Refund.objects.count()) == ([500], 1)


@row("killed while it goes back")
def test_killed_while_it_goes_back_it_goes_back_once(
    side: Side, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = failed(counter)
    before = Moved()
    refund = refund_request(attempt=attempt, reason="refused", now=counter.now)
    with monkeypatch.context() as patched:
        patched.setattr("lineaviva.keeper.payments.refunding.posting.given_back", die)
        try:
            carry_out(side, counter, attempt)
        except Killed:
            pass
    assert (fresh(refund).state, fresh(attempt.order).state, before.now()) == ("requested", "failed", {})
    counter.after(GRACE)
    side.hand_back(counter, attempt.order)
    assert (fresh(refund).state, fresh(attempt.order).state) == ("succeeded", "refunded")
    assert (side.took(), side.gave()) == ([500], [500])
    assert before.now() == {side.account(counter): -500, "held": 500}
