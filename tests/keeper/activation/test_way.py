"""From a paid order to the operator's answer, through the agenda and over HTTP to a real carrier."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from lineaviva.cli.demo import free_port
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.tmf import adapter
from lineaviva.keeper.catalogue.actions import catalogue_refresh
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.lines.actions import line_remove
from lineaviva.keeper.lines.models import Line, LineEvent
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.reminders.actions import reminders_plan
from lineaviva.keeper.reminders.models import Reminder
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.carrier.doors import BUCKET, PRODUCT
from tests.carrier_process import CarrierProcess
from tests.keeper.activation.conftest import Way, activation, delivered, held, refunds, states
from tests.keeper.activation.proxy import BadNetwork
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.processes


# --- it works -----------------------------------------------------------------------------------------------------


def test_a_paid_order_is_active_at_once(way: Way, carrier: CarrierProcess) -> None:
    line = factories.line(last_topup=date(2025, 11, 25), now=way.clock.now())
    reminders_plan(line=line, now=way.clock.now())
    order = way.paid(line=line)
    way.look()

    found = activation(order)
    assert (order.state, found.state, found.sends, found.gateway) == ("active", "succeeded", 1, "tmf")
    assert found.reference == f"LV-{order.code}"
    assert found.operator_reference != ""
    assert (found.sent_at, found.finished_at, found.look_at) == (way.clock.now(), way.clock.now(), None)
    assert carrier.credited(found.reference) == (1, 500)
    assert money_balance() == delivered()
    assert order.dates_before["full_service_until"] == "2026-11-25"
    assert order.dates_after == {
        "full_service_until": "2027-11-22",
        "receive_only_until": "2027-12-22",
        "number_kept_until": "2028-11-22",
    }
    line.refresh_from_db()
    assert (line.extended_on, line.next_deadline_on) == (date(2026, 11, 22), date(2027, 11, 22))
    assert set(Reminder.objects.values_list("state", flat=True)) <= {"cancelled", "superseded"}
    event = LineEvent.objects.get(line=line, reference=f"order:{order.code}")
    assert (event.kind, event.on, event.amount_minor) == ("topup", date(2026, 11, 22), 500)
    assert event.detail == {
        "operator_reference": found.operator_reference,
        # Read back from the operator's own inventory; both count the same.
        "operator_dates": order.dates_after,
    }


def test_a_plan_is_ordered_and_not_topped_up(way: Way, carrier: CarrierProcess) -> None:
    plan = Offering.objects.create(
        key="tim:tim-base-e-chat",
        operator="tim",
        external_id="tim-base-e-chat",
        kind="plan",
        name="TIM Base e Chat",
        price_minor=200,
        extends=True,
        sellable=True,
        source="tmf620",
    )
    order = way.paid(offering=plan)
    way.look()
    assert states(order) == ("active", "succeeded")
    assert carrier.credited(f"LV-{order.code}") == (1, 200)
    assert money_balance() == delivered(200)
    event = LineEvent.objects.get(reference=f"order:{order.code}")
    assert (event.kind, event.amount_minor, event.extends) == ("plan", 200, True)
    # The operator's books do not tell until when, and this offering does not say how long it is.
    line = Line.objects.get(pk=order.line_id)
    assert (line.plan, line.plan_expires_on) == ("TIM Base e Chat", None)
    products = carrier.get(PRODUCT, **{"realizingResource.value": order.line.msisdn}).json()
    assert [one.get("productOffering", {}).get("id") for one in products] == ["prepaid-line", "tim-base-e-chat"]


def test_a_promotion_of_the_operator_goes_the_whole_way(way: Way, carrier: CarrierProcess) -> None:
    """Read from its catalogue, taken off by the quote, and borne by the operator: the line gets what was offered."""
    catalogue_refresh(operator="tim", now=way.clock.now())
    before = carrier.audit()["accounts"]
    order = way.paid(offering=Offering.objects.get(key="tim:topup-25"))
    way.look()
    assert states(order) == ("active", "succeeded")
    assert (order.quote.price_minor, order.quote.discount_minor, order.total_minor) == (2500, 200, 2300)
    assert money_balance() == delivered(2300)
    audit = carrier.audit()
    assert audit["credited"][f"LV-{order.code}"] == {"times": 1, "minor": 2500, "discount_minor": 200}
    moved = {name: audit["accounts"][name] - before.get(name, 0) for name in ("clearing", "promotion", "credit")}
    assert moved == {"clearing": 2300, "promotion": 200, "credit": -2500}
    (bucket,) = carrier.get(BUCKET, **{"logicalResource.id": order.line.msisdn}).json()
    assert bucket["remainingValue"] == {"amount": 25.0, "units": "EUR"}


def test_looking_again_changes_nothing(way: Way, carrier: CarrierProcess) -> None:
    order = way.paid()
    way.look()
    agenda.wake(activation(order), way.clock.now())
    agenda.wake(order, way.clock.now())
    way.look()
    assert LineEvent.objects.filter(reference=f"order:{order.code}").count() == 1
    assert carrier.credited(f"LV-{order.code}") == (1, 500)


# --- the operator says no -----------------------------------------------------------------------------------------


def test_a_refused_activation_asks_for_the_money_back(way: Way, carrier: CarrierProcess) -> None:
    carrier.knobs(refusal_percent=100, refusal_reason="This line is not served here.")
    order = way.paid()
    before = order.line.next_deadline_on
    way.look()
    assert states(order) == ("failed", "failed")
    assert order.reason == activation(order).reason == "This line is not served here."
    assert refunds(order) == [("requested", 500, "activation_refused")]
    assert carrier.credited(f"LV-{order.code}") == (0, 0)
    assert not LineEvent.objects.filter(reference=f"order:{order.code}").exists()
    order.line.refresh_from_db()
    assert order.line.next_deadline_on == before
    # For good: nothing is sent again, however often somebody looks.
    carrier.behave()
    agenda.wake(activation(order), way.clock.now())
    way.after(days=1)
    assert states(order) == ("failed", "failed")
    assert refunds(order) == [("requested", 500, "activation_refused")]


def test_a_number_that_the_operator_does_not_have_is_a_refusal(way: Way, carrier: CarrierProcess) -> None:
    carrier.knobs(accept_unknown=False)
    order = way.paid()
    way.look()
    assert states(order) == ("failed", "failed")
    assert order.reason == "This number is not one of ours."
    assert len(refunds(order)) == 1


# --- the answer is lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knob", ["lost_answer_percent", "cut_percent"])
def test_a_lost_answer_is_neither_sent_again_nor_refunded_but_asked_about(
    way: Way, carrier: CarrierProcess, knob: str
) -> None:
    carrier.knobs(**{knob: 100})
    order = way.paid()
    way.look()
    found = activation(order)
    assert states(order) == ("paid", "unknown")
    assert (found.sends, found.asked, found.look_at) == (1, 0, way.clock.now() + timedelta(seconds=5))
    assert (refunds(order), money_balance()) == ([], held())
    assert carrier.audit()["references"][found.reference] == 1

    way.after(seconds=5)
    assert (activation(order).asked, states(order)) == (1, ("paid", "unknown"))
    carrier.behave()
    way.after(seconds=14)
    assert states(order) == ("paid", "unknown")
    way.after(seconds=1)
    assert states(order) == ("active", "succeeded")
    assert (activation(order).sends, refunds(order), money_balance()) == (1, [], delivered())
    assert carrier.credited(found.reference) == (1, 500)


def test_an_answer_that_is_lost_once_is_asked_for_in_the_same_breath(
    way: Way, carrier: CarrierProcess, network: BadNetwork
) -> None:
    network.mode = "lose"
    order = way.paid()
    way.look()
    assert states(order) == ("active", "succeeded")
    assert network.seen["POST"] == 1
    assert carrier.credited(f"LV-{order.code}") == (1, 500)


def test_a_slow_operator_is_not_waited_for(way: Way, carrier: CarrierProcess, impatient: httpx.Client) -> None:
    carrier.knobs(latency_ms=1500)
    order = way.paid()
    way.look()
    assert states(order) == ("paid", "unknown")
    carrier.behave()
    impatient.timeout = httpx.Timeout(PATIENCE)
    until(lambda: carrier.credited(f"LV-{order.code}") == (1, 500), "the carrier has come to it")
    way.after(seconds=5)
    assert states(order) == ("active", "succeeded")
    assert carrier.credited(f"LV-{order.code}") == (1, 500)


def test_found_after_midnight_it_counts_from_the_day_it_was_done(way: Way, carrier: CarrierProcess) -> None:
    carrier.knobs(lost_answer_percent=100)
    order = way.paid()
    way.look()
    carrier.behave()
    way.after(hours=13)
    assert states(order) == ("active", "succeeded")
    assert LineEvent.objects.get(reference=f"order:{order.code}").on == date(2026, 11, 22)
    assert order.dates_after["full_service_until"] == "2027-11-22"


# --- it never arrived ---------------------------------------------------------------------------------------------


def test_what_never_arrived_is_sent_again_with_the_same_reference(way: Way, carrier: CarrierProcess) -> None:
    carrier.knobs(error_percent=100)
    order = way.paid()
    way.look()
    assert states(order) == ("paid", "unknown")
    carrier.behave()
    way.after(seconds=5)
    # The operator has nothing by this reference, but it was sent five seconds ago: it may still be on its way.
    found = activation(order)
    assert (states(order), found.sends, found.asked) == (("paid", "unknown"), 1, 1)
    assert carrier.credited(found.reference) == (0, 0)
    way.after(seconds=15)
    found = activation(order)
    assert (states(order), found.sends) == (("active", "succeeded"), 2)
    assert carrier.credited(found.reference) == (1, 500)


def test_a_late_copy_does_nothing_twice(way: Way, carrier: CarrierProcess, network: BadNetwork) -> None:
    network.mode = "hold"
    order = way.paid()
    way.look()
    network.mode = "pass"
    way.after(seconds=5)
    way.after(seconds=15)
    assert states(order) == ("active", "succeeded")
    assert network.deliver() == [201]
    assert carrier.credited(f"LV-{order.code}") == (1, 500)


def test_a_late_copy_of_what_was_refused_and_refunded_is_refused(
    way: Way, carrier: CarrierProcess, network: BadNetwork
) -> None:
    network.mode = "hold"
    order = way.paid()
    way.look()
    network.mode = "pass"
    carrier.knobs(refusal_percent=100)
    way.after(seconds=5)
    way.after(seconds=15)
    assert states(order) == ("failed", "failed")
    carrier.behave()
    assert network.deliver() == [403]
    assert carrier.credited(f"LV-{order.code}") == (0, 0)


def test_a_refusal_whose_answer_was_lost_is_found(way: Way, carrier: CarrierProcess, network: BadNetwork) -> None:
    carrier.knobs(refusal_percent=100)
    network.mode = "lose"
    order = way.paid()
    way.look()
    assert states(order) == ("failed", "failed")
    assert (network.seen["POST"], len(refunds(order))) == (1, 1)


def test_what_never_arrives_five_times_is_for_a_person(way: Way, carrier: CarrierProcess, network: BadNetwork) -> None:
    network.mode = "hold"
    order = way.paid()
    way.look()
    for _ in range(5):
        way.after(seconds=5)
        way.after(seconds=15)
    found = activation(order)
    assert (found.sends, found.state, found.look_at) == (5, "unknown", None)
    assert "nothing by our reference" in found.stuck_reason
    assert (refunds(order), money_balance()) == ([], held())
    assert agenda.stuck() == [found]
    assert network.deliver() == [201] * 5
    assert carrier.credited(found.reference) == (1, 500)
    # Somebody releases it: the operator has it after all.
    agenda.unstick(found, way.clock.now())
    way.look()
    assert states(order) == ("active", "succeeded")


# --- the operator cannot be reached -------------------------------------------------------------------------------


def test_an_operator_that_is_down_is_tried_again_until_it_is_up(
    way: Way, carrier: CarrierProcess, settings: Any
) -> None:
    urls, settings.TMF_URLS = settings.TMF_URLS, {"tim": f"http://127.0.0.1:{free_port()}"}
    order = way.paid()
    way.look()
    found = activation(order)
    assert (states(order), found.sends) == (("paid", "waiting"), 0)
    assert found.look_at is not None
    assert found.look_at <= way.clock.now() + timedelta(seconds=2)
    for _ in range(6):
        way.after(minutes=30)
    assert (states(order), activation(order).sends, refunds(order)) == (("paid", "waiting"), 0, [])
    settings.TMF_URLS = urls
    way.after(hours=1)
    assert (states(order), activation(order).sends) == (("active", "succeeded"), 1)
    assert carrier.credited(f"LV-{order.code}") == (1, 500)


def test_an_operator_that_is_down_for_a_day_is_for_a_person(way: Way, carrier: CarrierProcess, settings: Any) -> None:
    settings.TMF_URLS = {"tim": f"http://127.0.0.1:{free_port()}"}
    order = way.paid()
    for _ in range(14):
        way.after(hours=2)
    found = activation(order)
    assert (states(order), found.sends, found.look_at) == (("paid", "waiting"), 0, None)
    assert "could not be reached for a day" in found.stuck_reason
    assert (refunds(order), money_balance()) == ([], held())


def test_an_operator_that_never_tells_is_for_a_person(way: Way, carrier: CarrierProcess) -> None:
    carrier.knobs(lost_answer_percent=100)
    order = way.paid()
    way.look()
    waits = []
    while (found := activation(order)).look_at is not None:
        waits.append(found.look_at - way.clock.now())
        way.clock.move_to(found.look_at)
        way.look()
    assert [str(wait) for wait in waits] == [
        "0:00:05", "0:00:15", "0:01:00", "0:05:00", "0:15:00", "1:00:00", "1:00:00", "3:00:00", "6:00:00", "12:00:00",
    ]  # fmt: skip
    assert (states(order), found.sends) == (("paid", "unknown"), 1)
    assert f"what became of LV-{order.code}" in found.stuck_reason
    assert (refunds(order), money_balance()) == ([], held())
    assert carrier.audit()["references"][found.reference] == 1


def test_a_client_that_is_refused_is_for_a_person_and_nothing_is_refunded(
    way: Way, carrier: CarrierProcess, settings: Any
) -> None:
    clients, settings.TMF_CLIENTS = settings.TMF_CLIENTS, {"tim": ("partner", "an old secret")}
    order = way.paid()
    way.look()
    found = activation(order)
    assert (states(order), found.sends) == (("paid", "waiting"), 0)
    assert "gives us no token (invalid_client)" in found.stuck_reason
    assert refunds(order) == []
    settings.TMF_CLIENTS = clients
    agenda.unstick(found, way.clock.now())
    way.look()
    assert (states(order), activation(order).sends) == (("active", "succeeded"), 1)


def test_without_a_gateway_it_is_for_a_person(way: Way, carrier: CarrierProcess, settings: Any) -> None:
    urls, settings.TMF_URLS = settings.TMF_URLS, {}
    order = way.paid()
    way.look()
    found = activation(order)
    assert (states(order), found.look_at) == (("paid", "waiting"), None)
    assert "No gateway reaches tim" in found.stuck_reason
    settings.TMF_URLS = urls
    agenda.unstick(found, way.clock.now())
    way.look()
    assert states(order) == ("active", "succeeded")


# --- limits, and what changed meanwhile ---------------------------------------------------------------------------


def test_a_gateway_is_asked_no_faster_than_it_allows(
    way: Way, carrier: CarrierProcess, network: BadNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter.TmfGateway, "per_minute", 60.0)
    monkeypatch.setattr(adapter.TmfGateway, "burst", 1)
    first, second = way.paid(), way.paid()
    way.look()
    assert network.seen["POST"] == 1
    assert sorted([states(first)[0], states(second)[0]]) == ["active", "paid"]
    way.after(seconds=1)
    assert network.seen["POST"] == 2
    assert (states(first)[0], states(second)[0]) == ("active", "active")


def test_a_line_that_was_removed_meanwhile_is_renewed_nevertheless(way: Way, carrier: CarrierProcess) -> None:
    order = way.paid()
    line_remove(line=order.line, by=order.line.holder, now=way.clock.now())
    way.look()
    assert states(order) == ("active", "succeeded")
    assert carrier.credited(f"LV-{order.code}") == (1, 500)
    assert LineEvent.objects.filter(reference=f"order:{order.code}").count() == 1
    assert money_balance() == delivered()


def test_an_order_that_is_not_paid_has_no_activation(way: Way, carrier: CarrierProcess) -> None:
    from tests.keeper.orders import factories as orders

    order = orders.order(now=way.clock.now())
    agenda.wake(order, way.clock.now())
    way.look()
    assert not Activation.objects.exists()


def test_the_operators_clock_does_not_move_the_lines_dates(
    way: Way, carrier: CarrierProcess, clock: FrozenClock
) -> None:
    """The carrier believes that it is November 2026; here it is March 2027."""
    clock.move_to(datetime(2027, 3, 1, 9, tzinfo=UTC))
    order = way.paid(line=factories.line(last_topup=date(2026, 6, 1), now=clock.now()))
    way.look()
    assert states(order) == ("active", "succeeded")
    assert LineEvent.objects.get(reference=f"order:{order.code}").on == date(2027, 3, 1)
    assert order.dates_after["full_service_until"] == "2028-03-01"
