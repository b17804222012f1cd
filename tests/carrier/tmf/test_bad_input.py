"""Whatever is sent to the door: TM Forum's error body, one clear sentence, the right status, and nothing changed."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse

from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.tmf.middleware import TmfErrorsMiddleware
from tests.carrier.doors import (
    ADJUST,
    BUCKET,
    CANCEL,
    HISTORY,
    NUMBER,
    OFFERING,
    ORDER,
    PRICE,
    PRODUCT,
    TOPUP,
    TOTAL,
    TRANSFER,
    Door,
    order_body,
    rows,
    topup_body,
)
from tests.tmf_schemas import BALANCE, problems

MISSING = object()


def altered(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `body` with another value at the dotted path; MISSING takes it away."""
    copy = json.loads(json.dumps(body))
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    inner: Any = copy
    for step in way:
        inner = inner[step]
    if value is MISSING:
        del inner[last]
    else:
        inner[last] = value
    return dict(copy)


@pytest.fixture(autouse=True)
def _line(door: Door, now: datetime) -> None:
    subscription_open(operator="tim", msisdn=NUMBER, extended_on=date(2025, 12, 1), now=now)


def assert_refused(answer: Any, status: int, code: str, says: str, before: dict[str, int]) -> None:
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert problems(BALANCE, "Error", body) == []
    assert (body["code"], body["status"]) == (code, str(status))
    assert says in body["reason"]
    assert "Traceback" not in answer.content.decode()
    assert rows() == before


TOPUPS = [
    ("amount", MISSING, "amount: Field required"),
    ("amount", 5, "amount"),
    ("amount.amount", MISSING, "amount.amount: Field required"),
    ("amount.amount", "5", "amount.amount"),
    ("amount.amount", True, "amount.amount"),
    ("amount.amount", None, "amount.amount"),
    ("amount.amount", [5], "amount.amount"),
    ("amount.amount", 0, "greater than 0"),
    ("amount.amount", -5, "greater than 0"),
    ("amount.amount", 4.999, "whole cents"),
    ("amount.amount", 1e300, "whole cents"),
    ("amount.amount", 10**30, "whole cents"),
    ("amount.units", "USD", "EUR"),
    ("amount.units", MISSING, "amount.units"),
    ("usageType", MISSING, "usageType"),
    ("usageType", "data", "monetary"),
    ("bucket", MISSING, "bucket: Field required"),
    ("bucket", {}, "bucket.id"),
    ("bucket.id", "", "bucket.id"),
    ("bucket.id", 7, "bucket.id"),
    ("bucket.id", "x" * 61, "bucket.id"),
    ("partyAccount", MISSING, "partyAccount"),
    ("logicalResource", "x", "logicalResource"),
    ("logicalResource", [{"id": NUMBER}, {"id": NUMBER}], "logicalResource"),
    ("externalId", "", "externalId"),
    ("externalId", "x" * 65, "externalId"),
    ("externalId", "has a blank", "externalId"),
    ("externalId", "…", "externalId"),
    ("externalId", 7, "externalId"),
    ("description", "x" * 501, "description"),
    ("isAutoTopup", True, "isAutoTopup"),
    ("voucher", "1234", "voucher"),
    ("recurringPeriod", "monthly", "recurringPeriod"),
]


@pytest.mark.parametrize(
    ("path", "value", "says"), TOPUPS, ids=[f"{path}={str(value)[:20]}" for path, value, _ in TOPUPS]
)
def test_topups(door: Door, path: str, value: Any, says: str) -> None:
    before = rows()
    answer = door.post(TOPUP, altered(topup_body(), path, value))
    assert_refused(answer, 400, "invalid_input", says, before)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"logicalResource": []}, "line_missing", id="no line named"),
        pytest.param({"logicalResource": [{"id": "12"}]}, "msisdn_invalid", id="no number"),
        pytest.param({"logicalResource": [{"id": "+4915112345678"}]}, "msisdn_foreign", id="foreign number"),
        pytest.param({"logicalResource": [{"id": "+390612345678"}]}, "msisdn_fixed_line", id="fixed line"),
        pytest.param({"logicalResource": [{"id": "٣٣٩"}]}, "msisdn_invalid", id="digits of another script"),
        pytest.param({"partyAccount": {"id": "+393391234568"}}, "line_ambiguous", id="another's account"),
        pytest.param({"bucket": {"id": "credit-99999"}}, "bucket_unknown", id="no such bucket"),
        pytest.param({"bucket": {"id": "bucket-1"}}, "bucket_unknown", id="not a money bucket"),
        pytest.param({"bucket": {"id": "credit-" + "9" * 40}}, "bucket_unknown", id="id beyond all numbers"),
        pytest.param({"description": "\0"}, "text_invalid", id="a NUL"),
        pytest.param({"description": "\ud800"}, "text_invalid", id="half a character"),
    ],
)
def test_topups_that_name_no_line(door: Door, changes: dict[str, Any], code: str) -> None:
    before = rows()
    assert_refused(door.post(TOPUP, json.dumps(topup_body(**changes))), 400, code, "", before)


