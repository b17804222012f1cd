"""Two orders of one line: the second payer is told of the first, and of two in the same instant one is first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_activate, order_cancel, order_fail, order_place
from lineaviva.keeper.orders.errors import LimitReached
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments import posting
from lineaviva.keeper.payments.actions import attempt_open, cash_confirm
from lineaviva.keeper.payments.errors import LineBeingRenewed, VelocityReached
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.keeper.orders.factories import quote
from tests.keeper.payments.quick import LIMITS, begin, order, quick, refuse, saved, settle
from tests.keeper.together import together


@pytest.fixture
def line(db: None, clock: FrozenClock, settings: Any, tmp_path: Path) -> Line:
    """Anna's; Bo may pay for it, too."""
    quick(settings, tmp_path)
    made, bo = factories.line(), factories.holder("bo@example.org")
    line_share(line=made, with_email=bo.email, right="pay", by=made.holder, now=clock.now())
    return made


@pytest.fixture
def bo(line: Line) -> User:
    return factories.holder("bo@example.org")


def refused(placed: ProductOrder, by: ProductOrder, **more: Any) -> LineBeingRenewed:
    with pytest.raises(LineBeingRenewed) as refusal:
        begin(placed, **more)
    assert refusal.value.orders == [by]
    assert (refusal.value.code, refusal.value.status) == ("line_being_renewed", 409)
    assert placed.attempts.count() == 0
    return refusal.value


def test_who_pays_while_another_pays_is_told_and_may_go_on(line: Line, bo: User) -> None:
    first, second = order(line=line), order(line=line, by=bo)
    begin(first)
    refusal = refused(second, first)
    assert first.code in refusal.message
    assert [getattr(one, "by_itself", None) for one in refusal.orders] == [False]
    refused(second, first, beside=["K2M7F5PW"])
    assert begin(second, beside=[first.code]).state == "open"
    assert begin(second).number == 1  # what is open goes on without a word


def test_who_pays_before_the_operator_has_answered_is_told(line: Line, bo: User, now: datetime) -> None:
    first, second = order(line=line), order(line=line, by=bo)
    settle(begin(first))
    refused(second, first)
    order_activate(order=first, dates_after={}, now=now)
    assert begin(second).state == "open"


def test_ones_own_other_order_is_told_of_too(line: Line) -> None:
    first, second = order(line=line), order(line=line, price=1000)
    begin(first)
    refused(second, first)


def test_automatic_renewal_is_named(line: Line, bo: User, now: datetime) -> None:
    first, second = order(line=line), order(line=line, by=bo)
    attempt_open(first, "stripe", now, saved=saved(line.holder))
    assert [one.by_itself for one in refused(second, first).orders] == [True]  # type: ignore[attr-defined]


def test_automatic_renewal_waits_for_who_is_paying(line: Line, bo: User, now: datetime) -> None:
    first, second = order(line=line), order(line=line, by=bo)
    begin(second)
    with pytest.raises(LineBeingRenewed):
        attempt_open(first, "stripe", now, saved=saved(line.holder))
    assert first.attempts.count() == 0


def _declined(first: ProductOrder, now: datetime) -> None:
    refuse(begin(first))


def _given_back(first: ProductOrder, now: datetime) -> None:
    attempt = settle(begin(first))
    order_fail(order=first, reason="refused", now=now)
    refund_request(attempt=attempt, reason="refused", now=now)


def _cancelled(first: ProductOrder, now: datetime) -> None:
    begin(first)
    order_cancel(order=first, by=None, now=now)


def _of_another_line(first: ProductOrder, now: datetime) -> None:
    begin(order())


def _not_begun(first: ProductOrder, now: datetime) -> None:
    pass


@pytest.mark.parametrize("before", [_declined, _given_back, _cancelled, _of_another_line, _not_begun])
def test_what_is_in_nobodys_way(
    before: Callable[[ProductOrder, datetime], None], line: Line, bo: User, now: datetime
) -> None:
    first, second = order(line=line), order(line=line, by=bo)
    before(first, now)
    assert begin(second).state == "open"
    assert posting.disagreement() == []


def test_cash_that_a_shop_waits_for_is_told_of(line: Line, bo: User) -> None:
    first, second = order(line=line), order(line=line, by=bo)
    begin(first, way="cash")
    assert [one.in_shop for one in refused(second, first).orders] == [True]  # type: ignore[attr-defined]
    assert begin(second, beside=[first.code]).state == "open"


def test_cash_that_was_taken_is_told_of_and_cash_is_not_refused(line: Line, bo: User, now: datetime) -> None:
    first, second = order(line=line), order(line=line, by=bo)
    begin(first, way="cash")
    cash_confirm(code=first.code, clerk=factories.clerk(), now=now)
    refused(second, first)
    assert begin(second, way="cash").state == "open"


# --- in the same instant ------------------------------------------------------------------------------------------

busy = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_once(transactional_db: None, clock: FrozenClock, settings: Any, tmp_path: Path) -> None:
    quick(settings, tmp_path, LIMITS.replace('day = "20.00"', 'day = "15.00"'))


def one_of(acts: list[Callable[[], Any]], refusal: type[Exception]) -> None:
    """That of acts at the same moment one went through, and each other met this refusal."""
    answers = together(len(acts), lambda: acts.pop()())
    assert sorted(type(answer).__name__ == refusal.__name__ for answer in answers) == [
        False,
        *[True] * (len(answers) - 1),
    ]


@busy
def test_a_person_and_automatic_renewal_pay_in_the_same_instant_and_one_does(at_once: None, now: datetime) -> None:
    line = factories.line()
    bo = factories.holder("bo@example.org")
    line_share(line=line, with_email=bo.email, right="pay", by=line.holder, now=now)
    mine, other, card = order(line=line), order(line=line, by=bo), saved(line.holder)
    one_of([lambda: begin(other), lambda: attempt_open(mine, "stripe", now, saved=card)], LineBeingRenewed)
    assert PaymentAttempt.objects.get().state == "open"


@busy
def test_two_holders_of_one_number_order_in_the_same_instant_and_its_limit_holds(at_once: None, now: datetime) -> None:
    line = factories.line()
    same = factories.line(holder=factories.holder("bo@example.org"), msisdn=line.msisdn)
    quotes = [quote(line=each, price=3000, now=now) for each in (line, same)]
    acts = [lambda one=one: order_place(quote=one, by=one.asked_by, language="it", now=now) for one in quotes]
    one_of(acts, LimitReached)
    assert ProductOrder.objects.get().total_minor == 3000


@busy
def test_one_account_pays_twice_in_the_same_instant_and_its_limit_holds(at_once: None) -> None:
    orders = [order(price=1000), order(price=1000)]
    one_of([lambda one=one: begin(one) for one in orders], VelocityReached)
    assert PaymentAttempt.objects.get().state == "open"


@busy
def test_one_card_pays_twice_in_the_same_instant_and_one_is_turned_back(at_once: None) -> None:
    lines = [factories.line(holder=factories.holder(f"{name}@example.org")) for name in ("bo", "fay")]
    attempts = [begin(order(line=line, price=1000)) for line in lines]
    together(2, lambda: settle(attempts.pop()))
    assert sorted(ProductOrder.objects.values_list("state", flat=True)) == ["failed", "paid"]
    assert Refund.objects.get().reason == "card_limit"
    assert posting.disagreement() == []
