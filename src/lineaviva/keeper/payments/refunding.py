"""Writes of money that goes back. Rows are locked as actions.py says: order, attempt, refund."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.db import transaction

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.keeper.orders.actions import order_refund
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.payments import errors, posting, rules
from lineaviva.keeper.payments.models import AttemptState, Dispute, PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import AtOnce, RefundStatus, Return
from lineaviva.keeper.payments.queries import dispute_left, dispute_of, in_dispute, refundable
from lineaviva.kernel import agenda
from lineaviva.kernel.money import Money

# By hand, out of the till or from the bank.
WayOut = Literal["till", "bank"]


def attempt_locked(attempt: PaymentAttempt) -> PaymentAttempt:
    """The attempt as it is now, with its order; both locked until the transaction ends."""
    order = agenda.locked(ProductOrder, attempt.order_id)
    locked = agenda.locked(PaymentAttempt, attempt.pk)
    locked.order = order
    return locked


@transaction.atomic
def refund_request(
    *, attempt: PaymentAttempt, reason: str, now: datetime, amount: Money | None = None, by: User | None = None
) -> Refund:
    """Give an attempt's money back by the way it came.

    Where nothing was delivered all of it goes back by itself; asked for twice it is one refund. Where something was
    delivered `by` of operations gives back `amount` of it (None: all that is left) and says why; the order stays
    active, and the same amount for the same reason is the same refund.

    Raises NotAllowed (operations only), InvalidInput (no reason, no such amount), and Conflict: nothing was collected,
    something was delivered and nobody of operations asks, nothing was delivered yet, more than is left, another refund
    is on its way, or the payer disputes it.
    """
    attempt = attempt_locked(attempt)
    if by is not None or amount is not None:
        return _asked_for(attempt, reason, now, amount, by)
    found = Refund.objects.filter(attempt=attempt, requested_by=None).first()
    if found is not None:
        return found
    due = rules.refund_due(order_state=attempt.order.state, surplus=attempt.surplus)
    if attempt.state != AttemptState.SUCCEEDED or not due:
        raise errors.refund_not_due()
    return _create(attempt, refundable(attempt), reason, now)


def _asked_for(attempt: PaymentAttempt, reason: str, now: datetime, amount: Money | None, by: User | None) -> Refund:
    if by is None:
        raise errors.refund_not_due()
    require_role(by, Role.OPERATIONS)
    reason = " ".join(reason.split())[:200]
    if not reason:
        raise errors.refund_no_reason()
    same = Refund.objects.filter(attempt=attempt, requested_by__isnull=False, reason=reason)
    found = (same if amount is None else same.filter(amount_minor=amount.minor, currency=amount.currency)).first()
    if found is not None:
        return found
    wanted = _allowed(attempt, amount)
    detail = {"amount": str(wanted), "reason": reason}
    audit(actor=by, act="refund_request", subject=f"order:{attempt.order.code}", detail=detail, now=now)
    return _create(attempt, wanted, reason, now, by)


def _allowed(attempt: PaymentAttempt, amount: Money | None) -> Money:
    """What may be given back of what was delivered. Raises Conflict and InvalidInput."""
    if attempt.state != AttemptState.SUCCEEDED or attempt.surplus or attempt.order.state != OrderState.ACTIVE:
        raise errors.refund_by_itself()
    if Refund.objects.filter(attempt=attempt, state=Refund.State.REQUESTED).exists():
        raise errors.refund_on_its_way()
    if dispute_of(attempt) is not None:
        raise errors.refund_disputed()
    left = refundable(attempt)
    wanted = left if amount is None else amount
    if wanted.currency != left.currency or (amount is not None and amount.minor <= 0):
        raise errors.refund_amount_wrong()
    if not 0 < wanted.minor <= left.minor:
        raise errors.refund_too_much(left)
    return wanted


def _create(attempt: PaymentAttempt, amount: Money, reason: str, now: datetime, by: User | None = None) -> Refund:
    refund = Refund.objects.create(
        attempt=attempt,
        number=Refund.objects.filter(attempt=attempt).count() + 1,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=reason[:200],
        requested_by=by,
        requested_at=now,
        look_at=now,
    )
    agenda.wake(refund, now)
    return refund


@transaction.atomic
def refund_here(*, refund: Refund, back: Return, port: AtOnce, now: datetime) -> Refund:
    """Give money back that asks nobody outside, and write it down: one transaction, the second time is quiet."""
    attempt = attempt_locked(refund.attempt)
    refund = agenda.locked(Refund, refund.pk)
    if refund.state == Refund.State.SUCCEEDED:
        return refund
    refund.attempt = attempt
    status = port.give_back(back, attempt.order.placed_by_id, now)
    return refund_settle(refund=refund, status=status, now=now)


@transaction.atomic
def refund_settle(*, refund: Refund, status: RefundStatus, now: datetime) -> Refund:
    """Write what the provider says about a refund; when the money is back the order that failed is closed."""
    attempt = attempt_locked(refund.attempt)
    refund = Refund.objects.select_for_update(of=("self",)).select_related("attempt").get(pk=refund.pk)
    if refund.state == Refund.State.SUCCEEDED:
        return refund
    refund.provider_ref = status.reference
    if status.state == "succeeded":
        refund.state, refund.finished_at, refund.stuck_reason = Refund.State.SUCCEEDED, now, ""
        # What was delivered has a receipt, and its refund a credit note: a later step looks at it.
        refund.look_at = None if refund.requested_by_id is None else now
    refund.save(update_fields=["provider_ref", "state", "finished_at", "look_at", "stuck_reason"])
    if status.state == "succeeded":
        posting.given_back(refund=refund, attempt=attempt, now=now)
    # What operations gave back of a delivered order leaves it active; of what failed all has to be back.
    whole = not attempt.surplus and refund.requested_by_id is None and not refundable(attempt).minor
    if status.state == "succeeded" and whole:
        order_refund(order=attempt.order, now=now)
    return refund


@transaction.atomic
def refund_by_dispute(*, refund: Refund, dispute: Dispute, now: datetime) -> Refund:
    """The payer has this money by a dispute that was lost: it is given back by that; the second time is quiet.

    Where the dispute took less, what is left becomes a refund of its own.
    """
    attempt = attempt_locked(refund.attempt)
    refund = agenda.locked(Refund, refund.pk)
    rest = refund.amount_minor - dispute_left(dispute).minor
    if refund.state == Refund.State.SUCCEEDED or rest >= refund.amount_minor:
        return refund
    if rest > 0:
        refund.amount_minor -= rest
        refund.save(update_fields=["amount_minor"])
    status = RefundStatus("succeeded", f"{posting.BY_DISPUTE}{dispute.provider_ref}")
    refund = refund_settle(refund=refund, status=status, now=now)
    if rest > 0:
        _create(attempt, Money(rest, refund.currency), refund.reason, now, refund.requested_by)
    return refund


@transaction.atomic
def refund_confirm(*, code: str, clerk: User, out_of: WayOut = "till", now: datetime) -> Refund:
    """A clerk has given the money back by hand: cash, or what the provider could not give back.

    What came by the owner's own account is back there, whatever `out_of` says. The second time is quiet.

    Raises NotAllowed (clerks and operations only, operations where it was sent from the bank), NotFound, and Conflict
    where nothing waits for a person, or the payer disputes it.
    """
    require_role(clerk, *((Role.OPERATIONS,) if out_of == "bank" else (Role.CLERK, Role.OPERATIONS)))
    order = ProductOrder.objects.select_for_update(of=("self",)).get(pk=order_by_code(code).pk)
    refunds = list(Refund.objects.filter(attempt__order=order).select_related("attempt").order_by("id"))
    given = posting.BY_HAND
    by_hand = [r for r in refunds if r.attempt.provider == "cash" or r.stuck_reason or r.provider_ref.startswith(given)]
    if not by_hand:
        raise errors.no_refund_waiting()
    refund = next((r for r in by_hand if r.state == Refund.State.REQUESTED), by_hand[-1])
    if refund.state == Refund.State.SUCCEEDED:
        return refund
    if in_dispute(refund):
        raise errors.refund_disputed()
    detail = {"amount": str(Money(refund.amount_minor, refund.currency))}
    detail |= {"out_of": out_of} if out_of == "bank" else {}
    audit(actor=clerk, act="refund_confirm", subject=f"order:{order.code}", detail=detail, now=now)
    by = posting.BY_TRANSFER if out_of == "bank" else posting.BY_HAND
    return refund_settle(refund=refund, status=RefundStatus("succeeded", f"{by}{clerk.pk}"), now=now)
