"""What the rows of payments do when they are looked at. Each step may run twice and be killed anywhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments import disputes, reconciling, rules
from lineaviva.keeper.payments.actions import (
    attempt_close,
    attempt_next_look,
    attempt_reach,
    order_close_unpaid,
    payment_settle,
)
from lineaviva.keeper.payments.models import AttemptState, Dispute, InboxEvent, PaymentAttempt, Refund, SavedMethod
from lineaviva.keeper.payments.ports import (
    AtOnce,
    Looker,
    RefundStatus,
    Return,
    SaveStatus,
    Status,
    disputing,
    provider,
    saving,
)
from lineaviva.keeper.payments.queries import dispute_left, dispute_of, open_attempt
from lineaviva.keeper.payments.refunding import refund_by_dispute, refund_here, refund_settle
from lineaviva.keeper.payments.saving import card_of, method_gone, method_heard, method_reach, saved_look
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import NeedsPerson, Permanent
from lineaviva.kernel.money import Money

# They have the steps of disputes, of provider's lists and of what differs.
__all__ = ["disputes", "reconciling"]
_LEASE = timedelta(seconds=60)
_ACTIVE = SavedMethod.State.ACTIVE
_CLOSED = (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.FAILED, OrderState.REFUNDED)


@agenda.handler(PaymentAttempt, states=(AttemptState.OPEN,), lease=_LEASE, outside=True)
def attempt_look(row: PaymentAttempt, now: datetime) -> agenda.Outcome:
    """Finish its beginning, ask how it stands, or close it when its time or its order is over."""
    if row.saved_id:
        return _after(saved_look(attempt=row, now=now), now)
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
    # What was asked for before it was disputed goes its way.
    if not row.provider_ref and (dispute := dispute_of(attempt)) is not None:
        return _beside(row, dispute, now)
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
        port = provider(attempt.provider)
        if isinstance(port, AtOnce):
            refund_here(refund=row, back=back, port=port, now=now)
            return agenda.rest()
        status = port.refund(back)
    refund = refund_settle(refund=row, status=status, now=now)
    if status.state == "failed" and (dispute := dispute_of(attempt)) is not None:
        return _beside(row, dispute, now)
    if status.state == "failed":
        money, code = Money(row.amount_minor, row.currency), attempt.order.code
        what = f"{attempt.provider} could not give back {money} for order {code}: {status.reason or 'no reason given'}."
        raise NeedsPerson(
            f"{what} Give it back another way, then: lineaviva orders confirm-refund {code} --clerk E-MAIL"
        )
    return agenda.rest() if refund.state == Refund.State.SUCCEEDED else agenda.again(now + rules.REFUND_LOOK)


def _beside(row: Refund, dispute: Dispute, now: datetime) -> agenda.Outcome:
    """Money does not go back twice: wait until it is decided, and send nothing where the payer has it by that."""
    if dispute.state in Dispute.UNDECIDED:
        return agenda.again(now + rules.DISPUTE_LOOK)
    # A part that was to go back is in what the payer has of a larger dispute; of a smaller one something is left.
    if dispute.currency != row.currency or dispute_left(dispute).minor <= 0:
        money, lost = Money(row.amount_minor, row.currency), Money(dispute.amount_minor, dispute.currency)
        code = row.attempt.order.code
        what = f"{money} of order {code} is to go back beside the {lost} that went by a dispute. Give it back by hand"
        raise NeedsPerson(f"{what}, then: lineaviva orders confirm-refund {code} --clerk E-MAIL")
    refund_by_dispute(refund=row, dispute=dispute, now=now)
    return agenda.rest()


@agenda.handler(SavedMethod, states=(SavedMethod.State.OPENED, SavedMethod.State.REMOVING), lease=_LEASE, outside=True)
def method_look(row: SavedMethod, now: datetime) -> agenda.Outcome:
    """Ask how the page stands on which a card is saved; let the provider forget one that is removed."""
    port = saving(row.provider)
    if row.state == SavedMethod.State.REMOVING:
        port.forget(card_of(row))
        return agenda.rest(state=SavedMethod.State.REMOVED)
    if row.setup_ref:
        over = row.expires_at <= now
        status = port.save_close(row.setup_ref) if over else port.save_fetch(row.setup_ref)
        found = method_heard(method=row, status=status, now=now)
    elif row.expires_at > now:
        found = method_reach(method=row, now=now)
    else:  # the page was never opened: nobody knows its address
        found = method_heard(method=row, status=SaveStatus("expired"), now=now)
    if found.state != SavedMethod.State.OPENED:
        return agenda.settle(_rested)
    later = rules.next_look(created_at=row.consented_at, now=now, expires_at=row.expires_at)
    return agenda.again(later if row.expires_at > now else now + rules.SOONEST_LOOK * 15)


@agenda.handler(InboxEvent, states=(InboxEvent.State.NEW,), lease=_LEASE, outside=True)
def inbox_look(row: InboxEvent, now: datetime) -> agenda.Outcome:
    """A webhook only says where to look: the attempt or refund it is about is asked for again at its provider."""
    handled = {"state": InboxEvent.State.HANDLED, "handled_at": now}
    if row.about == "refund":
        _wake_refund(row, now)
        return agenda.rest(**handled)
    if row.about == "dispute":
        return agenda.rest(**{**handled, "state": _dispute_told(row, now)})
    if row.about == "method":
        method = SavedMethod.objects.filter(provider=row.source, method_ref=row.reference, state=_ACTIVE).first()
        if method is not None and not saving(row.source).kept(card_of(method)):
            method_gone(method=method)
        return agenda.rest(**handled)
    if row.about == "capture":  # the day's reconciliation asks about it
        reconciling.reconciliation_begin(name=row.source, since=now)
        return agenda.rest(**handled)
    attempt = PaymentAttempt.objects.filter(provider=row.source, provider_ref=row.reference).first()
    if attempt is not None and attempt.state == AttemptState.OPEN:
        _wake_open(attempt, now)
        return agenda.rest(**handled)
    if attempt is not None and attempt.state == AttemptState.SUCCEEDED:
        return agenda.rest(**handled)  # the payer's browser was faster; no news changes what is paid
    status = _seen(row)
    attempt = attempt or PaymentAttempt.objects.filter(provider=row.source, idempotency_key=status.key).first()
    if attempt is None:
        return _stranger(row, status, now)
    if attempt.provider_ref in {"", row.reference}:
        _attach(attempt, row.reference)
    payment_settle(attempt=attempt, status=status, now=now)
    _wake_open(attempt, now)  # only its own step collects
    return agenda.rest(**handled)


def _dispute_told(row: InboxEvent, now: datetime) -> str:
    """Have it asked about; one that is new is asked about here, so that a row is only made of what there is."""
    with transaction.atomic():
        if agenda.wake(Dispute.objects.filter(provider=row.source, provider_ref=row.reference), now):
            return InboxEvent.State.HANDLED
    teller = disputing(row.source)
    try:
        if teller is not None:
            disputes.dispute_heard(provider=row.source, status=teller.dispute(row.reference), now=now)
            return InboxEvent.State.HANDLED
    except Permanent:
        pass  # signed, but about nothing that the provider has
    return InboxEvent.State.IGNORED


def _seen(row: InboxEvent) -> Status:
    port = provider(row.source)
    try:
        return port.seen(row.reference) if isinstance(port, Looker) else port.fetch(row.reference)
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


@transaction.atomic
def _wake_saving(key: str, now: datetime) -> None:
    agenda.wake(SavedMethod.objects.filter(key=key, state=SavedMethod.State.OPENED), now)


def _attach(attempt: PaymentAttempt, reference: str) -> None:
    """The provider knew our key before we had written down its reference."""
    PaymentAttempt.objects.filter(pk=attempt.pk, provider_ref="").update(provider_ref=reference)


def _stranger(row: InboxEvent, status: Status, now: datetime) -> agenda.Outcome:
    """Nobody's payment: another program's on the same account or, with our kind of key, one that we have lost."""
    if status.key.startswith("save:"):
        _wake_saving(status.key, now)
        return agenda.rest(state=InboxEvent.State.HANDLED, handled_at=now)
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
