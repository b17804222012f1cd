"""Writes of activations that no gateway takes part in: deciding by hand, and what is decided once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.activation.actions import (
    activation_begin,
    activation_decide,
    activation_fail,
    activation_sending,
    activation_succeed,
)
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.ports import Result, gateway_for
from lineaviva.keeper.activation.queries import request_of
from lineaviva.keeper.lines.models import LineEvent
from lineaviva.kernel.errors import Conflict, LineavivaError, NotFound
from tests import factories
from tests.keeper.activation.conftest import Way, activation, delivered, held, refunds, states

DONE = Result("succeeded", operator_reference="TIM-17", dates={"full_service_until": date(2027, 11, 22)})
REFUSED = Result("failed", reason="No such line.")


@pytest.fixture
def unknown(way: Way) -> Activation:
    """Sent an hour ago, never answered, and on the stuck list."""
    row = activation_begin(order=way.paid(), now=way.clock.now())
    assert row is not None
    assert activation_sending(activation=row, gateway="tmf", now=way.clock.now())
    Activation.objects.update(state="unknown", look_at=None, stuck_reason="ask the operator")
    way.clock.advance(timedelta(hours=1))
    row.refresh_from_db()
    return row


def test_what_the_gateway_is_asked(way: Way) -> None:
    row = activation_begin(order=way.paid(), now=way.clock.now())
    assert row is not None
    request = request_of(row)
    assert (request.reference, request.operator, request.msisdn) == (row.reference, "tim", row.order.line.msisdn)
    assert (request.kind, request.offering_id, request.amount_minor) == ("topup", "topup-5", 500)
    assert gateway_for("tim") is None


@pytest.mark.parametrize("times", [1, 2])
def test_success_is_written_once(way: Way, unknown: Activation, times: int) -> None:
    for _ in range(times):
        activation_succeed(activation=unknown, result=DONE, now=way.clock.now())
    order = unknown.order
    assert states(order) == ("active", "succeeded")
    found = activation(order)
    assert (found.operator_reference, found.stuck_reason, found.finished_at) == ("TIM-17", "", way.clock.now())
    event = LineEvent.objects.get(reference=f"order:{order.code}")
    assert event.detail == {"operator_reference": "TIM-17", "operator_dates": {"full_service_until": "2027-11-22"}}


@pytest.mark.parametrize("times", [1, 2])
def test_a_refusal_is_written_once(way: Way, unknown: Activation, times: int) -> None:
    for _ in range(times):
        activation_fail(activation=unknown, result=REFUSED, now=way.clock.now())
    assert states(unknown.order) == ("failed", "failed")
    assert refunds(unknown.order) == [("requested", 500, "activation_refused")]


def test_what_was_confirmed_cannot_be_refused_any_more(way: Way, unknown: Activation) -> None:
    activation_succeed(activation=unknown, result=DONE, now=way.clock.now())
    with pytest.raises(Conflict):
        activation_fail(activation=unknown, result=REFUSED, now=way.clock.now())
    assert (states(unknown.order), refunds(unknown.order)) == (("active", "succeeded"), [])


def test_what_was_refused_cannot_be_confirmed_any_more(way: Way, unknown: Activation) -> None:
    activation_fail(activation=unknown, result=REFUSED, now=way.clock.now())
    with pytest.raises(Conflict):
        activation_succeed(activation=unknown, result=DONE, now=way.clock.now())
    assert states(unknown.order) == ("failed", "failed")
    assert not LineEvent.objects.filter(reference=f"order:{unknown.order.code}").exists()


# --- by hand ------------------------------------------------------------------------------------------------------


def test_dora_asked_the_operator_and_it_was_done(way: Way, unknown: Activation) -> None:
    dora = factories.holder("dora@example.org", role="operations")
    now = way.clock.now()
    activation_decide(code=unknown.order.code, outcome="succeeded", reference="TIM-99", by=dora, now=now)
    assert states(unknown.order) == ("active", "succeeded")
    assert activation(unknown.order).operator_reference == "TIM-99"
    from lineaviva.keeper.payments.queries import money_balance

    assert money_balance() == delivered()
    entry = AuditEntry.objects.get(act="activation_decide")
    assert (entry.actor, entry.subject, entry.detail) == (dora, f"order:{unknown.order.code}", {"outcome": "succeeded"})


def test_dora_asked_the_operator_and_it_was_refused(way: Way, unknown: Activation) -> None:
    dora = factories.holder("dora@example.org", role="operations")
    now = way.clock.now()
    activation_decide(code=unknown.order.code, outcome="failed", reference="Number moved away.", by=dora, now=now)
    assert states(unknown.order) == ("failed", "failed")
    assert unknown.order.reason == "Number moved away."
    assert refunds(unknown.order) == [("requested", 500, "activation_refused")]


@pytest.mark.parametrize("role", ["holder", "clerk", "agent"])
def test_nobody_else_decides(way: Way, unknown: Activation, role: str) -> None:
    eve = factories.holder("eve@example.org", role=role)
    with pytest.raises(LineavivaError) as refusal:
        activation_decide(code=unknown.order.code, outcome="failed", reference="", by=eve, now=way.clock.now())
    assert refusal.value.status == 403
    assert (states(unknown.order), refunds(unknown.order)) == (("paid", "unknown"), [])
    assert not AuditEntry.objects.filter(act="activation_decide").exists()


def test_nothing_is_decided_that_does_not_wait_for_a_person(way: Way, unknown: Activation) -> None:
    dora = factories.holder("dora@example.org", role="operations")
    Activation.objects.update(stuck_reason="")
    with pytest.raises(Conflict) as refusal:
        activation_decide(code=unknown.order.code, outcome="failed", reference="", by=dora, now=way.clock.now())
    assert refusal.value.code == "activation_not_stuck"
    with pytest.raises(NotFound):
        activation_decide(code="22222222", outcome="failed", reference="", by=dora, now=way.clock.now())
    assert (states(unknown.order), refunds(unknown.order)) == (("paid", "unknown"), [])
    from lineaviva.keeper.payments.queries import money_balance

    assert money_balance() == held()
