"""TMF654: credit corrected by hand and moved between lines, and what is told of it afterwards; to the cent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.ledger.models import Entry, Event
from lineaviva.carrier.ledger.rules import Posting
from lineaviva.carrier.orders.models import CreditMove
from lineaviva.carrier.orders.queries import books_audit
from lineaviva.carrier.subscriptions.actions import plan_start, subscription_open
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from tests.carrier.doors import (
    ADJUST,
    BUCKET,
    HISTORY,
    NUMBER,
    ORDER,
    OTHER_NUMBER,
    TOPUP,
    TOTAL,
    TRANSFER,
    Door,
    adjust_body,
    assert_audit_clean,
    order_body,
    rows,
    topup_body,
    transfer_body,
)
from tests.conftest import NOON
from tests.tmf_schemas import BALANCE, problems

HOST = "http://carrier.test"


@pytest.fixture
def line(door: Door, now: datetime) -> Subscription:
    """Anna's line, with 10 euros."""
    found, _ = subscription_open(operator="tim", msisdn=NUMBER, extended_on=date(2025, 12, 1), now=now)
    assert door.post(TOPUP, topup_body("LV-1", 10)).status_code == 201
    return found


@pytest.fixture
def other(line: Subscription, now: datetime) -> Subscription:
    """Her other line, without credit."""
    return subscription_open(operator="tim", msisdn=OTHER_NUMBER, extended_on=date(2025, 12, 1), now=now)[0]


def credit() -> list[tuple[int, int]]:
    """Credit and debt of each line."""
    return list(Subscription.objects.order_by("id").values_list("credit_minor", "debt_minor"))


def owes(line: Subscription, minor: int) -> None:
    line.refresh_from_db()
    event_record(subscription=line, kind="courtesy", postings=[Posting("courtesy", "revenue", minor)], now=NOON)


def assert_refused(answer: Any, status: int, code: str, before: dict[str, int]) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert problems(BALANCE, "Error", answer.json()) == []
    assert rows() == before
    assert_audit_clean()


# --- by hand ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("euros", "minor"), [(2.5, 1250), (-2.5, 750), (-10, 0)])
def test_credit_is_corrected(door: Door, line: Subscription, euros: float, minor: int) -> None:
    body = adjust_body("LV-3", euros)
    assert problems(BALANCE, "AdjustBalance_Create", body) == []
    answer = door.post(ADJUST, body)
    assert answer.status_code == 201
    made = answer.json()
    assert problems(BALANCE, "AdjustBalance", made) == []
    assert answer.headers["Location"] == made["href"]
    assert (made["status"], made["externalId"], made["reason"]) == (
        "completed",
        "LV-3",
        "Calls that were counted twice",
    )
    assert made["amount"] == {"amount": euros, "units": "EUR"}
    assert made["bucket"]["id"] == f"credit-{line.pk}"
    assert (made["@type"], made["@baseType"]) == ("ReferencedAdjustBalance", "AdjustBalance")
    assert credit() == [(minor, 0)]
    event = Event.objects.order_by("number").last()
    assert event is not None
    assert (event.kind, event.origin) == ("adjusted", "staff")
    assert door.get(made["href"].removeprefix(HOST)).json() == made
    assert door.get(made["@schemaLocation"].removeprefix(HOST), token=None).status_code == 200
    assert_audit_clean()


def test_an_adjustment_again_is_the_same_one(door: Door, line: Subscription) -> None:
    first = door.post(ADJUST, adjust_body("LV-3", -10))
    before = rows()
    again = door.post(ADJUST, adjust_body("LV-3", -10))
    assert (again.status_code, again.json(), rows()) == (201, first.json(), before)
    assert_refused(door.post(ADJUST, adjust_body("LV-3", -9)), 409, "reference_reused", before)
    assert door.post(ADJUST, adjust_body(None, 1)).json()["id"] != door.post(ADJUST, adjust_body(None, 1)).json()["id"]
    assert credit() == [(200, 0)]


