"""POST and DELETE /hub of the four APIs, by the published schemas."""

from __future__ import annotations

from typing import Any

import pytest

from lineaviva.carrier.hub.models import Listener
from lineaviva.carrier.tmf.common import BALANCE, CATALOG, INVENTORY, ORDERING
from tests import tmf_schemas
from tests.carrier.doors import Door
from tests.tmf_schemas import problems

APIS = {
    "catalog": (CATALOG, tmf_schemas.CATALOG, "ProductOfferingCreateEvent"),
    "order": (ORDERING, tmf_schemas.ORDERING, "ProductOrderStateChangeEvent"),
    "inventory": (INVENTORY, tmf_schemas.INVENTORY, "ProductStateChangeEvent"),
    "balance": (BALANCE, tmf_schemas.BALANCE, "TopupBalanceCreateEvent"),
}
HUB = f"{CATALOG}/hub"
CALLBACK = "https://shop.test/hear"


def body(**changes: Any) -> dict[str, Any]:
    return {"callback": CALLBACK, **changes}


@pytest.mark.parametrize("api", APIS)
def test_a_listener_is_registered_and_removed(door: Door, api: str) -> None:
    base, file, event = APIS[api]
    answer = door.post(f"{base}/hub", body(query=f"eventType={event}"))
    assert answer.status_code == 201
    made = answer.json()
    assert problems(file, "EventSubscription", made) == []
    assert (made["callback"], made["query"]) == (CALLBACK, f"eventType={event}")
    listener = Listener.objects.get()
    assert (listener.api, listener.operator, listener.client_id) == (api, "tim", "partner")
    assert answer.headers["Location"] == f"http://carrier.test{base}/hub/{made['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert door.delete(f"{base}/hub/{made['id']}").status_code == 204
    assert Listener.objects.count() == 0
    assert door.delete(f"{base}/hub/{made['id']}").status_code == 404


def test_the_secret_is_shown_once(door: Door) -> None:
    made = door.post(HUB, body()).json()
    assert len(made["secret"]) == 43
    location = f"{HUB}/{made['id']}"
    for answer in (door.get(location), door.get(HUB)):
        assert answer.status_code == 200
        assert made["secret"] not in answer.content.decode()
    assert door.get(location).json() == {name: made[name] for name in ("id", "callback", "@type", "@baseType")}
    assert door.get(HUB).json() == [door.get(location).json()]


def test_why_it_was_given_up_is_told_to_its_owner(door: Door, now: Any) -> None:
    made = door.post(HUB, body()).json()
    Listener.objects.update(disabled_at=now, disabled_reason="failed 11 times in a row: answered 500")
    found = door.get(f"{HUB}/{made['id']}").json()
    assert (found["disabledAt"], found["disabledReason"]) == (
        "2026-11-22T11:00:00Z", "failed 11 times in a row: answered 500",
    )  # fmt: skip


def test_the_same_again_is_a_conflict(door: Door) -> None:
    first = door.post(HUB, body()).json()
    answer = door.post(HUB, body())
    assert (answer.status_code, answer.json()["code"]) == (409, "listener_exists")
    assert first["id"] in answer.json()["reason"]
    assert Listener.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param({}, "invalid_input", id="no callback"),
        pytest.param({"callback": None}, "invalid_input", id="null"),
        pytest.param({"callback": 5}, "invalid_input", id="a number"),
        pytest.param({"callback": "https://x.test/" + "y" * 500}, "invalid_input", id="without end"),
        pytest.param({"callback": "http://shop.test/"}, "callback_invalid", id="not https"),
        pytest.param({"callback": "https://127.0.0.1/"}, "callback_invalid", id="this machine"),
        pytest.param({"callback": "https://169.254.169.254/"}, "callback_invalid", id="the cloud's own"),
        pytest.param({"callback": CALLBACK, "query": "x" * 1001}, "invalid_input", id="a query without end"),
        pytest.param({"callback": CALLBACK, "query": "nonsense"}, "query_invalid", id="no query"),
        pytest.param({"callback": CALLBACK, "query": "eventType=ProductCreateEvent"}, "event_type_unknown", id="event"),
    ],
)
def test_what_is_refused(door: Door, sent: dict[str, Any], code: str) -> None:
    answer = door.post(HUB, sent)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert problems(tmf_schemas.CATALOG, "Error", answer.json()) == []
    assert Listener.objects.count() == 0


@pytest.mark.parametrize("path", ["1", "x", "9" * 30, "-1"])
def test_listeners_that_are_not_there(door: Door, path: str) -> None:
    assert door.get(f"{HUB}/{path}").status_code == 404
    assert door.delete(f"{HUB}/{path}").status_code == 404


def test_another_clients_listener_is_not_there(door: Door, settings: Any) -> None:
    settings.CARRIER_OPERATOR = ""
    mine = Door("tim")
    made = mine.post(HUB, body()).json()
    for other in (Door("tim", client_id="another-shop"), Door("vodafone")):
        assert other.get(f"{HUB}/{made['id']}").status_code == 404
        assert other.delete(f"{HUB}/{made['id']}").status_code == 404
        assert other.get(HUB).json() == []
    assert mine.delete(f"{ORDERING}/hub/{made['id']}").status_code == 404
    assert Listener.objects.count() == 1


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [(("catalog.read",), "tim:hub"), (("hub",), "tim:catalog.read"), (("hub", "order.read"), "tim:catalog.read")],
)
def test_whoever_may_not_read_is_not_told_either(door: Door, scopes: tuple[str, ...], missing: str) -> None:
    answer = Door(client_id="narrow", scopes=scopes).post(HUB, body())
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert missing in answer.json()["reason"]
    assert Listener.objects.count() == 0


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_listener_is_not_changed(door: Door, method: str) -> None:
    answer = door.other(method, HUB)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}
