"""Who listens is told of what the APIs do: in the same transaction, by the published schemas, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from lineaviva.carrier.hub.actions import listener_add
from lineaviva.carrier.hub.models import EventDelivery
from lineaviva.carrier.subscriptions.actions import subscription_open
from tests import tmf_schemas
from tests.carrier.doors import (
    ADJUST,
    CANCEL,
    NUMBER,
    ORDER,
    OTHER_NUMBER,
    PRODUCT,
    TOPUP,
    TRANSFER,
    Door,
    adjust_body,
    order_body,
    topup_body,
    transfer_body,
)

FILES = {
    "order": tmf_schemas.ORDERING,
    "inventory": tmf_schemas.INVENTORY,
    "balance": tmf_schemas.BALANCE,
}


@pytest.fixture
def listening(door: Door, now: datetime) -> None:
    """The partner hears of everything; there are two lines of its operator's."""
    door.token()
    for api in FILES:
        listener_add(client_id="partner", operator="tim", api=api, callback="https://shop.test/", query="", now=now)
    for number in (NUMBER, OTHER_NUMBER):
        subscription_open(operator="tim", msisdn=number, now=now)


def heard() -> list[tuple[str, str]]:
    """API and event type of what is to be delivered."""
    found = EventDelivery.objects.order_by("pk").select_related("listener")
    return [(one.listener.api, one.body["eventType"]) for one in found]


def resources() -> list[Any]:
    return [next(iter(one.body["event"].values())) for one in EventDelivery.objects.order_by("pk")]


def assert_by_the_schemas() -> None:
    for one in EventDelivery.objects.select_related("listener"):
        definition = one.body["eventType"]
        assert tmf_schemas.problems(FILES[one.listener.api], definition, one.body) == []


CASES: list[tuple[str, Any, int, list[tuple[str, str]]]] = [
    (TOPUP, topup_body("LV-1", 5), 201, [("balance", "TopupBalanceCreateEvent")]),
    (TOPUP, topup_body("LV-1", 5.55), 400, [("balance", "TopupBalanceFailureEvent")]),
    (ADJUST, adjust_body("LV-1", 5), 201, [("balance", "AdjustBalanceCreateEvent")]),
    (ADJUST, adjust_body("LV-1", -5), 409, []),
    (TRANSFER, transfer_body("LV-1", 5), 409, []),
    (
        ORDER,
        order_body("LV-1"),
        201,
        [
            ("order", "ProductOrderCreateEvent"),
            ("order", "ProductOrderStateChangeEvent"),
            ("inventory", "ProductCreateEvent"),
        ],
    ),
    (
        ORDER,
        order_body("LV-1", "no-such-plan"),
        400,
        [("order", "ProductOrderCreateEvent"), ("order", "ProductOrderStateChangeEvent")],
    ),
    (
        PRODUCT,
        {"status": "active", "realizingResource": [{"id": "+393390000001"}]},
        201,
        [("inventory", "ProductCreateEvent")],
    ),
    (PRODUCT, {"status": "active", "realizingResource": [{"id": NUMBER}]}, 409, []),
]


@pytest.mark.parametrize(("path", "body", "status", "events"), CASES)
def test_what_is_made_is_told_once(
    door: Door, listening: None, path: str, body: Any, status: int, events: list[tuple[str, str]]
) -> None:
    answer = door.post(path, body)
    assert (answer.status_code, heard()) == (status, events)
    assert_by_the_schemas()
    if status == 201:
        assert resources()[0] == answer.json()
    door.post(path, body)
    assert heard() == events


def test_a_transfer_is_told_once_with_both_lines(door: Door, listening: None) -> None:
    door.post(TOPUP, topup_body("LV-1", 5))
    EventDelivery.objects.all().delete()
    for _ in range(2):
        answer = door.post(TRANSFER, transfer_body("LV-4", 5))
    assert heard() == [("balance", "TransferBalanceCreateEvent")]
    assert_by_the_schemas()
    assert resources() == [answer.json()]


def test_changes_are_told(door: Door, listening: None) -> None:
    order = door.post(ORDER, order_body("LV-1")).json()
    line = door.get(PRODUCT).json()[0]["id"]
    EventDelivery.objects.all().delete()
    for _ in range(2):
        door.patch(f"{ORDER}/{order['id']}", {"description": "For Anna"})
        door.patch(f"{PRODUCT}/{line}", {"status": "suspended"})
    assert heard() == [("order", "ProductOrderAttributeValueChangeEvent"), ("inventory", "ProductStateChangeEvent")]
    door.post(CANCEL, {"productOrder": {"id": order["id"]}})
    assert heard()[2:] == [
        ("order", "CancelProductOrderCreateEvent"), ("order", "CancelProductOrderStateChangeEvent"),
    ]  # fmt: skip
    assert_by_the_schemas()


def test_what_was_not_written_is_not_told(door: Door, listening: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event goes with its transaction."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("lineaviva.carrier.tmf.balance.event_publish", broken)
    monkeypatch.setattr("lineaviva.carrier.tmf.adjusting.event_publish", broken)
    for path, body in ((TOPUP, topup_body()), (ADJUST, adjust_body())):
        assert door.post(path, body).status_code == 500
        assert door.get(path).json() == []
    assert heard() == []
