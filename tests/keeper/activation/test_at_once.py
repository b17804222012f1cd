"""Two workers at once, and workers that die between any two statements: the operator does it once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lineaviva.keeper.activation import agenda as steps
from lineaviva.keeper.activation.actions import activation_begin, activation_sending, activation_unsent
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.tmf.adapter import TmfGateway
from lineaviva.keeper.lines.models import LineEvent
from lineaviva.keeper.orders.actions import order_fail
from tests.carrier_process import CarrierProcess
from tests.keeper.activation.conftest import Way, activation, refunds, states
from tests.keeper.activation.proxy import BadNetwork
from tests.keeper.together import together

pytestmark = pytest.mark.processes
_LEASE = timedelta(seconds=91)


def waiting(way: Way) -> Activation:
    found = activation_begin(order=way.paid(), now=way.clock.now())
    assert found is not None
    return found


# --- at once ------------------------------------------------------------------------------------------------------


def test_two_workers_send_it_once(way: Way, carrier: CarrierProcess, network: BadNetwork) -> None:
    order = way.paid()
    together(3, way.look)
    way.look()
    assert states(order) == ("active", "succeeded")
    assert network.seen["POST"] == 1
    assert carrier.credited(f"LV-{order.code}") == (1, 500)
    assert LineEvent.objects.filter(reference=f"order:{order.code}").count() == 1


def test_two_beginnings_are_one_activation(way: Way, carrier: CarrierProcess) -> None:
    order = way.paid()
    made = together(4, lambda: activation_begin(order=order, now=way.clock.now()))
    assert len({one.pk for one in made}) == 1
    assert Activation.objects.count() == 1


def test_only_one_of_two_that_hold_the_same_row_sends(way: Way, carrier: CarrierProcess) -> None:
    """As when a lease ran out over a worker that was slow and not dead."""
    row = waiting(way)
    answers = together(
        4,
        lambda: activation_sending(activation=Activation.objects.get(pk=row.pk), gateway="tmf", now=way.clock.now()),
    )
    # Each read the row for itself: those who read it after the first had sent see it as sent, and send it again only
    # through the rule for that. Those who read it before are turned away by its count.
    row.refresh_from_db()
    assert row.sends == answers.count(True)
    stale = Activation(pk=row.pk, order_id=row.order_id, state="waiting", sends=0)
    assert activation_sending(activation=stale, gateway="tmf", now=way.clock.now()) is False
    assert Activation.objects.get(pk=row.pk).sends == row.sends


def test_a_worker_that_was_slow_does_not_take_back_what_another_sent(way: Way, carrier: CarrierProcess) -> None:
    slow, quick = waiting(way), Activation.objects.get()
    assert activation_sending(activation=slow, gateway="tmf", now=way.clock.now()) is True
    quick.refresh_from_db()
    assert activation_sending(activation=quick, gateway="tmf", now=way.clock.now()) is True
    activation_unsent(activation=slow)
    assert (slow.state, slow.sends) == ("sent", 2)
    activation_unsent(activation=quick)
    assert (quick.state, quick.sends) == ("waiting", 1)


def test_nothing_is_sent_for_an_order_that_was_given_up_meanwhile(
    way: Way, carrier: CarrierProcess, network: BadNetwork
) -> None:
    row = waiting(way)
    order_fail(order=row.order, reason="by hand", now=way.clock.now())
    way.look()
    assert network.seen["POST"] == 0
    assert Activation.objects.get().sends == 0


# --- killed -------------------------------------------------------------------------------------------------------


def killed(*_: Any, **__: Any) -> None:
    """As kill -9: nothing after this statement happens, and nobody writes that it did not."""
    raise KeyboardInterrupt


def kill_at(way: Way, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(KeyboardInterrupt):
            way.look()


def test_killed_before_it_was_written_down_nothing_went_out(
    way: Way, carrier: CarrierProcess, network: BadNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = way.paid()
    kill_at(way, monkeypatch, steps, "activation_sending")
    assert states(order) == ("paid", "waiting")
    way.after(seconds=_LEASE.total_seconds())
    assert states(order) == ("active", "succeeded")
    assert network.seen["POST"] == 1


def test_killed_between_writing_it_down_and_sending_it_is_asked_about_first(
    way: Way, carrier: CarrierProcess, network: BadNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = way.paid()
    kill_at(way, monkeypatch, TmfGateway, "perform")
    assert states(order) == ("paid", "sent")
    assert network.seen["POST"] == 0
    way.after(seconds=_LEASE.total_seconds())
    # The operator had nothing by our reference, and the lease is long enough for the last copy to have arrived.
    assert (states(order), activation(order).sends) == (("active", "succeeded"), 2)
    assert network.seen["GET"] >= 1
    assert carrier.credited(f"LV-{order.code}") == (1, 500)


def test_killed_between_the_answer_and_writing_it_is_found(
    way: Way, carrier: CarrierProcess, network: BadNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = way.paid()
    kill_at(way, monkeypatch, steps, "_write")
    assert states(order) == ("paid", "sent")
    assert carrier.credited(f"LV-{order.code}") == (1, 500)
    way.after(seconds=_LEASE.total_seconds())
    assert (states(order), activation(order).sends) == (("active", "succeeded"), 1)
    assert network.seen["POST"] == 1
    assert carrier.credited(f"LV-{order.code}") == (1, 500)


@pytest.mark.parametrize("name", ["line_event_record", "reminders_cancel", "order_activate"])
def test_killed_within_the_last_transaction_none_of_it_is_written(
    way: Way, carrier: CarrierProcess, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from lineaviva.keeper.activation import actions

    order = way.paid()
    kill_at(way, monkeypatch, actions, name)
    assert states(order) == ("paid", "sent")
    assert not LineEvent.objects.filter(reference=f"order:{order.code}").exists()
    way.after(seconds=_LEASE.total_seconds())
    assert states(order) == ("active", "succeeded")
    assert LineEvent.objects.filter(reference=f"order:{order.code}").count() == 1
    assert carrier.credited(f"LV-{order.code}") == (1, 500)


@pytest.mark.parametrize("name", ["order_fail", "refund_request"])
def test_killed_within_a_refusal_none_of_it_is_written(
    way: Way, carrier: CarrierProcess, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from lineaviva.keeper.activation import actions

    carrier.knobs(refusal_percent=100)
    order = way.paid()
    kill_at(way, monkeypatch, actions, name)
    assert (states(order), refunds(order)) == (("paid", "sent"), [])
    way.after(seconds=_LEASE.total_seconds())
    assert states(order) == ("failed", "failed")
    assert refunds(order) == [("requested", 500, "activation_refused")]


def test_killed_before_the_activation_is_there_the_order_is_looked_at_again(
    way: Way, carrier: CarrierProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = way.paid()
    kill_at(way, monkeypatch, steps, "activation_begin")
    assert not Activation.objects.exists()
    way.after(seconds=_LEASE.total_seconds())
    assert states(order) == ("active", "succeeded")
