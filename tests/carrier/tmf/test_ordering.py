"""TMF622: plans by order, by the published schema and to the cent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from lineaviva.carrier.catalogue.models import Promotion
from lineaviva.carrier.ledger.models import Entry
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from tests.carrier.doors import (
    BUCKET,
    CANCEL,
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
from tests.tmf_schemas import ORDERING, problems


@pytest.fixture
def line(door: Door, now: datetime) -> Subscription:
    return subscription_open(operator="tim", msisdn=NUMBER, extended_on=date(2025, 12, 1), now=now)[0]


def entries() -> list[tuple[str, str, int]]:
    return list(
        Entry.objects.order_by("subscription_id", "number", "leg").values_list("debited", "credited", "amount_minor")
    )


def test_a_plan_is_paid_by_the_partner_and_not_from_the_lines_credit(door: Door, line: Subscription) -> None:
    door.post(TOPUP, topup_body("LV-1", 5))
    body = order_body("LV-2")
    assert problems(ORDERING, "ProductOrder_Create", body) == []
    answer = door.post(ORDER, body)

    assert answer.status_code == 201
    order = answer.json()
    assert problems(ORDERING, "ProductOrder", order) == []
    assert answer.headers["Location"] == order["href"] == f"http://carrier.test{ORDER}/{order['id']}"
    assert (order["state"], order["externalId"]) == ("completed", "LV-2")
    assert order["orderTotalPrice"][0]["price"]["taxIncludedAmount"] == {"unit": "EUR", "value": 2.0}
    item = order["productOrderItem"][0]
    assert (item["state"], item["action"], item["productOffering"]["id"]) == ("completed", "add", "tim-base-e-chat")
    assert item["product"]["startDate"] == "2026-11-22T00:00:00+01:00"
    assert item["product"]["terminationDate"] == "2026-12-22T00:00:00+01:00"
    assert entries() == [("clearing", "credit", 500), ("clearing", "revenue", 200)]
    line.refresh_from_db()
    assert (line.credit_minor, line.extended_on) == (500, date(2026, 11, 22))
    product = door.get(item["product"]["href"].removeprefix("http://carrier.test")).json()
    assert product["terminationDate"] == item["product"]["terminationDate"]
    assert_audit_clean()


def test_the_same_order_again_is_the_same_order(door: Door, line: Subscription) -> None:
    first = door.post(ORDER, order_body("LV-2"))
    before = rows()
    again = door.post(ORDER, order_body("LV-2"))
    assert (again.status_code, again.json()) == (201, first.json())
    assert rows() == before
    assert Plan.objects.count() == 1


def test_a_reference_of_a_topup_is_none_for_a_plan(door: Door, line: Subscription) -> None:
    door.post(TOPUP, topup_body("LV-1", 5))
    before = rows()
    answer = door.post(ORDER, order_body("LV-1"))
    assert (answer.status_code, answer.json()["code"]) == (409, "reference_reused")
    assert rows() == before
    assert door.get(ORDER, externalId="LV-1").json() == []


def test_renewed_early_the_new_period_follows_the_old_one(door: Door, line: Subscription) -> None:
    door.post(ORDER, order_body("LV-1"))
    door.post(ORDER, order_body("LV-2"))
    periods = list(Plan.objects.order_by("number").values_list("started_on", "paid_until"))
    assert periods == [
        (date(2026, 11, 22), date(2026, 12, 22)),
        (date(2026, 12, 22), date(2027, 1, 22)),
    ]
    second = door.get(PRODUCT, **{"productOffering.id": "tim-base-e-chat"}).json()[1]
    assert second["status"] == "pendingActive"


def test_a_plan_fills_buckets(door: Door, settings: Any, now: datetime) -> None:
    settings.CARRIER_OPERATOR = "spusu"
    subscription_open(operator="spusu", msisdn=NUMBER, now=now)
    assert door.post(ORDER, order_body("LV-1", "spusu-1")).status_code == 201
    plan = Plan.objects.get()
    assert (plan.data_left, plan.voice_left, plan.sms_left) == (1000, 100, 100)
    found = door.get(BUCKET, limit="10").json()[1:]
    assert [(one["usageType"], one["remainingValue"]["amount"]) for one in found] == [
        ("data", 1000), ("voice", 100), ("sms", 100),
    ]  # fmt: skip
    # spusu's rulebook does not say that a plan moves the dates, so it moves none.
    assert Subscription.objects.get().extended_on is None


def test_a_promotion_on_a_plan(door: Door, line: Subscription) -> None:
    Promotion.objects.create(
        operator="tim",
        key="gift",
        offering_id="tim-base-e-chat",
        name="Gift",
        off_minor=500,
        valid_from="2026-11-01T00:00:00Z",
        valid_until="2026-12-01T00:00:00Z",
    )
    order = door.post(ORDER, order_body("LV-2")).json()
    assert problems(ORDERING, "ProductOrder", order) == []
    assert [(p["priceType"], p["price"]["taxIncludedAmount"]["value"]) for p in order["orderTotalPrice"]] == [
        ("oneTime", 2.0), ("discount", 2.0),
    ]  # fmt: skip
    assert entries() == [("promotion", "revenue", 200)]
    assert_audit_clean()


@pytest.mark.parametrize(
    ("offering", "code"),
    [
        pytest.param("no-such-plan", "offering_unknown", id="unknown"),
        pytest.param("tim-no-offer", "offering_unknown", id="not on sale any more"),
        pytest.param("topup-5", "offering_unknown", id="a top-up is not ordered as a plan"),
    ],
)
def test_what_is_not_sold_as_a_plan_is_refused(door: Door, line: Subscription, offering: str, code: str) -> None:
    before = rows()
    answer = door.post(ORDER, order_body("LV-2", offering))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert rows() == {**before, "ServiceOrder": 1}
    (kept,) = door.get(ORDER, externalId="LV-2").json()
    assert problems(ORDERING, "ProductOrder", kept) == []
    assert (kept["state"], kept["note"][0]["author"]) == ("rejected", code)
    assert_audit_clean()


def test_orders_are_listed_and_filtered(door: Door, line: Subscription) -> None:
    for number in range(3):
        door.post(ORDER, order_body(f"LV-{number}"))
    door.post(ORDER, order_body("LV-bad", "no-such-plan"))
    answer = door.get(ORDER, limit="2")
    assert [one["externalId"] for one in answer.json()] == ["LV-0", "LV-1"]
    assert (answer.headers["X-Total-Count"], answer.headers["X-Result-Count"]) == ("4", "2")
    assert [one["externalId"] for one in door.get(ORDER, state="rejected").json()] == ["LV-bad"]
    assert door.get(ORDER, state="held").json() == []
    one = door.get(ORDER, externalId="LV-1").json()[0]
    assert door.get(f"{ORDER}/{one['id']}").json() == one


# --- a plan that renews itself ------------------------------------------------------------------------------------


def renewing(value: Any, reference: str = "LV-2") -> dict[str, Any]:
    body = order_body(reference)
    body["productOrderItem"][0]["product"]["productCharacteristic"] = [
        {"name": "colour", "value": "red"}, {"name": "autoRenew", "value": value},
    ]  # fmt: skip
    return body


@pytest.mark.parametrize("renews", [True, False])
def test_a_plan_may_renew_itself(door: Door, line: Subscription, renews: bool) -> None:
    body = renewing(renews)
    assert problems(ORDERING, "ProductOrder_Create", body) == []
    order = door.post(ORDER, body).json()
    assert problems(ORDERING, "ProductOrder", order) == []
    assert Plan.objects.get().auto_renew is renews
    product = order["productOrderItem"][0]["product"]
    told = [one["value"] for one in product.get("productCharacteristic", [])]
    assert told == ([True] if renews else [])
    shown = door.get(product["href"].removeprefix("http://carrier.test")).json()["productCharacteristic"]
    assert [one["value"] for one in shown if one["name"] == "autoRenew"] == [renews]
    before = rows()
    other = door.post(ORDER, renewing(not renews))
    assert (other.status_code, other.json()["code"], rows()) == (409, "reference_reused", before)


@pytest.mark.parametrize("value", ["true", 1, None, [True]])
def test_it_renews_itself_or_it_does_not(door: Door, line: Subscription, value: Any) -> None:
    before = rows()
    answer = door.post(ORDER, renewing(value))
    assert (answer.status_code, answer.json()["code"], rows()) == (400, "invalid_input", before)


# --- afterwards ---------------------------------------------------------------------------------------------------


def test_something_may_be_said_of_an_order(door: Door, line: Subscription) -> None:
    order = door.post(ORDER, order_body(description="First", note=[{"text": "By telephone"}])).json()
    assert order["note"] == [{"text": "By telephone"}]
    path = f"{ORDER}/{order['id']}"
    note = [{"id": "7", "author": "Chen", "date": "2026-11-22T12:00:00Z", "text": "Paid in cash"}]
    patched = door.patch(path, {"description": None, "category": "shop", "note": note})
    assert patched.status_code == 200
    assert problems(ORDERING, "ProductOrder", patched.json()) == []
    expected = {**order, "category": "shop", "note": note}
    del expected["description"]
    assert patched.json() == door.get(path).json() == expected
    before = rows()
    assert door.patch(path, patched.json(), content_type="application/json").json() == expected
    assert door.post(ORDER, order_body(description="First", note=[{"text": "By telephone"}])).json() == expected
    assert rows() == before


def test_why_it_was_refused_stays_beside_what_is_noted(door: Door, line: Subscription) -> None:
    door.post(ORDER, order_body("LV-2", "no-such-plan"))
    (order,) = door.get(ORDER).json()
    patched = door.patch(f"{ORDER}/{order['id']}", {"note": [{"text": "Ask Dora"}]}).json()
    assert [one["text"] for one in patched["note"]] == ["There is no such plan on sale.", "Ask Dora"]


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        pytest.param({"state": "cancelled"}, "not_patchable", id="its state"),
        pytest.param({"externalId": "LV-9"}, "not_patchable", id="its reference"),
        pytest.param({"productOrderItem": []}, "not_patchable", id="its items"),
        pytest.param({"description": "x", "id": "7"}, "not_patchable", id="its id too"),
        pytest.param({"description": 5}, "invalid_input", id="a number"),
        pytest.param({"description": "x" * 501}, "invalid_input", id="too long"),
        pytest.param({"note": [{"author": "Chen"}]}, "invalid_input", id="a note without a text"),
        pytest.param({"note": [{"text": "x", "date": "2026-11-22T12:00:00"}]}, "invalid_input", id="no zone"),
        pytest.param([], "invalid_input", id="no object"),
    ],
)
def test_what_was_ordered_stays(door: Door, line: Subscription, patch: Any, code: str) -> None:
    order = door.post(ORDER, order_body()).json()
    path = f"{ORDER}/{order['id']}"
    answer = door.patch(path, patch)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert problems(ORDERING, "Error", answer.json()) == []
    assert door.get(path).json() == order


@pytest.mark.parametrize(
    ("offering", "says"),
    [("tim-base-e-chat", "completed"), ("no-such-plan", "rejected")],
)
def test_it_is_too_late_to_cancel(door: Door, line: Subscription, offering: str, says: str) -> None:
    door.post(ORDER, order_body("LV-2", offering))
    (order,) = door.get(ORDER).json()
    body = {
        "productOrder": {"id": order["id"]},
        "cancellationReason": "Bought twice",
        "requestedCancellationDate": "2026-11-23T00:00:00Z",
    }
    assert problems(ORDERING, "CancelProductOrder_Create", body) == []
    answer = door.post(CANCEL, body)
    assert answer.status_code == 201
    made = answer.json()
    assert problems(ORDERING, "CancelProductOrder", made) == []
    assert answer.headers["Location"] == made["href"]
    assert (made["state"], made["cancellationReason"]) == ("terminatedWithError", "Bought twice")
    assert f"was {says}" in made["stateReason"]
    assert door.get(made["href"].removeprefix("http://carrier.test")).json() == made
    assert door.get(made["productOrder"]["href"].removeprefix("http://carrier.test")).json() == order
    door.post(CANCEL, {"productOrder": {"id": order["id"]}})
    listed = door.get(CANCEL, limit="1", **{"productOrder.id": order["id"]})
    assert (listed.json(), listed.headers["X-Total-Count"]) == ([made], "2")
    assert door.get(CANCEL, state="done").json() == []
    assert_audit_clean()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_input"),
        ({"productOrder": {"id": "99"}}, "order_unknown"),
        ({"productOrder": {"id": "x"}}, "order_unknown"),
        ({"productOrder": {"id": "1"}, "requestedCancellationDate": "soon"}, "invalid_input"),
    ],
)
def test_what_cannot_even_be_asked(door: Door, line: Subscription, body: Any, code: str) -> None:
    before = rows()
    answer = door.post(CANCEL, body)
    assert (answer.status_code, answer.json()["code"], rows()) == (400, code, before)


def test_a_topup_is_no_product_order(door: Door, line: Subscription) -> None:
    topup = door.post(TOPUP, topup_body()).json()["id"]
    assert door.post(CANCEL, {"productOrder": {"id": topup}}).json()["code"] == "order_unknown"
    assert door.patch(f"{ORDER}/{topup}", {"description": "x"}).status_code == 404
