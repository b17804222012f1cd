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
    return list(Entry.objects.order_by("subscription_id", "number", "leg").values_list("debited", "credited", "amount_minor"))


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
