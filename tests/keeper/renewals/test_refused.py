"""What our own rules refuse before the bank hears of it: put off where time helps, else said."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.errors import LineBeingRenewed, VelocityReached
from lineaviva.keeper.payments.saving import payment_charge
from lineaviva.keeper.payments.velocity import Full
from lineaviva.keeper.renewals.models import AutoMessage
from lineaviva.kernel.errors import Conflict
from tests.keeper.renewals.conftest import World


def refuse(world: World, monkeypatch: pytest.MonkeyPatch, refusal: Conflict) -> None:
    """The first charge meets `refusal`; those after it go their way."""
    world.on()
    world.days(date(2027, 3, 20), date(2027, 3, 23))
    refusals = [refusal]

    def charge(**facts: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return payment_charge(**facts)

    monkeypatch.setattr("lineaviva.keeper.renewals.agenda.payment_charge", charge)
    world.at(3, 24, 9, 1)


def told() -> list[str]:
    return list(AutoMessage.objects.order_by("pk").values_list("kind", flat=True))


def test_somebody_pays_for_the_line_at_this_moment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(world, monkeypatch, LineBeingRenewed([]))
    assert (world.states(), world.bank.asked, told()) == ([("announced", "")], [], ["notice"])
    for minute in (10, 15):
        world.at(3, 24, 10, minute)
    assert (world.states(), len(world.bank.charged)) == ([("done", "")], 1)
    assert ProductOrder.objects.count() == 1, "the one that was placed an hour before"


def test_too_much_for_now_waits_until_there_is_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    room = world.clock.now().replace(year=2027, month=3, day=25, hour=20)
    refuse(world, monkeypatch, VelocityReached(Full("card", "day", 20000, room)))
    world.clock.move_to(room - timedelta(minutes=1))
    world.work()
    assert (world.states(), world.bank.asked) == ([("announced", "")], [])
    world.clock.move_to(room)
    world.work()
    world.at(3, 25, 22, 10)
    assert (world.states(), told()) == ([("done", "")], ["notice", "renewed"])


@pytest.mark.parametrize(
    ("refusal", "end"),
    [
        (Conflict("", code="method_unusable"), ("skipped", "card")),
        (Conflict("", code="method_disputed"), ("failed", "method_disputed")),
        (VelocityReached(Full("card", "day", 20000)), ("failed", "card_limit")),
    ],
)
def test_what_waiting_does_not_mend_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch, refusal: Conflict, end: tuple[str, str]
) -> None:
    refuse(world, monkeypatch, refusal)
    assert (world.states(), world.bank.asked) == ([end], [])
    assert told() == ["notice", end[0]]
    assert world.run().auto.state == "on"
