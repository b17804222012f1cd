"""Credit that is corrected by hand or moved between lines: once a reference, in one transaction with its money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError, transaction

from lineaviva.carrier.ledger import rules as postings
from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.ledger.models import Kind, Origin
from lineaviva.carrier.orders.actions import credit_spend, debt_pay
from lineaviva.carrier.orders.models import CreditMove
from lineaviva.carrier.orders.rules import Move
from lineaviva.carrier.subscriptions.models import MOST, Subscription
from lineaviva.carrier.subscriptions.rules import refusal
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, NotFound


def credit_move_perform(
    *, move: Move, now: datetime, tell: Callable[[CreditMove], object] = lambda row: None
) -> CreditMove:
    """Do it, or give what the same reference did before; `tell` is called with a new one in its transaction.

    Raises NotFound for lines that are not the operator's, and Conflict (reference_reused, credit_too_little,
    credit_too_much, line_suspended, line_closed, line_off): then nothing was changed.
    """
    try:
        with transaction.atomic():
            known = _known(move)
            if known is not None:
                return known
            lines = _locked(move)
            # A copy may have been carried out while this one waited for the lines.
            known = _known(move)
            if known is not None:
                return known
            row = _adjust(move, lines, now) if move.kind == "adjust" else _transfer(move, lines, now)
            tell(row)
            return row
    except IntegrityError:
        known = _known(move)
        if known is None:
            raise
        return known


def _known(move: Move) -> CreditMove | None:
    if move.reference is None:
        return None
    same = {"operator": move.operator, "requester": move.requester, "kind": move.kind, "reference": move.reference}
    known = CreditMove.objects.filter(**same).first()
    if known is None:
        return None
    before = (known.subscription_id, known.receiver_id, known.amount_minor)
    if before != (move.subscription_id, move.receiver_id, move.amount_minor):
        raise Conflict("This reference was used for something else.", code="reference_reused", field="externalId")
    return known


def _locked(move: Move) -> dict[int, Subscription]:
    """The lines, locked by their ids in order, so that two transfers cannot wait for each other."""
    wanted = {pk for pk in (move.subscription_id, move.receiver_id) if pk is not None}
    rows = Subscription.objects.select_for_update().filter(operator=move.operator, pk__in=wanted).order_by("pk")
    lines = {row.pk: row for row in rows}
    if len(lines) < len(wanted):
        raise NotFound("There is no such line.", code="line_unknown")
    return lines


def _adjust(move: Move, lines: dict[int, Subscription], now: datetime) -> CreditMove:
    line = lines[move.subscription_id]
    _refuse_beyond(line, move.amount_minor)
    event = event_record(
        subscription=line,
        kind=Kind.ADJUSTED,
        origin=Origin.STAFF,
        postings=postings.adjustment(move.amount_minor),
        now=now,
    )
    if move.amount_minor > 0:
        _arrived(line, now)
    return _written(move, event.number, None, now)


def _transfer(move: Move, lines: dict[int, Subscription], now: datetime) -> CreditMove:
    giver, receiver = lines[move.subscription_id], lines[move.receiver_id or 0]
    # The law lets holders take their credit along from a line that is off or closed, but not past a block.
    if giver.status == "suspended":
        raise Conflict("The line is blocked.", code="line_suspended")
    refused = refusal(receiver.status, receiver.phase)
    if refused:
        raise Conflict(f"The receiving line: {refused[1]}", code=refused[0], field="receiverLogicalResource")
    debt_pay(subscription=giver, now=now)
    _refuse_beyond(giver, -move.amount_minor)
    _refuse_beyond(receiver, move.amount_minor)
    gone = event_record(
        subscription=giver, kind=Kind.CREDIT_OUT, postings=postings.credit_out(move.amount_minor), now=now
    )
    come = event_record(
        subscription=receiver, kind=Kind.CREDIT_IN, postings=postings.credit_in(move.amount_minor), now=now
    )
    _arrived(receiver, now)
    return _written(move, gone.number, come.number, now)


def _refuse_beyond(line: Subscription, change: int) -> None:
    if line.credit_minor + change < 0:
        raise Conflict("The line has not so much credit.", code="credit_too_little", field="amount")
    if line.credit_minor + change > MOST:
        raise Conflict("That is more than a line can have.", code="credit_too_much", field="amount")


def _arrived(line: Subscription, now: datetime) -> None:
    """New credit pays the line's debt; what was not paid wakes only on a line that may use it."""
    if refusal(line.status, line.phase):
        debt_pay(subscription=line, now=now)
    else:
        credit_spend(subscription=line, today=rome_date(now), now=now)


def _written(move: Move, event_number: int, receiver_event_number: int | None, now: datetime) -> CreditMove:
    return CreditMove.objects.create(
        operator=move.operator,
        requester=move.requester,
        reference=move.reference,
        kind=move.kind,
        subscription_id=move.subscription_id,
        event_number=event_number,
        receiver_id=move.receiver_id,
        receiver_event_number=receiver_event_number,
        amount_minor=move.amount_minor,
        body=move.body,
        made_at=now,
    )
