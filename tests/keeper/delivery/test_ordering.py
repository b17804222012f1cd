"""Ordering, releasing and taking back, at operators that are away, refuse, lose their answers or sell only codes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lineaviva.keeper.activation.rules import ASK_AFTER
from lineaviva.keeper.delivery.actions import delivery_begin, delivery_give_up, delivery_sending, delivery_unsent
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent
from lineaviva.keeper.delivery.ports import Seen
from lineaviva.keeper.delivery.queries import activation_code, matching_id
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.kernel import agenda
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary, Unknown
from tests.keeper.delivery.conftest import Way, again, kinds, mails, states
from tests.keeper.delivery.pretend import HOST, Server


def only(order: ProductOrder) -> Delivery:
    return Delivery.objects.get(order=order)


# --- the operator is away -----------------------------------------------------------------------------------------


def test_an_operator_that_is_away_is_tried_again_until_it_is_back(way: Way) -> None:
    way.server.fails["order"] = [Temporary("no answer")] * 3
    order = way.paid()
    way.look()
    found = only(order)
    assert (found.state, found.sends, found.gateway, found.delays) == ("waiting", 0, "pretend", 1)
    assert found.look_at is not None
    assert found.look_at <= way.now + timedelta(seconds=2)
    for _ in range(3):
        way.after(minutes=1)
    assert (only(order).state, way.server.calls["order"], only(order).sends) == ("released", 4, 1)


@pytest.mark.parametrize(("function", "state"), [("order", "waiting"), ("release", "ordered")])
def test_an_operator_that_is_away_for_a_day_is_for_a_person(way: Way, function: str, state: str) -> None:
    way.server.fails[function] = [Temporary("no answer")] * 100
    order = way.paid(kind="topup")
    for _ in range(14):
        way.after(hours=2)
    found = only(order)
    assert (found.state, found.look_at) == (state, None)
    assert "pretend could not be reached for a day: no answer" in found.stuck_reason
    assert agenda.stuck() == [found]
    way.server.fails.clear()
    agenda.unstick(found, way.now)
    way.look()
    assert (only(order).state, len(way.server.profiles)) == ("released", 1)


def test_a_plan_goes_on_in_time_though_its_profile_is_stuck(way: Way) -> None:
    way.server.fails["order"] = [NeedsPerson("No profile of the type prepaid is left at tim.")]
    order = way.paid()
    way.look()
    assert (states(order), only(order).stuck_reason) == (
        ("paid", "held", "waiting"),
        "NeedsPerson: No profile of the type prepaid is left at tim.",
    )
    way.after(hours=24)
    assert states(order) == ("active", "succeeded", "waiting")
    agenda.unstick(only(order), way.now)
    way.look()
    assert states(order) == ("active", "succeeded", "released")


def test_without_a_gateway_it_is_for_a_person(way: Way, settings: Any) -> None:
    gateways, settings.PROFILE_GATEWAYS = settings.PROFILE_GATEWAYS, {}
    order = way.paid(kind="topup")
    way.look()
    assert only(order).stuck_reason == (
        f"NeedsPerson: No gateway reaches the eSIM profiles of tim; profile {only(order).code} cannot be had."
    )
    assert states(order) == ("active", "succeeded", "waiting")
    settings.PROFILE_GATEWAYS = gateways
    agenda.unstick(only(order), way.now)
    way.look()
    assert only(order).state == "released"


def test_what_was_sent_by_one_gateway_is_not_sent_by_another(way: Way, settings: Any) -> None:
    way.server.loses["order"] = 1
    order = way.paid(kind="topup")
    way.look()
    gateways = settings.PROFILE_GATEWAYS
    settings.PROFILE_GATEWAYS = {"reseller": "tests.keeper.delivery.pretend.Reseller"}
    way.after(seconds=5)
    assert "No gateway reaches" in only(order).stuck_reason
    assert (way.server.calls["order"], way.server.calls["look"]) == (1, 0)
    settings.PROFILE_GATEWAYS = gateways
    agenda.unstick(only(order), way.now)
    way.look()
    assert (only(order).state, only(order).gateway) == ("released", "pretend")
    # Released, it needs no gateway any more.
    settings.PROFILE_GATEWAYS = {}
    way.after(days=3)
    assert mails(only(order)) == [("ready", "sent"), ("reminder", "sent")]


# --- the operator says no -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "refusal", "failure", "told"),
    [
        ("order", Permanent("Not eligible", code="8.2.5/4.3"), "8.2.5/4.3", ["refused"]),
        ("order", Permanent("The bundle is not sold any more."), "The bundle is not sold any more.", ["refused"]),
        ("release", Permanent("In use", code="8.2.6/3.3"), "8.2.6/3.3", ["ordered", "refused"]),
    ],
)
def test_a_refused_profile_is_the_end_of_it_and_not_of_the_order(
    way: Way, function: str, refusal: Permanent, failure: str, told: list[str]
) -> None:
    way.server.fails[function] = [refusal]
    order = way.paid()
    way.look()
    found = only(order)
    assert (found.state, found.failure, found.look_at, found.closed_at) == ("refused", failure, None, way.now)
    assert (kinds(found), mails(found), agenda.stuck()) == (told, [], [])
    assert DeliveryEvent.objects.get(kind="refused").detail == {"failure": failure}
    way.after(hours=24)
    assert states(order) == ("active", "succeeded", "refused")


# --- answers that are lost ----------------------------------------------------------------------------------------


def test_a_lost_answer_to_an_order_leads_to_no_second_profile(way: Way) -> None:
    way.server.loses["order"] = 1
    order = way.paid()
    way.look()
    found = only(order)
    assert (found.state, found.sends, found.asked, found.iccid) == ("waiting", 1, 1, "")
    assert found.look_at == way.now + timedelta(seconds=5)
    way.after(seconds=5)
    assert (only(order).state, only(order).sends, only(order).asked) == ("released", 2, 0)
    assert (way.server.calls["order"], list(way.server.profiles)) == (2, [found.call_id])


def test_a_lost_answer_to_a_release_gives_the_same_code(way: Way) -> None:
    way.server.loses["release"] = 2
    order = way.paid()
    way.look()
    before = matching_id(only(order))
    assert (only(order).state, only(order).asked) == ("ordered", 1)
    way.after(seconds=5)
    assert (only(order).state, only(order).asked) == ("ordered", 2)
    way.after(seconds=15)
    assert activation_code(only(order)) == ActivationCode(HOST, before)
    assert (way.server.calls["order"], way.server.calls["release"]) == (1, 3)


def test_an_operator_that_never_answers_is_for_a_person(way: Way) -> None:
    way.server.loses["order"] = 100
    order = way.paid(kind="topup")
    way.look()
    waits = []
    while (look_at := only(order).look_at) is not None:
        waits.append(look_at - way.now)
        way.clock.move_to(look_at)
        way.look()
    assert waits == list(ASK_AFTER)
    assert f"what became of {only(order).call_id}" in only(order).stuck_reason
    assert len(way.server.profiles) == 1


# --- a reseller ---------------------------------------------------------------------------------------------------


def test_a_reseller_gives_its_code_at_once(way: Way, reseller: Server) -> None:
    order = way.paid()
    way.look()
    found = only(order)
    assert (found.state, found.gateway, activation_code(found)) == (
        "released", "reseller", ActivationCode(HOST, "K2-RESOLD"),
    )  # fmt: skip
    assert (kinds(found), mails(found)) == (["ordered", "released"], [("ready", "sent")])
    assert found.ordered_at == found.released_at == way.now


def test_what_a_reseller_was_asked_for_and_did_not_answer_is_looked_for(way: Way, reseller: Server) -> None:
    reseller.loses["order"] = 1
    order = way.paid()
    way.look()
    reseller.seen = Seen("released", "8939010000000000009", ActivationCode(HOST, "K2-RESOLD"))
    way.after(seconds=5)
    found = only(order)
    assert (found.state, found.iccid, found.sends) == ("released", "8939010000000000009", 1)
    assert (reseller.calls["order"], activation_code(found)) == (1, ActivationCode(HOST, "K2-RESOLD"))


def test_what_surely_never_arrived_at_a_reseller_is_ordered_again_a_minute_later(way: Way, reseller: Server) -> None:
    reseller.fails["order"] = [Unknown("?")]
    reseller.seen = Seen("none")
    order = way.paid()
    way.look()
    way.after(seconds=5)
    assert (only(order).state, only(order).look_at) == ("waiting", way.now + timedelta(seconds=55))
    assert reseller.calls["order"] == 1
    way.after(seconds=55)
    assert (only(order).state, only(order).sends, reseller.calls["order"]) == ("released", 2, 2)
    assert len(reseller.profiles) == 1


def test_what_never_arrives_five_times_is_for_a_person(way: Way, reseller: Server) -> None:
    reseller.fails["order"] = [Unknown("?")] * 9
    reseller.seen = Seen("none")
    order = way.paid(kind="topup")
    for _ in range(8):
        way.after(hours=12)
    assert (only(order).sends, reseller.calls["order"]) == (5, 5)
    assert f"knows nothing of {only(order).call_id}, which was sent 5 times" in only(order).stuck_reason


def test_a_reseller_that_cannot_be_asked_is_for_a_person_and_nothing_is_bought_twice(
    way: Way, reseller: Server
) -> None:
    reseller.loses["order"] = 1
    order = way.paid()
    way.look()
    way.after(seconds=5)
    assert "reseller cannot say what became of" in only(order).stuck_reason
    agenda.unstick(only(order), way.now)
    way.look()
    assert (reseller.calls["order"], only(order).state) == (1, "waiting")


def test_what_a_reseller_took_and_will_not_hand_out_is_refused(way: Way, reseller: Server) -> None:
    reseller.loses["order"] = 1
    order = way.paid()
    way.look()
    reseller.seen = Seen("failed", failure="out of stock")
    way.after(seconds=5)
    assert (only(order).state, only(order).failure) == ("refused", "out of stock")


def test_a_server_that_does_not_tell_is_asked_until_the_phone_has_it(way: Way, reseller: Server) -> None:
    reseller.seen = Seen("released", "8939010000000000009")
    order = way.paid()
    way.look()
    way.after(minutes=1)
    assert (only(order).state, kinds(only(order))) == ("released", ["ordered", "released"])
    assert only(order).look_at == way.now + timedelta(minutes=1)
    reseller.seen = Seen("downloaded", at=way.now)
    way.after(minutes=1)
    assert (states(order), only(order).downloaded_at) == (
        ("paid", "held", "downloaded"),
        way.now - timedelta(minutes=1),
    )
    reseller.seen = Seen("installed", eid="89049032123451234512345678901235")
    way.after(minutes=1)
    found = only(order)
    assert (states(order), found.look_at) == (("active", "succeeded", "installed"), None)
    assert (found.installed_at, found.line.eid) == (way.now, "89049032123451234512345678901235")
    looks = reseller.calls["look"]
    way.after(days=1)
    assert reseller.calls["look"] == looks


def test_a_server_that_is_away_puts_off_no_reminder(way: Way, reseller: Server) -> None:
    reseller.seen = Seen("released")
    order = way.paid(kind="topup")
    way.look()
    reseller.fails["look"] = [Temporary("away"), Unknown("?")]
    way.after(days=3)
    assert mails(only(order)) == [("ready", "sent"), ("reminder", "sent")]
    assert (only(order).delays, only(order).look_at) == (0, way.now + timedelta(hours=6))


def test_a_server_that_cannot_be_asked_is_not_asked_for_ever(way: Way, reseller: Server) -> None:
    order = way.paid()
    way.look()
    assert (reseller.calls["look"], only(order).look_at) == (1, way.now + timedelta(days=3))


# --- taking it back -----------------------------------------------------------------------------------------------


def withdrawn(way: Way, order: ProductOrder) -> Delivery:
    """What happens to the profile of an order that the operator refuses."""
    delivery_give_up(order=order, now=way.now)
    way.look()
    return only(order)


def test_what_was_never_ordered_is_gone_without_a_word(way: Way) -> None:
    order = way.paid()
    delivery_begin(order=order, now=way.now)
    found = withdrawn(way, order)
    assert (found.state, found.look_at, dict(way.server.calls)) == ("withdrawn", None, {})
    assert kinds(found) == ["withdrawn"]


def test_what_the_operator_does_not_take_back_is_for_a_person(way: Way) -> None:
    delivery = way.released(kind="topup")
    way.server.fails["cancel"] = [Permanent("Not allowed", code="8.2.1/1.2")]
    assert delivery.order is not None
    found = withdrawn(way, delivery.order)
    assert (found.state, found.look_at, found.stuck_reason) == ("withdrawing", None, "Permanent: Not allowed")
    agenda.unstick(found, way.now)
    way.look()
    assert again(found).state == "withdrawn"


def test_a_lost_answer_to_taking_it_back_is_asked_for_again(way: Way) -> None:
    delivery = way.released(kind="topup")
    way.server.loses["cancel"] = 1
    assert delivery.order is not None
    found = withdrawn(way, delivery.order)
    assert (found.state, found.asked) == ("withdrawing", 1)
    way.after(seconds=5)
    assert (again(found).state, way.server.calls["cancel"]) == ("withdrawn", 2)


def test_withdrawn_while_its_order_is_on_the_way_it_is_cancelled_when_the_answer_is_there(way: Way) -> None:
    order = way.paid()
    way.server.meanwhile["order"] = lambda: delivery_give_up(order=order, now=way.now)
    way.look()
    found = only(order)
    assert (found.state, found.iccid, way.server.states()) == ("withdrawn", "8939010000000000009", ["cancelled"])
    assert (kinds(found), mails(found)) == (["withdrawing", "withdrawn"], [])


def test_withdrawn_while_its_release_is_on_the_way_nobody_gets_a_code(way: Way) -> None:
    order = way.paid()
    way.server.meanwhile["release"] = lambda: delivery_give_up(order=order, now=way.now)
    way.look()
    found = only(order)
    assert (found.state, way.server.states(), mails(found)) == ("withdrawn", ["cancelled"], [])
    assert activation_code(found) is None


def test_withdrawn_while_its_order_is_refused_there_is_nothing_to_take_back(way: Way) -> None:
    order = way.paid()
    way.server.meanwhile["order"] = lambda: delivery_give_up(order=order, now=way.now)
    way.server.fails["order"] = [Permanent("no", code="8.2.5/4.3"), Permanent("no", code="8.2.5/4.3")]
    way.look()
    found = only(order)
    assert (found.state, way.server.calls["cancel"], way.server.profiles) == ("withdrawn", 0, {})
    assert DeliveryEvent.objects.get(kind="withdrawn").detail == {"answer": "nothing"}


def test_an_order_whose_answer_was_lost_is_found_before_it_is_taken_back(way: Way) -> None:
    way.server.loses["order"] = 1
    order = way.paid()
    way.look()
    found = withdrawn(way, order)
    assert (found.state, way.server.states(), found.sends) == ("withdrawn", ["cancelled"], 1)


@pytest.mark.parametrize(
    ("seen", "state", "cancels"),
    [
        (Seen("none"), "withdrawn", 0),
        (Seen("released", "8939010000000000009"), "withdrawn", 1),
        (None, "withdrawing", 0),
    ],
    ids=["surely nothing", "it has one", "cannot be asked"],
)
def test_a_resellers_lost_order_is_looked_for_before_it_is_taken_back(
    way: Way, reseller: Server, seen: Seen | None, state: str, cancels: int
) -> None:
    reseller.loses["order"] = 1
    order = way.paid()
    way.look()
    reseller.seen = seen
    found = withdrawn(way, order)
    assert (found.state, reseller.calls["cancel"], reseller.calls["order"]) == (state, cancels, 1)
    assert bool(found.stuck_reason) == (seen is None)


# --- sending ------------------------------------------------------------------------------------------------------


def test_a_worker_that_was_slow_does_not_take_back_what_another_sent(way: Way) -> None:
    order = way.paid()
    slow = delivery_begin(order=order, now=way.now)
    quick = only(order)
    assert slow is not None
    assert delivery_sending(delivery=slow, gateway="pretend", now=way.now) is True
    assert delivery_sending(delivery=quick, gateway="pretend", now=way.now) is False
    quick.refresh_from_db()
    assert delivery_sending(delivery=quick, gateway="pretend", now=way.now) is True
    delivery_unsent(delivery=slow)
    assert (slow.state, slow.sends) == ("waiting", 2)
    delivery_unsent(delivery=quick)
    assert (quick.state, quick.sends) == ("waiting", 1)


def test_nothing_is_sent_for_a_profile_that_was_withdrawn_meanwhile(way: Way) -> None:
    order = way.paid()
    found = delivery_begin(order=order, now=way.now)
    assert found is not None
    delivery_give_up(order=order, now=way.now)
    assert delivery_sending(delivery=found, gateway="pretend", now=way.now) is False
    assert only(order).sends == 0


def test_begun_twice_it_is_one_profile_with_one_secret(way: Way) -> None:
    order = way.paid()
    first, second = (delivery_begin(order=order, now=way.now) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.pk, matching_id(first)) == (second.pk, matching_id(second))
    assert len(matching_id(first)) == 23


@pytest.mark.parametrize("with_profile", [False, True])
def test_what_is_not_paid_or_wants_none_gets_none(way: Way, with_profile: bool) -> None:
    from tests.keeper.orders import factories as orders

    order = way.paid(with_profile=False) if not with_profile else orders.order(line=way.esim(), now=way.now)
    assert delivery_begin(order=order, now=way.now) is None
    assert not Delivery.objects.exists()
