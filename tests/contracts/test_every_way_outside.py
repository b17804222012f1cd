"""What every way must do at which somebody outside is asked: banks that ask the payer, networks that fail, messages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lineaviva.keeper.payments.actions import attempt_open, bill_of, webhook_receive
from lineaviva.keeper.payments.models import InboxEvent, PaymentAttempt
from lineaviva.keeper.payments.ports import provider
from lineaviva.keeper.payments.returning import urls_of
from lineaviva.kernel.errors import InvalidInput
from tests.contracts.outside import begun_of
from tests.contracts.rows import row
from tests.contracts.sides import SOON, Counter, Outside, Webhook
from tests.contracts.test_every_way import GRACE, Moved, fresh, moved, stands

__all__ = ["moved"]
pytestmark = pytest.mark.processes
OPEN = "open"


def tell(side: Outside, counter: Counter, message: Webhook) -> InboxEvent:
    headers, body = message
    return webhook_receive(source=side.name, headers=headers, body=body, now=counter.now)


def paid_once(side: Outside, counter: Counter, attempt: PaymentAttempt, moved: Moved) -> None:
    assert stands(attempt.order) == ("paid", [(side.name, "succeeded", "")])
    assert side.took() == [500]
    assert moved.now() == {side.account(counter): 500, "held": -500}


# --- the payer's bank asks ------------------------------------------------------------------------------------------


@row("confirmation refused")
def test_not_confirmed_nothing_is_taken_and_the_page_stays(side: Outside, counter: Counter, moved: Moved) -> None:
    attempt = counter.begin(counter.order())
    side.refuse_confirmation(begun_of(attempt))
    counter.after(SOON)
    assert stands(attempt.order) == ("placed", [(side.name, OPEN, side.not_confirmed)])
    assert (side.took(), moved.now()) == ([], {})
    side.pay(counter, attempt)
    counter.after(SOON)
    paid_once(side, counter, attempt, moved)


@row("confirmation abandoned")
def test_gone_while_the_bank_asks_nothing_is_taken(side: Outside, counter: Counter, moved: Moved) -> None:
    attempt = counter.begin(counter.order())
    side.begin_confirmation(begun_of(attempt))
    counter.after(SOON)
    assert stands(attempt.order) == ("placed", [(side.name, OPEN, "")])
    counter.after(timedelta(days=3))
    assert stands(attempt.order) == ("expired", [(side.name, "expired", "not_paid_in_time")])
    assert (side.took(), moved.now()) == ([], {})


# --- nobody answers -------------------------------------------------------------------------------------------------


@row("time-out before")
def test_nobody_answers_while_it_is_begun_and_while_it_is_paid(side: Outside, counter: Counter, moved: Moved) -> None:
    _troubled(side, counter, moved, "error")


@row("time-out after")
def test_each_answer_is_lost_while_it_is_begun_and_while_it_is_paid(
    side: Outside, counter: Counter, moved: Moved
) -> None:
    _troubled(side, counter, moved, "lost")


def _troubled(side: Outside, counter: Counter, moved: Moved, how: str) -> None:
    side.down(how)
    attempt = counter.begin(counter.order())
    assert (attempt.state, attempt.redirect_url, attempt.provider_ref) == (OPEN, "", "")
    side.down("up")
    counter.after(GRACE)
    assert fresh(attempt).redirect_url
    side.pay(counter, attempt)
    side.down(how)
    counter.after(SOON)
    assert stands(attempt.order) == ("placed", [(side.name, OPEN, "")])
    side.down("up")
    counter.after(timedelta(minutes=1))
    paid_once(side, counter, attempt, moved)


@row("down for a day")
def test_down_for_days_after_it_was_paid_no_cent_is_lost(side: Outside, counter: Counter, moved: Moved) -> None:
    attempt = counter.begin(counter.order())
    side.pay(counter, attempt)
    side.down("error")
    for _ in range(12):
        counter.after(timedelta(hours=4))
    assert stands(attempt.order) == ("placed", [(side.name, OPEN, "")])
    assert attempt.stuck_reason == "", "who is merely away makes nothing stuck"
    side.down("up")
    counter.after(timedelta(hours=4))
    assert fresh(attempt.order).state == side.down_ends
    if side.down_ends == "paid":
        assert (stands(attempt.order)[1], side.took()) == ([(side.name, "succeeded", "")], [500])
        # What it kept of it has been asked for meanwhile.
        fees = {f"fees:{side.name}": side.fee, side.account(counter): 500 - side.fee}
        assert moved.now() == {**fees, "held": -500}
    else:
        assert stands(attempt.order)[1] == [(side.name, "expired", "not_paid_in_time")]
        assert (side.took(), moved.now()) == ([], {})


# --- messages -------------------------------------------------------------------------------------------------------


@row("webhook doubled")
def test_told_twice_and_again_after_the_end_it_is_paid_once(side: Outside, counter: Counter, moved: Moved) -> None:
    attempt = counter.begin(counter.order())
    side.pay(counter, attempt)
    message = side.webhook(begun_of(attempt), "event_1")
    assert tell(side, counter, message).pk == tell(side, counter, message).pk
    counter.after()
    paid_once(side, counter, attempt, moved)
    before = PaymentAttempt.objects.values().get()
    tell(side, counter, message)
    tell(side, counter, side.webhook(begun_of(attempt), "event_2"))
    counter.after()
    assert list(InboxEvent.objects.order_by("pk").values_list("external_id", "state")) == [
        ("event_1", "handled"),
        ("event_2", "handled"),
    ]
    assert PaymentAttempt.objects.values().get() == before
    paid_once(side, counter, attempt, moved)


@row("webhook disordered")
def test_told_the_last_thing_first_before_we_wrote_down_where(side: Outside, counter: Counter, moved: Moved) -> None:
    attempt = attempt_open(counter.order(), side.name, counter.now)
    begun = provider(side.name).begin(bill_of(attempt), urls_of(attempt))  # killed before it was written down
    side.approve(begun)
    for number, kind in enumerate(reversed(side.kinds)):
        tell(side, counter, side.webhook(begun, f"event_{number}", kind=kind))
        counter.after()
    paid_once(side, counter, attempt, moved)
    assert fresh(attempt).provider_ref == begun.reference
    assert set(InboxEvent.objects.values_list("state", flat=True)) == {"handled"}


@row("webhook forged")
def test_told_by_somebody_else_nothing_is_believed(side: Outside, counter: Counter, moved: Moved) -> None:
    attempt = counter.begin(counter.order())
    before = PaymentAttempt.objects.values().get()
    for forged in (
        side.webhook(begun_of(attempt), "event_1", secret="another"),
        side.webhook(begun_of(attempt), "event_1", age=side.too_old),
        ({}, side.webhook(begun_of(attempt), "event_1")[1]),
    ):
        with pytest.raises(InvalidInput) as refusal:
            tell(side, counter, forged)
        assert (refusal.value.code, refusal.value.status) == ("webhook_refused", 400)
    assert InboxEvent.objects.count() == 0
    assert PaymentAttempt.objects.values().get() == before
    assert (side.took(), moved.now()) == ([], {})