ORDERS = [
    ("productOrderItem", MISSING, "productOrderItem: Field required"),
    ("productOrderItem", [], "productOrderItem"),
    ("productOrderItem", {}, "productOrderItem"),
    ("productOrderItem", [order_body()["productOrderItem"][0]] * 2, "productOrderItem"),
    ("productOrderItem.0.id", MISSING, "productOrderItem.0.id"),
    ("productOrderItem.0.action", MISSING, "productOrderItem.0.action"),
    ("productOrderItem.0.action", "delete", "add"),
    ("productOrderItem.0.quantity", 2, "productOrderItem.0.quantity"),
    ("productOrderItem.0.quantity", -1, "productOrderItem.0.quantity"),
    ("productOrderItem.0.productOffering", MISSING, "productOrderItem.0.productOffering"),
    ("productOrderItem.0.product", MISSING, "productOrderItem.0.product"),
    ("productOrderItem.0.product.realizingResource", [], "realizingResource"),
    ("productOrderItem.0.productOrderItem", [{"id": "2", "action": "add"}], "productOrderItem.0.productOrderItem"),
    ("externalId", "x" * 65, "externalId"),
]


@pytest.mark.parametrize(
    ("path", "value", "says"), ORDERS, ids=[f"{path}={str(value)[:20]}" for path, value, _ in ORDERS]
)
def test_orders(door: Door, path: str, value: Any, says: str) -> None:
    before = rows()
    answer = door.post(ORDER, altered(order_body(), path, value))
    assert_refused(answer, 400, "invalid_input", says, before)


def test_an_order_for_no_number(door: Door) -> None:
    before = rows()
    body = altered(order_body(), "productOrderItem.0.product.realizingResource.0.value", "12")
    assert_refused(door.post(ORDER, body), 400, "msisdn_invalid", "mobile number", before)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        pytest.param(b"", "application/json", 400, "invalid_input", id="nothing"),
        pytest.param(b"{", "application/json", 400, "not_json", id="half"),
        pytest.param(b"\xff\xfe{}", "application/json", 400, "not_json", id="not UTF-8"),
        pytest.param(b'{"amount": NaN}', "application/json", 400, "not_json", id="NaN"),
        pytest.param(b"[" * 60_000, "application/json", 400, "not_json", id="nested without end"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", "application/json", 400, "not_json", id="a number without end"),
        pytest.param(b"[]", "application/json", 400, "invalid_input", id="a list"),
        pytest.param(b"null", "application/json", 400, "invalid_input", id="null"),
        pytest.param(b'"text"', "application/json", 400, "invalid_input", id="a text"),
        pytest.param(b"{}", "application/json", 400, "invalid_input", id="an empty object"),
        pytest.param(b"{}", "text/plain", 415, "media_type", id="plain text"),
        pytest.param(b"<a/>", "application/xml", 415, "media_type", id="XML"),
        pytest.param(b"a=b", "application/x-www-form-urlencoded", 415, "media_type", id="a form"),
        pytest.param(b" " * 70_000 + b"{}", "application/json", 413, "too_large", id="too large"),
    ],
)
@pytest.mark.parametrize("path", [TOPUP, ORDER], ids=["topup", "order"])
def test_bodies(door: Door, path: str, body: bytes, content_type: str, status: int, code: str) -> None:
    before = rows()
    assert_refused(door.post(path, body, content_type=content_type), status, code, "", before)


def test_a_charset_and_unknown_attributes_are_taken(door: Door) -> None:
    body = json.dumps(topup_body(someOther={"deep": [1, None]}))
    answer = door.post(TOPUP, body, content_type="application/json; charset=utf-8")
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "unauthorized"),
        ("", "invalid_token"),
        ("wrong", "invalid_token"),
        ("wröng", "invalid_token"),
        (" ", "invalid_token"),
        ("x" * 5000, "invalid_token"),
    ],
)
@pytest.mark.parametrize(
    "path", [TOPUP, BUCKET, ADJUST, TRANSFER, TOTAL, HISTORY, ORDER, CANCEL, PRODUCT, OFFERING, PRICE]
)
def test_without_a_token_nothing_is_said(door: Door, path: str, token: str | None, code: str) -> None:
    answer = door.get(path, token=token)
    assert_refused(answer, 401, code, "token", rows())
    error = ', error="invalid_token"' if token is not None else ""
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="tmf-api"{error}'


def test_without_a_token_nothing_is_done(door: Door) -> None:
    before = rows()
    assert_refused(door.post(TOPUP, topup_body(), token="wrong"), 401, "invalid_token", "token", before)