def test_references_of_topups_and_adjustments_are_apart(door: Door, line: Subscription) -> None:
    assert door.post(ADJUST, adjust_body("LV-1", 1)).status_code == 201
    assert credit() == [(1100, 0)]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"amount": {"amount": -10.01, "units": "EUR"}}, 409, "credit_too_little", id="below zero"),
        pytest.param({"amount": {"amount": 0, "units": "EUR"}}, 400, "invalid_input", id="nothing"),
        pytest.param({"amount": {"amount": 0.001, "units": "EUR"}}, 400, "invalid_input", id="no cents"),
        pytest.param({"amount": {"amount": 1, "units": "MB"}}, 400, "invalid_input", id="no money"),
        pytest.param({"reason": None}, 400, "invalid_input", id="no reason"),
        pytest.param({"reason": "  "}, 400, "invalid_input", id="a blank reason"),
        pytest.param({"usageType": "data"}, 400, "invalid_input", id="not money"),
        pytest.param({"adjustType": "recurring"}, 400, "invalid_input", id="again and again"),
        pytest.param({"logicalResource": []}, 400, "line_missing", id="no line"),
        pytest.param({"logicalResource": [{"id": "+393390000000"}]}, 400, "line_unknown", id="unknown number"),
        pytest.param({"bucket": {"id": "credit-999999"}}, 400, "bucket_unknown", id="unknown bucket"),
        pytest.param({"bucket": {"id": "debt-1"}}, 400, "bucket_unknown", id="not the credit"),
    ],
)
def test_what_is_not_corrected(door: Door, line: Subscription, changes: dict[str, Any], status: int, code: str) -> None:
    before = rows()
    assert_refused(door.post(ADJUST, adjust_body(**changes)), status, code, before)


def test_bucket_and_number_name_one_line(door: Door, line: Subscription, other: Subscription) -> None:
    before = rows()
    body = adjust_body(bucket={"id": f"credit-{other.pk}"})
    assert_refused(door.post(ADJUST, body), 400, "line_ambiguous", before)
    del body["logicalResource"]
    assert door.post(ADJUST, body).status_code == 201
    assert credit() == [(1000, 0), (500, 0)]


def test_credit_that_is_given_pays_what_is_owed_and_wakes_what_was_not_paid(door: Door, line: Subscription) -> None:
    body = order_body("LV-2")
    body["productOrderItem"][0]["product"]["productCharacteristic"] = [{"name": "autoRenew", "value": True}]
    assert door.post(ORDER, body).status_code == 201
    door.post(ADJUST, adjust_body("LV-3", -10))
    Plan.objects.update(status="asleep", due_on=None, paid_until=date(2026, 11, 20))
    owes(line, 99)
    door.post(ADJUST, adjust_body("LV-5", 5))
    kinds = list(Event.objects.order_by("-number").values_list("kind", flat=True)[:3])
    assert kinds == ["renewed", "debt_paid", "adjusted"]
    assert Plan.objects.get().status == "active"
    assert credit() == [(500 - 99 - Plan.objects.get().price_minor, 0)]


def test_a_blocked_line_may_be_corrected_and_nothing_wakes(door: Door, line: Subscription) -> None:
    owes(line, 99)
    Subscription.objects.update(status="suspended")
    assert door.post(ADJUST, adjust_body("LV-3", 1)).status_code == 201
    assert credit() == [(1001, 0)]
    assert_audit_clean()


# --- to another line ----------------------------------------------------------------------------------------------


def test_residual_credit_goes_along(door: Door, line: Subscription, other: Subscription) -> None:
    body = transfer_body("LV-4", 7.5)
    assert problems(BALANCE, "TransferBalance_Create", body) == []
    answer = door.post(TRANSFER, body)
    assert answer.status_code == 201
    made = answer.json()
    assert problems(BALANCE, "TransferBalance", made) == []
    assert made["bucket"]["id"] == f"credit-{line.pk}"
    assert made["receiverBucket"]["id"] == f"credit-{other.pk}"
    assert (made["logicalResource"][0]["id"], made["receiverLogicalResource"]["id"]) == (NUMBER, OTHER_NUMBER)
    assert credit() == [(250, 0), (750, 0)]
    legs = Entry.objects.filter(debited__in=["credit", "refund"]).order_by("subscription_id")
    assert list(legs.values_list("subscription_id", "debited", "credited", "amount_minor")) == [
        (line.pk, "credit", "refund", 750),
        (other.pk, "refund", "credit", 750),
    ]
    assert door.get(made["href"].removeprefix(HOST)).json() == made
    before = rows()
    again = door.post(TRANSFER, body)
    assert (again.status_code, again.json(), rows()) == (201, made, before)
    assert_refused(door.post(TRANSFER, transfer_body("LV-4", 7)), 409, "reference_reused", before)


