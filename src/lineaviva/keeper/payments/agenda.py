"""What the rows of payments do when they are looked at. Each step may run twice and be killed anywhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments import reconciling, rules
from lineaviva.keeper.payments.actions import (
    attempt_close,
    attempt_next_look,
    attempt_reach,
    order_close_unpaid,
    payment_settle,
)
from lineaviva.keeper.payments.models import AttemptState, InboxEvent, PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import RefundStatus, Return, Status, provider
from lineaviva.keeper.payments.queries import open_attempt
from lineaviva.keeper.payments.refunding import refund_settle
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import NeedsPerson, Permanent
from lineaviva.kernel.money import Money

# It has the steps of provider's lists and of what differs.
__all__ = ["reconciling"]
_LEASE = timedelta(seconds=60)
_CLOSED = (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.FAILED, OrderState.REFUNDED)


@agenda.handler(PaymentAttempt, states=(AttemptState.OPEN,), lease=_LEASE, outside=True)
def attempt_look(row: PaymentAttempt, now: datetime) -> agenda.Outcome:
    """Finish its beginning, ask how it stands, or close it when its time or its order is over."""
    if row.order.state != OrderState.PLACED:
        return _after(attempt_close(attempt=row, reason="given_up", now=now), now)
    if row.expires_at <= now:
        return _after(attempt_close(attempt=row, reason="not_paid_in_time", now=now), now)
    if not row.provider_ref:
        return _after(attempt_reach(attempt=row, now=now), now)
    status = provider(row.provider).fetch(row.provider_ref)
    return _after(payment_settle(attempt=row, status=status, now=now), now)


def _after(attempt: PaymentAttempt, now: datetime) -> agenda.Outcome:
    if attempt.state != AttemptState.OPEN:
        # Settled: from the state that the step saw, a plain rest() would be void.
        return agenda.settle(_rested)
    over = attempt.expires_at <= now or attempt.order.state != OrderState.PLACED
    if over:  # closed as far as we can: the bank has not answered yet
        if now > attempt.expires_at + rules.PROCESSING_MOST:
            what = f"Payment {attempt.idempotency_key} has had no answer from the bank for a week."
            raise NeedsPerson(f"{what} Ask {attempt.provider} about {attempt.provider_ref}.")
        return agenda.again(now + rules.PROCESSING_LOOK)
    return agenda.again(attempt_next_look(attempt, now))


def _rested(_row: PaymentAttempt) -> agenda.Outcome:
    return agenda.rest()


@agenda.handler(Refund, states=(Refund.State.REQUESTED,), lease=_LEASE, outside=True)
def refund_look(row: Refund, now: datetime) -> agenda.Outcome:
    """Ask the provider to give it back, or how that stands."""
    attempt = row.attempt
    if row.amount_minor == 0:
        status = RefundStatus("succeeded", "")
    else:
        back = Return(
            key=rules.refund_key(attempt.idempotency_key, row.number),
            charge_ref=attempt.charge_ref,
            amount=Money(row.amount_minor, row.currency),
            order_code=attempt.order.code,
            reference=row.provider_ref,
            whole=row.amount_minor == attempt.amount_minor,
        )
        status = provider(attempt.provider).refund(back)
    refund = refund_settle(refund=row, status=status, now=now)
    if status.state == "failed":
        money, code = Money(row.amount_minor, row.currency), attempt.order.code
        what = f"{attempt.provider} could not give back {money} for order {code}: {status.reason or 'no reason given'}."
        raise NeedsPerson(
            f"{what} Give it back another way, then: lineaviva orders confirm-refund {code} --clerk E-MAIL"
        )
    return agenda.rest() if refund.state == Refund.State.SUCCEEDED else agenda.again(now + rules.REFUND_LOOK)


@agenda.handler(InboxEvent, states=(InboxEvent.State.NEW,), lease=_LEASE, outside=True)
def inbox_look(row: InboxEvent, now: datetime) -> agenda.Outcome:
    """A webhook only says where to look: the attempt or refund it is about is asked for again at its provider."""
    handled = {"state": InboxEvent.State.HANDLED, "handled_at": now}
    if row.about == "refund":
        _wake_refund(row, now)
        return agenda.rest(**handled)
    attempt = PaymentAttempt.objects.filter(provider=row.source, provider_ref=row.reference).first()
    if attempt is not None and attempt.state == AttemptState.OPEN:
        _wake_open(attempt, now)
        return agenda.rest(**handled)
    if attempt is not None and attempt.state == AttemptState.SUCCEEDED:
        return agenda.rest(**handled)  # the payer's browser was faster; no news changes what is paid
    status = _fetch(row)
    attempt = attempt or PaymentAttempt.objects.filter(provider=row.source, idempotency_key=status.key).first()
    if attempt is None:
        return _stranger(row, status, now)
    if attempt.provider_ref in {"", row.reference}:
        _attach(attempt, row.reference)
    payment_settle(attempt=attempt, status=status, now=now)
    return agenda.rest(**handled)


def _fetch(row: InboxEvent) -> Status:
    try:
        return provider(row.source).fetch(row.reference)
    except Permanent:
        return Status("expired")  # signed, but about nothing that the provider has


@transaction.atomic
def _wake_open(attempt: PaymentAttempt, now: datetime) -> None:
    """Only while it is open: what was settled meanwhile would stay due for ever, since no step takes it any more."""
    attempt = agenda.locked(PaymentAttempt, attempt.pk)
    if attempt.state == AttemptState.OPEN:
        agenda.wake(attempt, now)


@transaction.atomic
def _wake_refund(row: InboxEvent, now: datetime) -> None:
    """One whose number we do not know yet asks again by itself, by its key."""
    mine = Refund.objects.filter(attempt__provider=row.source, provider_ref=row.reference, state=Refund.State.REQUESTED)
    agenda.wake(mine, now)


def _attach(attempt: PaymentAttempt, reference: str) -> None:
    """The provider knew our key before we had written down its reference."""
    PaymentAttempt.objects.filter(pk=attempt.pk, provider_ref="").update(provider_ref=reference)


def _stranger(row: InboxEvent, status: Status, now: datetime) -> agenda.Outcome:
    """Nobody's payment: another program's on the same account or, with our kind of key, one that we have lost."""
    if not status.key.startswith("pay:"):
        return agenda.rest(state=InboxEvent.State.IGNORED, handled_at=now)
    if now - row.received_at < rules.STRANGER_GRACE:
        return agenda.again(now + rules.STRANGER_LOOK)
    what = f"{row.source} tells of payment {status.key} ({row.reference}, {status.state}), which is not known here."
    raise NeedsPerson(f"{what} Was the database restored from a backup? Give the money back at the provider.")


@agenda.handler(ProductOrder, states=(OrderState.PLACED, *_CLOSED))
def order_look(row: ProductOrder, now: datetime) -> agenda.Outcome:
    """Expire an order that nobody pays; close the open payment of one that was closed otherwise."""
    if row.state in _CLOSED:
        with transaction.atomic():
            agenda.wake(PaymentAttempt.objects.filter(order=row, state=AttemptState.OPEN), now)
        return agenda.rest()
    order = order_close_unpaid(order=row, now=now)
    if order.state != OrderState.PLACED:
        return agenda.rest()
    attempt = open_attempt(order)
    if attempt is None:
        return agenda.again(order.expires_at)
    # The attempt wakes its order when it ends; this is only the net below.
    return agenda.again(max(order.expires_at, attempt.expires_at, now) + rules.PROCESSING_LOOK)
