"""TMF637: what a number has, by the published schema."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.kernel.clock import ROME, FrozenClock
from tests.carrier.doors import NUMBER, ORDER, PRODUCT, Door, order_body
from tests.tmf_schemas import INVENTORY, problems

MANDATORY = (
    "id", "href", "status", "billingAccount", "productOffering", "productPrice", "relatedParty",
    "productCharacteristic",
)  # fmt: skip


def characteristics(product: Any) -> dict[str, Any]:
    return {one["name"]: one["value"] for one in product["productCharacteristic"]}


@pytest.fixture
def line(door: Door, now: datetime) -> Subscription:
    return subscription_open(operator="tim", msisdn=NUMBER, extended_on=date(2025, 12, 1), now=now)[0]


def test_a_line_and_its_plan(door: Door, line: Subscription) -> None:
    door.post(ORDER, order_body())
    found = door.get(PRODUCT, **{"realizingResource.value": NUMBER}).json()
    assert [problems(INVENTORY, "Product", one) for one in found] == [[], []]
    base, plan = found
    assert (base["id"], base["status"], plan["status"]) == (f"line-{line.pk}", "active", "active")
    assert plan["productRelationship"] == [
        {"relationshipType": "reliesOn", "product": {"id": base["id"], "href": base["href"]}}
    ]
    assert plan["productOffering"]["id"] == "tim-base-e-chat"
    assert plan["productPrice"][0]["price"]["taxIncludedAmount"] == {"unit": "EUR", "value": 2.0}
    assert (characteristics(plan)["autoRenew"], "autoRenew" in characteristics(base)) == (False, False)
    for product in found:
        for name in MANDATORY:
            assert product[name], name
        assert {name: value for name, value in characteristics(product).items() if name != "autoRenew"} == {
            "lineState": "full_service",
            "extendedOn": "2026-11-22",
            "fullServiceUntil": "2027-11-22",
            "receiveOnlyUntil": "2027-12-22",
            "numberKeptUntil": "2028-11-22",
        }
        assert door.get(product["href"].removeprefix("http://carrier.test")).json() == product


def test_dates_that_are_not_known_are_left_out(door: Door, now: datetime) -> None:
    subscription_open(operator="tim", msisdn=NUMBER, now=now)
    (found,) = door.get(PRODUCT).json()
    assert problems(INVENTORY, "Product", found) == []
    assert characteristics(found) == {"lineState": "unknown"}


@pytest.mark.parametrize(
    ("phase", "state", "status"),
    [
        ("full_service", "full_service", "active"),
        ("receive_only", "receive_only", "active"),
        ("off", "off_recoverable", "suspended"),
        ("free", "lost", "terminated"),
        ("unknown", "unknown", "active"),
    ],
)
def test_the_state_is_where_the_line_stands_in_its_life(
    door: Door, line: Subscription, phase: str, state: str, status: str
) -> None:
    Subscription.objects.update(phase=phase)
    (found,) = door.get(PRODUCT).json()
    assert (characteristics(found)["lineState"], found["status"]) == (state, status)


@pytest.mark.parametrize(("by_hand", "status"), [("suspended", "suspended"), ("closed", "terminated")])
def test_what_a_person_decided_is_shown(door: Door, line: Subscription, by_hand: str, status: str) -> None:
    Subscription.objects.update(status=by_hand)
    assert door.get(PRODUCT).json()[0]["status"] == status


def test_a_plan_that_is_over_is_terminated(door: Door, line: Subscription, clock: FrozenClock) -> None:
    door.post(ORDER, order_body())
    clock.move_to(datetime(2026, 12, 21, 23, 59, tzinfo=ROME))
    assert door.get(PRODUCT).json()[1]["status"] == "active"
    clock.move_to(datetime(2026, 12, 22, 0, 0, tzinfo=ROME))
    assert door.get(PRODUCT).json()[1]["status"] == "terminated"


def test_a_page_goes_over_from_lines_to_plans(door: Door, line: Subscription, now: datetime) -> None:
    subscription_open(operator="tim", msisdn="+393391234568", now=now)
    for number in range(3):
        door.post(ORDER, order_body(f"LV-{number}"))
    pages = [door.get(PRODUCT, offset=str(offset), limit="2") for offset in (0, 2, 4, 6)]
    assert [answer.headers["X-Total-Count"] for answer in pages] == ["5"] * 4
    kinds = [[one["id"].split("-")[0] for one in answer.json()] for answer in pages]
    assert kinds == [["line", "line"], ["plan", "plan"], ["plan"], []]
    middle = door.get(PRODUCT, offset="1", limit="2").json()
    assert [one["id"].split("-")[0] for one in middle] == ["line", "plan"]


def test_filters(door: Door, line: Subscription) -> None:
    door.post(ORDER, order_body())
    ids = lambda **filters: [one["id"] for one in door.get(PRODUCT, **filters).json()]  # noqa: E731
    both = ids(**{"realizingResource.id": NUMBER})
    assert len(both) == 2
    assert ids(**{"realizingResource.value": "+393390000000"}) == []
    assert ids(id=both[1]) == [both[1]]
    assert ids(**{"productOffering.id": "tim-base-e-chat"}) == [both[1]]