def test_both_lines_pay_what_they_owe_first(door: Door, line: Subscription, other: Subscription) -> None:
    owes(line, 99)
    owes(other, 198)
    before = rows()
    assert_refused(door.post(TRANSFER, transfer_body("LV-4", 10)), 409, "credit_too_little", before)
    assert credit() == [(1000, 99), (0, 198)]
    assert door.post(TRANSFER, transfer_body("LV-4", 9.01)).status_code == 201
    assert credit() == [(0, 0), (901 - 198, 0)]
    assert_audit_clean()


@pytest.mark.parametrize(
    ("giver", "receiver", "code"),
    [
        pytest.param({"status": "suspended"}, {}, "line_suspended", id="giver blocked"),
        pytest.param({}, {"status": "suspended"}, "line_suspended", id="receiver blocked"),
        pytest.param({}, {"status": "closed"}, "line_closed", id="receiver closed"),
        pytest.param({}, {"phase": "off"}, "line_off", id="receiver off"),
    ],
)
def test_past_a_block_nothing_goes(
    door: Door, line: Subscription, other: Subscription, giver: dict[str, str], receiver: dict[str, str], code: str
) -> None:
    for one, changes in ((line, giver), (other, receiver)):
        if changes:
            Subscription.objects.filter(pk=one.pk).update(**changes)
    before = rows()
    answer = door.post(TRANSFER, transfer_body())
    assert (answer.status_code, answer.json()["code"], rows()) == (409, code, before)
    assert credit() == [(1000, 0), (0, 0)]


@pytest.mark.parametrize("phase", ["receive_only", "off", "free"])
def test_the_credit_of_a_line_that_is_over_is_not_lost(
    door: Door, line: Subscription, other: Subscription, phase: str
) -> None:
    Subscription.objects.filter(pk=line.pk).update(phase=phase)
    assert door.post(TRANSFER, transfer_body("LV-4", 10)).status_code == 201
    assert credit() == [(0, 0), (1000, 0)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"receiverLogicalResource": {"id": NUMBER}}, "line_same", id="to itself"),
        pytest.param({"receiverLogicalResource": {"id": "+393390000000"}}, "line_unknown", id="to nobody"),
        pytest.param({"amount": {"amount": -5, "units": "EUR"}}, "invalid_input", id="backwards"),
        pytest.param({"amount": {"amount": 0, "units": "EUR"}}, "invalid_input", id="nothing"),
        pytest.param({"reason": ""}, "invalid_input", id="no reason"),
        pytest.param({"channel": None}, "invalid_input", id="no channel"),
        pytest.param({"receiverBucket": None}, "invalid_input", id="no bucket"),
        pytest.param({"receiverBucketUsageType": "data"}, "invalid_input", id="into data"),
        pytest.param({"transferCost": {"value": 1, "unit": "EUR"}}, "invalid_input", id="for a fee"),
    ],
)
def test_what_is_not_moved(
    door: Door, line: Subscription, other: Subscription, changes: dict[str, Any], code: str
) -> None:
    before = rows()
    assert_refused(door.post(TRANSFER, transfer_body(**changes)), 400, code, before)


# --- what is done is done -----------------------------------------------------------------------------------------


def test_what_is_done_cannot_be_changed(door: Door, line: Subscription, other: Subscription) -> None:
    made = [
        door.get(TOPUP).json()[0],
        door.post(ADJUST, adjust_body()).json(),
        door.post(TRANSFER, transfer_body()).json(),
    ]
    before = rows()
    for one in made:
        path = one["href"].removeprefix(HOST)
        for answer in (door.patch(path, {"status": "cancelled"}), door.delete(path)):
            assert_refused(answer, 409, "done", before)
            assert "is done" in answer.json()["reason"]
        assert door.get(path).json() == one


def test_lists_are_paged_and_filtered(door: Door, line: Subscription, other: Subscription) -> None:
    for number in range(3):
        door.post(ADJUST, adjust_body(f"LV-{number}", 1))
        door.post(TRANSFER, transfer_body(f"LV-{number}", 1))
    for path in (ADJUST, TRANSFER):
        found = door.get(path, offset="1", limit="1")
        assert ([one["externalId"] for one in found.json()], found.headers["X-Total-Count"]) == (["LV-1"], "3")
        assert [one["externalId"] for one in door.get(path, externalId="LV-2").json()] == ["LV-2"]
        assert len(door.get(path, status="completed", **{"logicalResource.id": NUMBER}).json()) == 3
        assert door.get(path, status="failed").json() == []
        assert set(door.get(path, fields="status").json()[0]) == {"id", "href", "@type", "status"}


def test_a_lost_move_is_found_by_the_audit(door: Door, line: Subscription) -> None:
    door.post(ADJUST, adjust_body())
    CreditMove.objects.update(amount_minor=400)
    (problem,) = books_audit("tim").problems
    assert "400 cents were moved, its events are missing or say 500" in problem


