"""Whatever JSON is put into whatever place: an answer by the book, and nothing half-done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineaviva.carrier.subscriptions.actions import subscription_open
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
    assert_audit_clean,
    order_body,
    rows,
    topup_body,
    transfer_body,
)
from tests.conftest import NOON
from tests.tmf_schemas import BALANCE, INVENTORY, ORDERING, problems

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([NUMBER, "credit", "topup-5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# The same database serves all examples: each must leave it in order, not empty.
ONE_DOOR = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def places(body: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into the body."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [path for key, value in inner for path in [(*way, key), *places(value, (*way, key))]]


def put(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(body))
    found = copy
    for step in path[:-1]:
        found = found[step]
    found[path[-1]] = value
    return copy


def assert_in_order(answer: Any, before: dict[str, int], file: str, definition: str) -> None:
    assert answer.status_code in {201, 400, 403, 409, 413}, answer.content
    if answer.status_code == 201:
        assert problems(file, definition, answer.json()) == []
        return
    assert problems(file, "Error", answer.json()) == []
    after = rows()
    # A refusal of the line or the offer is kept; nothing else is.
    assert {**after, "ServiceOrder": 0} == {**before, "ServiceOrder": 0}


@pytest.fixture(autouse=True)
def _line(door: Door) -> None:
    subscription_open(operator="tim", msisdn=NUMBER, now=NOON)


@ONE_DOOR
@given(data=st.data())
def test_topups(door: Door, data: st.DataObject) -> None:
    body = topup_body(None)
    path = data.draw(st.sampled_from(places(body)))
    before = rows()
    answer = door.post(TOPUP, json.dumps(put(body, path, data.draw(ANYTHING))))
    assert_in_order(answer, before, BALANCE, "TopupBalance")
    assert_audit_clean()


@ONE_DOOR
@given(data=st.data())
def test_orders(door: Door, data: st.DataObject) -> None:
    body = order_body(None)
    path = data.draw(st.sampled_from(places(body)))
    before = rows()
    answer = door.post(ORDER, json.dumps(put(body, path, data.draw(ANYTHING))))
    assert_in_order(answer, before, ORDERING, "ProductOrder")
    assert_audit_clean()


MORE = {
    ADJUST: (adjust_body(None), BALANCE, "AdjustBalance"),
    TRANSFER: (transfer_body(None, 0.01), BALANCE, "TransferBalance"),
    CANCEL: ({"productOrder": {"id": "1"}, "cancellationReason": "x"}, ORDERING, "CancelProductOrder"),
    PRODUCT: (
        {
            "status": "active",
            "realizingResource": [{"id": "+393390000001"}],
            "productCharacteristic": [{"name": "extendedOn", "value": "2026-11-01"}],
        },
        INVENTORY,
        "Product",
    ),
}


@pytest.mark.parametrize("to", MORE)
def test_all_that_is_made(door: Door, to: str) -> None:
    subscription_open(operator="tim", msisdn=OTHER_NUMBER, now=NOON)
    door.post(TOPUP, topup_body(None, 50))
    door.post(ORDER, order_body(None))
    body, file, definition = MORE[to]

    @ONE_DOOR
    @given(data=st.data())
    def calls(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(places(body)))
        before = rows()
        answer = door.post(to, json.dumps(put(body, path, data.draw(ANYTHING))))
        assert_in_order(answer, before, file, definition)
        assert_audit_clean()

    calls()


@ONE_DOOR
@given(name=st.sampled_from(["description", "category", "note", "state", "status", "id"]) | st.text(), value=ANYTHING)
def test_patches(door: Door, name: str, value: Any) -> None:
    if not door.get(ORDER).json():
        door.post(ORDER, order_body(None))
    for resource, file, definition in (
        (door.get(ORDER).json()[0], ORDERING, "ProductOrder"),
        (door.get(PRODUCT).json()[0], INVENTORY, "Product"),
    ):
        path = resource["href"].removeprefix("http://carrier.test")
        answer = door.patch(path, json.dumps({name: value}))
        assert answer.status_code in {200, 400, 409}, answer.content
        assert problems(file, definition if answer.status_code == 200 else "Error", answer.json()) == []
        assert door.get(path).status_code == 200
    assert_audit_clean()


@ONE_DOOR
@given(query=st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=3))
def test_queries(door: Door, query: dict[str, str]) -> None:
    try:
        answer = door.get(TOPUP, **query)
    except UnicodeEncodeError:  # half a character cannot even be sent
        return
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert problems(BALANCE, "Error", answer.json()) == []


def test_the_api_describes_itself(door: Door) -> None:
    document = door.get("/tmf-api/openapi.json", token=None).json()
    assert set(document["paths"]) >= {TOPUP, f"{TOPUP}/{{id}}", ORDER}
    scheme = document["components"]["securitySchemes"]["OAuth"]
    assert (scheme["type"], scheme["flows"]["clientCredentials"]["tokenUrl"]) == ("oauth2", "/oauth2/token")
