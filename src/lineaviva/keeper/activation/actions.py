"""Writes of activations. Rows are locked in one order: the activation, its line, its order, the order's payment."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.db import transaction
from django.db.models import F

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.keeper.activation import errors, rules
from lineaviva.keeper.activation.models import Activation, ActivationState
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.activation.queries import activation_of, dates_of
from lineaviva.keeper.lines.actions import line_event_record, line_plan_change
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_activate, order_fail
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.payments import posting
from lineaviva.keeper.payments.queries import paying_attempt
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.keeper.reminders.actions import reminders_cancel
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date

_OPEN = (ActivationState.WAITING, ActivationState.SENT, ActivationState.UNKNOWN)


@transaction.atomic
def activation_begin(*, order: ProductOrder, now: datetime) -> Activation | None:
    """The activation of a paid order, due at once, or the one that is there; None for an order that is not paid.

    One that comes with an eSIM profile is held: the step that hands profiles out (delivery) lets it go on.
    """
    if order.state != OrderState.PAID:
        return activation_of(order)
    state = ActivationState.HELD if order.with_profile else ActivationState.WAITING
    activation, _ = Activation.objects.get_or_create(
        order=order, defaults={"reference": f"LV-{order.code}", "state": state, "created_at": now, "look_at": now}
    )
    return activation


@transaction.atomic
def activation_release(*, activation: Activation, now: datetime) -> Activation:
    """Let one that is held go on, at once. Quiet for one that is not held (any more)."""
    row = agenda.locked(Activation, activation.pk)
    if row.state == ActivationState.HELD:
        row.state = ActivationState.WAITING
        row.save(update_fields=["state"])
        agenda.wake(row, now)
    return row


def activation_sending(*, activation: Activation, gateway: str, now: datetime) -> bool:
    """Write down, before it is done, that the request goes out; committed when this returns.

    A worker that dies after this leaves an activation that is asked about and not sent blindly again. False where
    another worker was faster, or where the order is not paid any more: then nothing may be sent.
    """
    with transaction.atomic():
        row = agenda.locked(Activation, activation.pk)
        order = agenda.locked(ProductOrder, activation.order_id)
        # The count of sends is what two workers with the same row compete for.
        if (row.state, row.sends) != (activation.state, activation.sends) or row.state not in _OPEN:
            return False
        if order.state != OrderState.PAID:
            return False
        row.state, row.gateway, row.sends = ActivationState.SENT, gateway, row.sends + 1
        row.sent_at, row.asked = now, 0
        row.save(update_fields=["state", "gateway", "sends", "sent_at", "asked"])
    for name in ("state", "gateway", "sends", "sent_at", "asked"):
        setattr(activation, name, getattr(row, name))
    return True


def activation_unsent(*, activation: Activation) -> None:
    """The request surely did not reach the operator: it waits again as it did before."""
    Activation.objects.filter(pk=activation.pk, state=ActivationState.SENT, sends=activation.sends).update(
        state=ActivationState.WAITING, sends=F("sends") - 1
    )
    activation.refresh_from_db()


@transaction.atomic
def activation_succeed(*, activation: Activation, result: Result, now: datetime) -> Activation:
    """The operator did it: the line's event, its reminders and the order, in one transaction; the second time is quiet.

    Raises Conflict where it was refused before.
    """
    activation = _locked(activation)
    if activation.state == ActivationState.SUCCEEDED:
        return activation
    if activation.state == ActivationState.FAILED:
        raise errors.decided()
    _finish(activation, ActivationState.SUCCEEDED, result, now)
    order, line = activation.order, activation.order.line
    _line_renew(activation, result, now)
    reminders_cancel(line=line, now=now)
    order_activate(order=order, dates_after=dates_of(line, rome_date(now)), now=now)
    posting.delivered(order=order, now=now)
    return activation


def _line_renew(activation: Activation, result: Result, now: datetime) -> None:
    order = activation.order
    at = rules.happened_at(result.done_at, sent_at=activation.sent_at, now=now)
    told = {name: day.isoformat() for name, day in result.dates.items()}
    line_event_record(
        line=order.line,
        kind=order.offering.kind,
        on=rome_date(at),
        reference=f"order:{order.code}",
        by=order.placed_by,
        amount_minor=order.quote.price_minor,
        extends=order.offering.extends,
        detail={"operator_reference": result.operator_reference, **({"operator_dates": told} if told else {})},
        now=now,
    )
    if order.offering.kind == "plan":
        months, days = order.offering.period_months, order.offering.period_days
        ends = rules.plan_ends(rome_date(at), told=result.dates.get("plan_until"), months=months, days=days)
        line_plan_change(line=order.line, plan=order.offering.name, expires_on=ends, now=now)


@transaction.atomic
def activation_fail(*, activation: Activation, result: Result, now: datetime) -> Activation:
    """The operator refused: the order fails and its money is asked back, in one transaction; the second time is quiet.

    One that came with an eSIM profile is looked at once more, by the step that hands profiles out. Raises Conflict
    where it was confirmed before.
    """
    activation = _locked(activation)
    if activation.state == ActivationState.FAILED:
        return activation
    if activation.state == ActivationState.SUCCEEDED:
        raise errors.decided()
    _finish(activation, ActivationState.FAILED, result, now)
    order = order_fail(order=activation.order, reason=result.reason or "refused", now=now)
    attempt = paying_attempt(order)
    if attempt is not None:
        refund_request(attempt=attempt, reason="activation_refused", now=now)
    if order.with_profile:
        agenda.wake(activation, now)  # its eSIM profile is to be withdrawn
    return activation


class _Begun(Exception):
    """An activation appeared before its order was locked."""


@transaction.atomic
def order_call_off(*, order: ProductOrder, reason: str, now: datetime) -> ProductOrder:
    """A paid order is given up before its operator hears of it: it fails, and its money is asked back.

    `reason` is written at the order and its refund. Raises Conflict (activation_begun) where the request may have gone
    out or a profile is being ordered, and where the order is not paid.
    """
    activation = activation_of(order)
    if activation is None:
        try:
            with transaction.atomic():  # so that the order is let go where its activation is to be locked before it
                return _fail_unbegun(order, reason, now)
        except _Begun:
            activation = Activation.objects.get(order=order)
    row = _locked(activation)
    if rules.begun(row.state, sends=row.sends, with_profile=row.order.with_profile):
        raise errors.begun()
    _finish(row, ActivationState.FAILED, Result("failed", reason=reason), now)
    return _give_up(row.order, reason, now)


def _fail_unbegun(order: ProductOrder, reason: str, now: datetime) -> ProductOrder:
    order = agenda.locked(ProductOrder, order.pk)
    if Activation.objects.filter(order=order.pk).exists():
        raise _Begun
    return _give_up(order, reason, now)


def _give_up(order: ProductOrder, reason: str, now: datetime) -> ProductOrder:
    order = order_fail(order=order, reason=reason, now=now)
    attempt = paying_attempt(order)
    if attempt is not None:
        refund_request(attempt=attempt, reason=reason, now=now)
    return order


@transaction.atomic
def activation_decide(
    *, code: str, outcome: Literal["succeeded", "failed"], reference: str, by: User, now: datetime
) -> Activation:
    """A person has asked the operator: what became of an activation that stands on the stuck list.

    `reference` is what the operator told: its own number of the act, or its reason. Raises NotAllowed (operations
    only), NotFound, and Conflict where nothing waits for a person.
    """
    require_role(by, Role.OPERATIONS)
    activation = activation_of(order_by_code(code))
    if activation is None or not activation.stuck_reason:
        raise errors.not_stuck()
    if outcome == "succeeded":
        result = Result("succeeded", operator_reference=reference)
        activation = activation_succeed(activation=activation, result=result, now=now)
    else:
        activation = activation_fail(activation=activation, result=Result("failed", reason=reference), now=now)
    audit(actor=by, act="activation_decide", subject=f"order:{code}", detail={"outcome": outcome}, now=now)
    return activation


def _locked(activation: Activation) -> Activation:
    row = agenda.locked(Activation, activation.pk)
    row.order = ProductOrder.objects.select_related("offering", "quote", "placed_by").get(pk=row.order_id)
    # The line is locked before the order, as everywhere else.
    row.order.line = agenda.locked(Line, row.order.line_id)
    return row


def _finish(activation: Activation, state: ActivationState, result: Result, now: datetime) -> None:
    activation.state = state
    activation.operator_reference = result.operator_reference[:120]
    activation.reason = result.reason[:200]
    activation.finished_at, activation.look_at, activation.stuck_reason = now, None, ""
    if result.charged:
        activation.charged_minor, activation.charged_currency = result.charged.minor, result.charged.currency
    names = ("state", "operator_reference", "reason", "finished_at", "look_at", "stuck_reason")
    activation.save(update_fields=[*names, "charged_minor", "charged_currency"])