# --- what a line has in all ---------------------------------------------------------------------------------------


def with_plans(line: Subscription, *data: int | None) -> None:
    """Plans with that much data; the last one begins next month."""
    line.refresh_from_db()
    for amount in data:
        event = event_record(subscription=line, kind="plan", starts_plan=True, now=NOON)
        plan_start(
            subscription=line,
            number=event.number,
            offering_id=f"plan-{event.number}",
            name="Plan",
            price_minor=999,
            period=(1, None),
            allowances={"data": amount, "voice": None, "sms": 0},
            today=date(2026, 11, 22),
        )


def test_what_there_is_in_all(door: Door, line: Subscription, other: Subscription) -> None:
    with_plans(line, 1000, 500, None)
    with_plans(other, 1000, -1)
    Plan.objects.filter(subscription_id=line.pk, data_left=500).update(data_left=200)
    owes(line, 99)
    found = door.get(TOTAL).json()
    assert [problems(BALANCE, "AccumulatedBalance", one) for one in found] == [[]] * len(found)
    told = [(one["id"], one["totalBalance"], len(one["bucket"])) for one in found]
    assert told == [
        (f"total-{line.pk}-monetary", {"amount": 9.01, "units": "EUR"}, 2),
        (f"total-{other.pk}-monetary", {"amount": 0.0, "units": "EUR"}, 1),
        (f"total-{line.pk}-data", {"amount": 1200.0, "units": "MB"}, 2),
        (f"total-{other.pk}-data", {"units": "MB"}, 2),
        (f"total-{line.pk}-sms", {"amount": 0.0, "units": "messages"}, 3),
        (f"total-{other.pk}-sms", {"amount": 0.0, "units": "messages"}, 2),
    ]
    for one in found:
        assert door.get(one["href"].removeprefix(HOST)).json() == one
        for bucket in one["bucket"]:
            assert door.get(bucket["href"].removeprefix(HOST)).status_code == 200
    assert len(door.get(TOTAL, **{"logicalResource.id": NUMBER}).json()) == 3
    assert [one["id"] for one in door.get(TOTAL, name="data", limit="1").json()] == [f"total-{line.pk}-data"]
    assert door.get(f"{TOTAL}/total-{line.pk}-voice").status_code == 404


def test_what_is_over_or_not_begun_counts_for_nothing(door: Door, line: Subscription) -> None:
    with_plans(line, 1000, 500)
    first, second = Plan.objects.order_by("number")
    Plan.objects.filter(pk=first.pk).update(paid_until=date(2026, 11, 22))
    Plan.objects.filter(pk=second.pk).update(started_on=date(2026, 11, 23))
    assert door.get(f"{TOTAL}/total-{line.pk}-data").status_code == 404
    assert len(door.get(BUCKET, usageType="data").json()) == 2


# --- what became of it --------------------------------------------------------------------------------------------


def test_a_lines_history_is_its_money(door: Door, line: Subscription, other: Subscription) -> None:
    owes(line, 99)
    event_record(subscription=line, kind="asleep", now=NOON)
    door.post(ADJUST, adjust_body("LV-3", -2))
    door.post(TRANSFER, transfer_body("LV-4", 5))
    door.post(ORDER, order_body("LV-5"))  # paid for by the partner
    answer = door.get(HISTORY, **{"logicalResource.id": NUMBER})
    found = answer.json()
    assert [problems(BALANCE, "BalanceActionHistory", one) for one in found] == [[]] * len(found)
    assert [(one["reason"], one["amount"]["amount"], one["bucket"]["id"].split("-")[0]) for one in found] == [
        ("topup", 10.0, "credit"),
        ("courtesy", -0.99, "debt"),
        ("adjusted", -2.0, "credit"),
        ("debt_paid", -0.99, "credit"),
        ("credit_out", -5.0, "credit"),
    ]
    assert answer.headers["X-Total-Count"] == "5"
    assert len(door.get(HISTORY).json()) == 6
    assert door.get(HISTORY, offset="1", limit="2", **{"logicalResource.id": NUMBER}).json() == found[1:3]
    assert [one["reason"] for one in door.get(HISTORY, reason="credit_in").json()] == ["credit_in"]
    for one in found:
        assert door.get(one["href"].removeprefix(HOST)).json() == one
    assert door.get(f"{HISTORY}/action-{line.pk}-3").status_code == 404  # it moved nothing
