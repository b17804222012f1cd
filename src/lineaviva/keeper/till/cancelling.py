"""Writes of cash that is called off: one person asks, another one agrees, and the money is given back out of the till.

Rows are locked in one order: the cancellation first, then as activations do it (activation, line, order, payment).
"""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.keeper.activation.actions import order_call_off
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.till import errors
from lineaviva.keeper.till.models import Cancellation
from lineaviva.keeper.till.queries import cancellation_asked_of, require_cancellable

REASON = "cash_cancelled"
State = Cancellation.State


@transaction.atomic
def cancellation_ask(*, code: str, by: User, reason: str, now: datetime) -> Cancellation:
    """Ask for cash that was taken to be given back; nothing happens before somebody else agrees.

    Asked again by the same person it is the same. Raises NotAllowed (clerks and operations only), NotFound,
    InvalidInput (no reason), and Conflict: not paid in cash, delivered, the operator may know of it, failed already, or
    somebody else has asked.
    """
    require_role(by, Role.CLERK, Role.OPERATIONS)
    order = order_by_code(code)
    attempt = require_cancellable(order)
    asked = cancellation_asked_of(order)
    if asked is not None:
        return _same(asked, by)
    reason = " ".join(reason.split())[:200]
    if not reason:
        raise errors.no_reason()
    try:
        with transaction.atomic():
            row = Cancellation.objects.create(attempt=attempt, asked_by=by, asked_at=now, reason=reason)
    except IntegrityError:  # somebody asked between the two statements
        asked = cancellation_asked_of(order)
        if asked is None:
            raise errors.on_its_way_back() from None
        return _same(asked, by)
    audit(actor=by, act="cancellation_ask", subject=f"order:{order.code}", detail={"reason": reason}, now=now)
    return row


def _same(asked: Cancellation, by: User) -> Cancellation:
    if asked.asked_by_id != by.pk:
        raise errors.cancellation_asked()
    return asked


@transaction.atomic
def cancellation_consent(*, pk: int, by: User, now: datetime) -> Cancellation:
    """A second person agrees: the order fails, and its cash waits to be given back. The second time is quiet.

    Raises NotAllowed (clerks and operations only; never who asked), NotFound, and Conflict: decided already, delivered,
    or the operator may know of the order by now.
    """
    require_role(by, Role.CLERK, Role.OPERATIONS)
    row = _locked(pk)
    if row.asked_by_id == by.pk:
        raise errors.second_person()
    if row.state == State.CONSENTED:
        return row
    if row.state != State.ASKED:
        raise errors.cancellation_over()
    order = row.attempt.order
    require_cancellable(order)
    order_call_off(order=order, reason=REASON, now=now)
    row.state, row.consented_by, row.decided_at = State.CONSENTED, by, now
    row.save(update_fields=["state", "consented_by", "decided_at"])
    detail = {"asked_by": row.asked_by_id, "reason": row.reason}
    audit(actor=by, act="cancellation_consent", subject=f"order:{order.code}", detail=detail, now=now)
    return row


@transaction.atomic
def cancellation_end(*, pk: int, by: User, now: datetime) -> Cancellation:
    """It is not called off: who asked takes it back, anybody else refuses it. The second time is quiet.

    Raises NotAllowed (clerks and operations only), NotFound, and Conflict where somebody has agreed already.
    """
    require_role(by, Role.CLERK, Role.OPERATIONS)
    row = _locked(pk)
    if row.state == State.CONSENTED:
        raise errors.cancellation_over()
    if row.state != State.ASKED:
        return row
    row.state = State.WITHDRAWN if row.asked_by_id == by.pk else State.REFUSED
    row.ended_by, row.decided_at = by, now
    row.save(update_fields=["state", "ended_by", "decided_at"])
    audit(actor=by, act=f"cancellation_{row.state}", subject=f"order:{row.attempt.order.code}", now=now)
    return row


def _locked(pk: int) -> Cancellation:
    """As it is now, locked. NotFound (cancellation_unknown)."""
    rows = Cancellation.objects.select_for_update(of=("self",)).select_related("attempt__order__line", "asked_by")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise errors.cancellation_unknown()
    return row
