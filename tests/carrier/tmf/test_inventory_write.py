"""TMF637: lines are opened, blocked and let go on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from lineaviva.carrier.ledger.models import Event
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from tests.carrier.doors import (
    NUMBER,
    ORDER,
    PRODUCT,
    TOPUP,
    Door,
    assert_audit_clean,
    order_body,
    rows,
    topup_body,
)
from tests.tmf_schemas import INVENTORY, problems


def opening(**changes: Any) -> dict[str, Any]:
    return {"status": "active", "realizingResource": [{"id": "sim-1", "value": NUMBER}], **changes}


def characteristic(name: str, value: Any) -> dict[str, Any]:
    return {"productCharacteristic": [{"name": name, "value": value}]}


@pytest.fixture
def line(door: Door, now: datetime) -> Subscription:
    return subscription_open(operator="tim", msisdn=NUMBER, extended_on=date(2025, 12, 1), now=now)[0]


def kinds() -> list[str]:
    return list(Event.objects.order_by("subscription_id", "number").values_list("kind", flat=True))


# --- opening ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(opening(), id="by its resource"),
        pytest.param({"status": "active", "realizingResource": [{"id": NUMBER}]}, id="by its resource's id"),
        pytest.param({"status": "active", **characteristic("msisdn", NUMBER)}, id="by a characteristic"),
        pytest.param(opening(**characteristic("msisdn", "339 1234567")), id="by both"),
        pytest.param(opening(productOffering={"id": "prepaid-line"}, name="x"), id="with its offering"),
    ],
)
def test_a_line_is_opened_once(door: Door, body: dict[str, Any]) -> None:
    assert problems(INVENTORY, "Product_Create", body) == []
    answer = door.post(PRODUCT, body)
    assert answer.status_code == 201
    made = answer.json()
    assert problems(INVENTORY, "Product", made) == []
    assert answer.headers["Location"] == made["href"]
    assert (made["status"], made["realizingResource"][0]["value"]) == ("active", NUMBER)
    line = Subscription.objects.get()
    assert (made["id"], line.last_number, kinds()) == (f"line-{line.pk}", 1, ["opened"])
    assert door.get(f"{PRODUCT}/{made['id']}").json() == made
    assert door.post(TOPUP, topup_body("LV-1", 5)).status_code == 201

    before = rows()
    again = door.post(PRODUCT, body)
    assert (again.status_code, again.json()["code"], rows()) == (409, "line_exists", before)
    assert_audit_clean()


def test_a_line_from_elsewhere_keeps_its_dates(door: Door) -> None:
    door.post(PRODUCT, opening(**characteristic("extendedOn", "2026-03-01")))
    assert Subscription.objects.get().extended_on == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"status": None}, "invalid_input", id="no status"),
        pytest.param({"status": "terminated"}, "invalid_input", id="over from the start"),
        pytest.param({"realizingResource": []}, "line_missing", id="no number"),
        pytest.param({"realizingResource": [{"id": NUMBER}] * 2}, "invalid_input", id="two resources"),
        pytest.param({"realizingResource": [{"id": "12"}]}, "msisdn_invalid", id="not a number"),
        pytest.param(characteristic("msisdn", "+393390000000"), "line_missing", id="two numbers"),
        pytest.param(characteristic("msisdn", {"deep": 1}), "msisdn_invalid", id="an object"),
        pytest.param({"productOffering": {"id": "tim-base-e-chat"}}, "offering_not_opened", id="a plan"),
        pytest.param(characteristic("extendedOn", "soon"), "invalid_input", id="no day"),
        pytest.param(characteristic("extendedOn", "2026-11-23"), "day_to_come", id="tomorrow"),
        pytest.param(characteristic("extendedOn", [1]), "invalid_input", id="a list"),
    ],
)
def test_what_is_not_opened(door: Door, changes: dict[str, Any], code: str) -> None:
    before = rows()
    answer = door.post(PRODUCT, opening(**changes))
    assert (answer.status_code, answer.json()["code"], rows()) == (400, code, before)
    assert problems(INVENTORY, "Error", answer.json()) == []


# --- blocking -----------------------------------------------------------------------------------------------------


def test_a_line_is_blocked_and_let_go_on(door: Door, line: Subscription) -> None:
    path = f"{PRODUCT}/line-{line.pk}"
    blocked = door.patch(path, {"status": "suspended"})
    assert (blocked.status_code, blocked.json()["status"]) == (200, "suspended")
    assert problems(INVENTORY, "Product", blocked.json()) == []
    assert door.post(TOPUP, topup_body("LV-1", 5)).json()["code"] == "line_suspended"
    before = rows()
    assert door.patch(path, {"status": "suspended"}, content_type="application/json").json() == blocked.json()
    assert rows() == before
    assert door.patch(path, {**blocked.json(), "status": "active"}).json()["status"] == "active"
    assert door.get(path).json()["status"] == "active"
    line.refresh_from_db()
    assert (kinds(), line.last_number) == (["changed", "changed"], 2)
    assert door.post(TOPUP, topup_body("LV-2", 5)).status_code == 201
    assert_audit_clean()


@pytest.mark.parametrize(
    ("patch", "status", "code"),
    [
        pytest.param({"status": "terminated"}, 400, "invalid_input", id="ended"),
        pytest.param({"status": None}, 400, "invalid_input", id="taken away"),
        pytest.param({"status": ["active"]}, 400, "invalid_input", id="a list"),
        pytest.param({"name": "Mine"}, 400, "not_patchable", id="its name"),
        pytest.param({"status": "suspended", "id": "line-2"}, 400, "not_patchable", id="its id too"),
        pytest.param({"realizingResource": []}, 400, "not_patchable", id="its number"),
        pytest.param([], 400, "invalid_input", id="no object"),
    ],
)
def test_what_is_not_patched(door: Door, line: Subscription, patch: Any, status: int, code: str) -> None:
    before = rows()
    answer = door.patch(f"{PRODUCT}/line-{line.pk}", patch)
    assert (answer.status_code, answer.json()["code"], rows()) == (status, code, before)
    assert problems(INVENTORY, "Error", answer.json()) == []
    assert Subscription.objects.get().status == "active"


@pytest.mark.parametrize(
    ("changes", "patch", "status", "code"),
    [
        pytest.param({"phase": "off"}, "active", 409, "line_off", id="off is not by hand"),
        pytest.param({"phase": "off"}, "suspended", 200, "", id="off may be blocked too"),
        pytest.param({"status": "closed"}, "active", 409, "line_closed", id="closed is closed"),
        pytest.param({"status": "closed"}, "terminated", 200, "", id="closed as it is"),
    ],
)
def test_a_line_whose_life_is_over(
    door: Door, line: Subscription, changes: dict[str, str], patch: str, status: int, code: str
) -> None:
    Subscription.objects.update(**changes)
    answer = door.patch(f"{PRODUCT}/line-{line.pk}", {"status": patch})
    assert (answer.status_code, answer.json().get("code", "")) == (status, code)
    assert Subscription.objects.get().status == (
        "suspended" if patch == "suspended" else changes.get("status", "active")
    )


def test_a_plan_is_not_patched(door: Door, line: Subscription) -> None:
    door.post(ORDER, order_body())
    path = f"{PRODUCT}/plan-{line.pk}-{Plan.objects.get().number}"
    shown = door.get(path).json()
    before = rows()
    answer = door.patch(path, {"status": "suspended"})
    assert (answer.status_code, answer.json()["code"], rows()) == (400, "not_patchable", before)
    assert door.patch(path, {"status": "active"}).json() == shown
    assert door.patch(f"{PRODUCT}/plan-{line.pk}-99", {}).status_code == 404
    assert door.patch(f"{PRODUCT}/x", {}).status_code == 404


# --- lists by status ----------------------------------------------------------------------------------------------

LINES: list[dict[str, Any]] = [
    *({"phase": phase} for phase in ("full_service", "receive_only", "off", "free", "unknown")),
    *({"status": status} for status in ("suspended", "closed")),
    {"status": "suspended", "phase": "free"},
]
TODAY, LATER = date(2026, 11, 22), date(2026, 12, 22)
PLANS: list[dict[str, Any]] = [
    {"status": status, "auto_renew": renews, "started_on": started, "paid_until": until, "due_on": None}
    for status in ("active", "asleep", "blocked", "stuck", "ended")
    for renews in (True, False)
    for started in (TODAY, LATER)
    for until in (TODAY, LATER, None)
]


@pytest.mark.parametrize(("table", "changes"), [("line", one) for one in LINES] + [("plan", one) for one in PLANS])
def test_the_filter_finds_what_is_shown(door: Door, line: Subscription, table: str, changes: dict[str, Any]) -> None:
    door.post(ORDER, order_body())
    (Subscription if table == "line" else Plan).objects.update(**changes)
    shown = door.get(PRODUCT).json()
    found = [one for status in {one["status"] for one in shown} for one in door.get(PRODUCT, status=status).json()]
    assert sorted(one["id"] for one in found) == sorted(one["id"] for one in shown)
    for one in found:
        assert one in shown