@pytest.mark.parametrize("header", ["Basic cGFydG5lcjp4", "Digest x", "Bearer", "bearer"])
def test_other_ways_to_sign_in_are_none(door: Door, header: str) -> None:
    answer = door.other("GET", TOPUP, Authorization=header)
    assert_refused(answer, 401, "invalid_token", "token", rows())


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("application/json;charset=utf-8", 200),
        ("application/*", 200),
        ("*/*", 200),
        ("", 200),
        ("text/html, application/json;q=0.1", 200),
        ("text/html", 406),
        ("application/xml, text/*", 406),
        ("application/json;q=0", 406),
    ],
)
def test_answers_are_json_or_none(door: Door, accept: str, status: int) -> None:
    answer = door.other("GET", TOPUP, Accept=accept)
    assert answer.status_code == status
    if status == 406:
        assert_refused(answer, 406, "not_acceptable", "application/json", rows())


@pytest.mark.parametrize(
    "path",
    [
        f"{TOPUP}/1",
        f"{TOPUP}/x",
        f"{TOPUP}/{'9' * 30}",
        f"{TOPUP}/-1",
        f"{TOPUP}/²",
        f"{ORDER}/1",
        f"{PRODUCT}/line-0",
        f"{PRODUCT}/plan-1",
        f"{PRODUCT}/1",
        f"{BUCKET}/credit-0",
        f"{BUCKET}/bucket-1",
        f"{BUCKET}/x",
        f"{OFFERING}/topup-7",
        f"{CANCEL}/1",
        f"{ADJUST}/1",
        f"{TRANSFER}/x",
        f"{TOTAL}/total-0-data",
        f"{TOTAL}/total-1",
        f"{HISTORY}/action-1-1",
        "/tmf-api/prepayBalanceManagement/v4/reserveBalance",
        f"{PRICE}/none",
        "/tmf-api/",
        "/tmf-api/nothing/v4/here",
        "/",
        "/../etc/passwd",
    ],
)
def test_what_is_not_there(door: Door, path: str) -> None:
    assert_refused(door.get(path), 404, "not_found", "", rows())


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (TOPUP, "PUT PATCH DELETE"),
        (f"{TOPUP}/1", "PUT POST"),
        (f"{ADJUST}/1", "PUT POST"),
        (TRANSFER, "PUT PATCH DELETE"),
        (BUCKET, "POST PUT PATCH DELETE"),
        (TOTAL, "POST PUT PATCH DELETE"),
        (f"{HISTORY}/1", "POST PUT PATCH DELETE"),
        (ORDER, "PUT PATCH DELETE"),
        (f"{ORDER}/1", "PUT POST DELETE"),
        (f"{CANCEL}/1", "PUT POST PATCH DELETE"),
        (PRODUCT, "PUT PATCH DELETE"),
        (f"{PRODUCT}/line-1", "PUT POST DELETE"),
        (OFFERING, "PUT PATCH DELETE"),
    ],
)
def test_what_cannot_be_done(door: Door, path: str, methods: str) -> None:
    for method in methods.split():
        _assert_cannot_be_done(door, path, method)


def _assert_cannot_be_done(door: Door, path: str, method: str) -> None:
    answer = door.other(method, path)
    assert_refused(answer, 405, "method_not_allowed", "", rows())
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "query",
    [
        {"offset": "-1"},
        {"offset": "x"},
        {"offset": str(2**40)},
        {"limit": "0"},
        {"limit": "-5"},
        {"limit": "ten"},
        {"limit": "1.5"},
        {"fields": "x" * 1001},
        {"colour": "red"},
        {"status.gt": "1"},
        {"externalId": "\0"},
        {"logicalResource.id": "\0"},
        {"\0": "x"},
    ],
    ids=str,
)
def test_queries(door: Door, query: dict[str, str]) -> None:
    answer = door.get(TOPUP, **query)
    assert answer.status_code == 400
    assert problems(BALANCE, "Error", answer.json()) == []
    assert answer.json()["code"] in {"invalid_input", "text_invalid"}


def test_a_large_limit_is_answered_with_a_hundred(door: Door) -> None:
    assert door.get(TOPUP, limit="100000").status_code == 200


def test_what_breaks_inside_is_one_sentence(door: Door, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError(f"something about {NUMBER}")

    monkeypatch.setattr("lineaviva.carrier.tmf.asking.service_order_perform", broken)
    before = rows()
    answer = door.post(TOPUP, topup_body())
    assert_refused(answer, 500, "internal_error", "Ask by your reference", before)
    assert NUMBER not in answer.content.decode()
    assert "RuntimeError" in caplog.text
    assert NUMBER not in caplog.text


def test_a_carrier_of_an_unknown_operator_does_not_start(operator: str, settings: Any) -> None:
    settings.CARRIER_OPERATOR = "sip"
    with pytest.raises(ImproperlyConfigured, match="LINEAVIVA_CARRIER_OPERATOR"):
        TmfErrorsMiddleware(lambda _: HttpResponse())
