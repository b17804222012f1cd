"""Its holder stops it, or pays by hand, in the very moment in which it is charged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connections

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.renewals import actions, running
from lineaviva.keeper.renewals.actions import auto_stop
from lineaviva.keeper.renewals.models import AutoEvent, AutoRenewal
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import ROME
from tests.keeper.renewals.conftest import Keeping, World
from tests.keeper.together import together
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def announced(world: World) -> AutoRenewal:
    """It is the minute before the charge."""
    auto = world.on()
    for day in (21, 22):
        world.at(3, day, 9, 1)
    world.clock.move_to(datetime(2027, 3, 24, 9, 1, tzinfo=ROME))
    assert world.states() == [("announced", "")]
    return auto


def both(*acts: Callable[[], Any]) -> None:
    """Each in a thread of its own, begun together."""
    waiting: Iterator[Callable[[], Any]] = iter(acts)
    together(len(acts), lambda: next(waiting)())


@pytest.mark.parametrize("round", range(3))
def test_stopped_while_a_worker_begins_to_charge(world: World, round: int) -> None:
    auto = announced(world)

    def stop() -> None:
        auto_stop(auto=auto, by=world.anna, reason="page", now=world.clock.now())

    both(*([stop, world.work] if round % 2 else [world.work, stop]))
    world.at(3, 24, 9, 10)
    auto.refresh_from_db()
    assert auto.state == "off"
    ends = {("stopped", ""): 0, ("skipped", "stopped"): 0, ("done", ""): 1}
    [end] = world.states()
    assert len(world.bank.charged) == len(world.bank.asked) == ends[end]
    assert AutoEvent.objects.filter(kind="off").count() == 1
    world.at(3, 27, 9, 10)
    assert len(world.bank.asked) == ends[end], "nothing comes after that"


def test_stopped_while_the_bank_is_thinking_the_charge_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    auto, real = announced(world), Keeping.charge

    def thinking(self: Keeping, *facts: Any) -> Any:
        both(lambda: auto_stop(auto=auto, by=world.anna, reason="page", now=world.clock.now()))
        return real(self, *facts)

    monkeypatch.setattr(Keeping, "charge", thinking)
    world.at(3, 24, 9, 1)
    world.at(3, 24, 9, 10)
    auto.refresh_from_db()
    assert (auto.state, world.states()) == ("off", [("done", "")])
    assert list(world.bank.charged.values()) == [500]


def test_who_stops_it_and_who_charges_it_do_not_wait_for_each_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a row that the other is about to need: whoever stops it the renewal, whoever charges it the run."""
    auto, at_the_runs, wrong = announced(world), Event(), []
    locks, writes = actions.runs_locked, actions.note

    def runs_locked(*facts: Any) -> Any:
        at_the_runs.set()
        return locks(*facts)

    def stop() -> None:
        try:
            auto_stop(auto=auto, by=world.anna, now=world.clock.now())
        except Exception as error:  # noqa: BLE001 - said in the test's own thread
            wrong.append(error)
        finally:
            connections.close_all()

    stopping = Thread(target=stop)

    def note(*facts: Any, **more: Any) -> Any:
        if not stopping.ident:
            stopping.start()
            at_the_runs.wait(1)  # SQLite lets it begin only when this one is done
        return writes(*facts, **more)

    monkeypatch.setattr(actions, "runs_locked", runs_locked)
    monkeypatch.setattr(running, "note", note)
    world.work()
    stopping.join(PATIENCE)
    assert [str(one) for one in wrong] == []
    world.at(3, 24, 9, 10)
    auto.refresh_from_db()
    assert auto.state == "off"
    assert world.states() in ([("skipped", "stopped")], [("done", "")])
    assert agenda.stuck() == []


def test_two_workers_charge_once(world: World) -> None:
    announced(world)
    both(world.work, world.work, world.work)
    world.at(3, 24, 9, 10)
    assert world.states()[0] == ("done", "")
    assert (len(world.bank.charged), ProductOrder.objects.count(), PaymentAttempt.objects.count()) == (1, 1, 1)
