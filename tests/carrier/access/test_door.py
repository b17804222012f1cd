"""What a token opens: its scopes, its operator's lines, and nothing of another operator's."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lineaviva.carrier.access.actions import client_disable
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.tmf import door as tmf_door
from lineaviva.kernel.clock import FrozenClock
from tests.carrier.doors import (
    ADJUST,
    BUCKET,
    CANCEL,
    HISTORY,
    NUMBER,
    OFFERING,
    ORDER,
    OTHER_NUMBER,
    PRICE,
    PRODUCT,
    TOPUP,
    TOTAL,
    TRANSFER,
    Door,
    adjust_body,
    order_body,
    rows,
    topup_body,
    transfer_body,
)
from tests.tmf_schemas import BALANCE, problems

LISTS = [TOPUP, BUCKET, ORDER, PRODUCT, CANCEL, ADJUST, TRANSFER, TOTAL, HISTORY]
EMPTY = {ORDER, CANCEL, ADJUST, TRANSFER}
OTHER = "+393477654321"


@pytest.fixture
def all_operators(operator: str, settings: Any) -> None:
    """One process for every operator in the database."""
    settings.CARRIER_OPERATOR = ""


@pytest.fixture
def both(db: None, all_operators: None, now: datetime) -> tuple[Door, Door]:
    """TIM's partner and Vodafone's; a line of each operator, topped up by its partner under the same reference."""
    for operator, msisdn in (("tim", NUMBER), ("vodafone", OTHER)):
        subscription_open(operator=operator, msisdn=msisdn, extended_on=date(2026, 9, 1), now=now)
    tim, vodafone = Door("tim"), Door("vodafone")
    assert tim.post(TOPUP, topup_body("LV-1", 5, NUMBER)).status_code == 201
    assert vodafone.post(TOPUP, topup_body("LV-1", 10, OTHER)).status_code == 201
    return tim, vodafone


# --- scopes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", OFFERING, "catalog.read"),
        ("GET", PRICE, "catalog.read"),
        ("GET", f"{OFFERING}/topup-5", "catalog.read"),
        ("GET", ORDER, "order.read"),
        ("POST", ORDER, "order.write"),
        ("PATCH", f"{ORDER}/1", "order.write"),
        ("GET", CANCEL, "order.read"),
        ("POST", CANCEL, "order.write"),
        ("GET", PRODUCT, "inventory.read"),
        ("POST", PRODUCT, "inventory.write"),
        ("PATCH", f"{PRODUCT}/line-1", "inventory.write"),
        ("GET", BUCKET, "balance.read"),
        ("GET", TOPUP, "balance.read"),
        ("POST", TOPUP, "balance.write"),
        ("DELETE", f"{TOPUP}/1", "balance.write"),
        ("GET", TOTAL, "balance.read"),
        ("GET", HISTORY, "balance.read"),
        ("GET", ADJUST, "balance.read"),
        ("POST", ADJUST, "balance.adjust"),
        ("GET", TRANSFER, "balance.read"),
        ("POST", TRANSFER, "balance.adjust"),
        ("PATCH", f"{TRANSFER}/1", "balance.adjust"),
    ],
)
def test_each_call_needs_its_scope(door: Door, method: str, path: str, scope: str) -> None:
    others = tuple(one for one in tmf_door.SCOPES if one != scope)
    before = rows()
    answer = Door(client_id="all-but-one", scopes=others).other(method, path)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert problems(BALANCE, "Error", answer.json()) == []
    assert answer.json()["reason"] == f"This needs the scope tim:{scope}."
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tmf-api", error="insufficient_scope"'
    assert rows() == before
    assert Door(client_id="just-one", scopes=(scope,)).other(method, path).status_code in {200, 400, 404, 415}


def test_what_is_there_is_not_told_to_whom_it_is_not_for(door: Door) -> None:
    narrow = Door(client_id="narrow", scopes=("catalog.read",))
    assert {narrow.get(f"{TOPUP}/{pk}").status_code for pk in ("1", "99999")} == {403}


# --- time ---------------------------------------------------------------------------------------------------------


def test_a_token_ends_after_an_hour(door: Door, clock: FrozenClock) -> None:
    token = door.token()
    assert door.get(OFFERING, token).status_code == 200
    clock.advance(timedelta(minutes=59))
    assert door.get(OFFERING, token).status_code == 200
    clock.advance(timedelta(minutes=1))
    answer = door.get(OFFERING, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


def test_a_client_that_is_shut_out_is_out_with_its_next_call(door: Door, now: datetime) -> None:
    assert door.get(OFFERING).status_code == 200
    client_disable(client_id="partner", now=now)
    assert door.get(OFFERING).status_code == 401


# --- operators ----------------------------------------------------------------------------------------------------


def test_a_process_of_one_operator_serves_no_other(door: Door) -> None:
    before = rows()
    for answer in (Door("vodafone").get(OFFERING), Door("vodafone").post(TOPUP, topup_body())):
        assert (answer.status_code, answer.json()["code"]) == (403, "operator_elsewhere")
    assert rows() == before


@pytest.mark.parametrize("path", LISTS)
def test_lists_show_ones_own_and_nothing_else(both: tuple[Door, Door], path: str) -> None:
    tim, vodafone = both
    ours, theirs = tim.get(path), vodafone.get(path)
    ids = {one["id"] for one in ours.json()}
    assert ids.isdisjoint(one["id"] for one in theirs.json())
    assert OTHER not in ours.content.decode()
    assert NUMBER not in theirs.content.decode()
    assert {answer.headers["X-Total-Count"] for answer in (ours, theirs)} == ({"0"} if path in EMPTY else {"1"})


@pytest.mark.parametrize("path", [TOPUP, BUCKET, PRODUCT, TOTAL, HISTORY])
def test_what_is_anothers_is_not_there(both: tuple[Door, Door], path: str) -> None:
    tim, vodafone = both
    (one,) = vodafone.get(path).json()
    assert vodafone.get(f"{path}/{one['id']}").json() == one
    answer = tim.get(f"{path}/{one['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert tim.get(path, id=one["id"]).json() == []


def test_another_operators_number_can_be_neither_found_nor_sold_to(both: tuple[Door, Door]) -> None:
    tim, _ = both
    assert tim.get(PRODUCT, **{"realizingResource.value": OTHER}).json() == []
    assert tim.get(BUCKET, **{"logicalResource.id": OTHER}).json() == []
    before = rows()
    answer = tim.post(TOPUP, topup_body("LV-2", 5, OTHER))
    assert (answer.status_code, answer.json()["code"]) == (400, "line_unknown")
    assert rows() == {**before, "ServiceOrder": before["ServiceOrder"] + 1}


def test_another_operators_bucket_is_none(both: tuple[Door, Door]) -> None:
    tim, vodafone = both
    (credit,) = vodafone.get(BUCKET, usageType="monetary").json()
    before = rows()
    answer = tim.post(TOPUP, topup_body("LV-2", 5, NUMBER, bucket={"id": credit["id"]}))
    assert (answer.status_code, answer.json()["code"]) == (400, "bucket_unknown")
    assert rows() == before


def test_another_operators_credit_is_neither_corrected_nor_moved(both: tuple[Door, Door], now: datetime) -> None:
    tim, vodafone = both
    subscription_open(operator="vodafone", msisdn=OTHER_NUMBER, now=now)
    (theirs,) = vodafone.get(BUCKET, **{"logicalResource.id": OTHER}).json()
    (ours,) = tim.get(BUCKET).json()
    before, credit = rows(), {"id": theirs["id"]}
    for path, body, code in (
        (ADJUST, adjust_body("LV-3", 5, OTHER), "line_unknown"),
        (ADJUST, adjust_body("LV-3", 5, OTHER, bucket=credit), "bucket_unknown"),
        (TRANSFER, transfer_body("LV-4", 5), "line_unknown"),
        (TRANSFER, transfer_body("LV-4", 5, receiverBucket=credit), "bucket_unknown"),
        (TRANSFER, transfer_body("LV-4", 5, bucket=credit, logicalResource=[{"id": OTHER}]), "bucket_unknown"),
        (TRANSFER, transfer_body("LV-4", 5, receiverLogicalResource={"id": OTHER}), "line_unknown"),
    ):
        answer = tim.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert rows() == before
    assert tim.get(f"{BUCKET}/{ours['id']}").json() == ours

    moved = vodafone.post(TRANSFER, transfer_body("LV-4", 5, logicalResource=[{"id": OTHER}])).json()
    given = vodafone.post(ADJUST, adjust_body("LV-3", 5, OTHER)).json()
    for path, one in ((TRANSFER, moved), (ADJUST, given)):
        assert vodafone.get(f"{path}/{one['id']}").json() == one
        for answer in (tim.get(f"{path}/{one['id']}"), tim.delete(f"{path}/{one['id']}")):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert tim.get(path).json() == []


def test_another_operators_lines_and_orders_are_not_touched(both: tuple[Door, Door]) -> None:
    tim, vodafone = both
    order = tim.post(ORDER, order_body("LV-2")).json()
    line = tim.get(PRODUCT).json()[0]
    cancel = tim.post(CANCEL, {"productOrder": {"id": order["id"]}}).json()
    before = rows()
    for answer in (
        vodafone.patch(f"{PRODUCT}/{line['id']}", {"status": "suspended"}),
        vodafone.patch(f"{ORDER}/{order['id']}", {"description": "x"}),
        vodafone.get(f"{CANCEL}/{cancel['id']}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert vodafone.post(CANCEL, {"productOrder": {"id": order["id"]}}).json()["code"] == "order_unknown"
    assert vodafone.get(CANCEL).json() == []
    assert rows() == before
    assert tim.get(f"{PRODUCT}/{line['id']}").json()["status"] == "active"
    assert tim.get(f"{ORDER}/{order['id']}").json() == order


def test_one_number_may_be_a_line_of_each(both: tuple[Door, Door]) -> None:
    tim, vodafone = both
    assert vodafone.post(PRODUCT, {"status": "active", "realizingResource": [{"id": NUMBER}]}).status_code == 201
    assert len(tim.get(PRODUCT, **{"realizingResource.value": NUMBER}).json()) == 1


def test_references_of_two_clients_do_not_collide(both: tuple[Door, Door]) -> None:
    tim, vodafone = both
    second = Door("tim", client_id="second-shop")
    assert second.post(TOPUP, topup_body("LV-1", 6, NUMBER)).status_code == 201
    amounts = [
        [one["amount"]["amount"] for one in each.get(TOPUP, externalId="LV-1").json()] for each in (tim, vodafone)
    ]
    assert amounts == [[5.0, 6.0], [10.0]]
    before = rows()
    again = second.post(TOPUP, topup_body("LV-1", 6, NUMBER))
    assert (again.status_code, again.json()["amount"]["amount"]) == (201, 6.0)
    assert rows() == before


def test_catalogues_are_each_operators_own(both: tuple[Door, Door]) -> None:
    tim, vodafone = both
    assert "tim-base-e-chat" in {one["id"] for one in tim.get(OFFERING, limit="100").json()}
    assert vodafone.get(f"{OFFERING}/tim-base-e-chat").status_code == 404
    assert vodafone.post(ORDER, order_body("LV-3", "tim-base-e-chat")).status_code == 400


# --- the thread ---------------------------------------------------------------------------------------------------


def test_nobody_is_known_after_a_request(both: tuple[Door, Door]) -> None:
    with pytest.raises(RuntimeError, match="nobody was let in"):
        tmf_door.operator()
    tim, _ = both
    assert tim.get(OFFERING, token="wrong").status_code == 401
    with pytest.raises(RuntimeError, match="nobody was let in"):
        tmf_door.requester()
