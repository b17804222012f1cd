"""Reading ES2+.HandleDownloadProgressInfo: as our SM-DP+ and others send it, and whatever else comes in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import progress
from lineaviva.keeper.delivery.es2plus import notices
from lineaviva.keeper.delivery.es2plus.notices import Told
from lineaviva.keeper.delivery.rules import Point
from lineaviva.kernel.errors import InvalidInput

ICCID, EID = "8939010000000000009", "89049032123451234512345678901235"
AT = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
BODY: dict[str, Any] = {
    "header": {"functionRequesterIdentifier": "smdp.test", "functionCallIdentifier": "progress-7"},
    "eid": EID,
    "iccid": ICCID,
    "profileType": "prepaid",
    "timestamp": "2026-11-22T11:00:00Z",
    "notificationPointId": 4,
    "notificationPointStatus": {"status": "Executed-Success"},
    "resultData": "vzcEvycAMAA=",
}
GOOD = Told(ICCID, Point.INSTALLATION, ok=True, eid=EID, at=AT)


def read(**changes: Any) -> Told:
    body = {**BODY, **changes}
    return notices.read(json.dumps({name: value for name, value in body.items() if value is not ...}).encode())


def failed(status: str = "Failed", **data: Any) -> dict[str, Any]:
    return {"status": status, "statusCodeData": data}


def test_it_is_read() -> None:
    assert read() == GOOD


def test_the_points_are_those_that_our_smdp_tells() -> None:
    assert {one.name: int(one) for one in Point} == {one.name: int(one) for one in progress.Point}


@pytest.mark.parametrize("point", Point)
@pytest.mark.parametrize("write", [int, str])
def test_each_point_is_read_as_number_and_as_text(point: Point, write: Any) -> None:
    assert read(notificationPointId=write(int(point))).point is point


@pytest.mark.parametrize("point", [0, 6, 99, 100, 103, "7", 999_999_999])
def test_a_point_that_nobody_here_knows_is_taken(point: Any) -> None:
    assert read(notificationPointId=point).point is None


@pytest.mark.parametrize(
    ("status", "ok", "failure"),
    [
        pytest.param({"status": "Executed-Success"}, True, "", id="success"),
        pytest.param({"status": "Executed-WithWarning"}, True, "", id="warning"),
        pytest.param(failed(subjectCode="8.8.5", reasonCode="6.4", message="No."), False, "8.8.5/6.4", id="code"),
        pytest.param(failed("Expired", subjectCode="8.8.5", reasonCode="4.10"), False, "8.8.5/4.10", id="expired"),
        pytest.param({"status": "Failed"}, False, "", id="no data"),
        pytest.param(failed(), False, "", id="empty data"),
        pytest.param(failed(subjectCode="8.8.5"), False, "", id="half"),
        pytest.param(failed(subjectCode=8, reasonCode=6), False, "", id="numbers"),
        pytest.param(failed(subjectCode="<script>", reasonCode="6.4"), False, "", id="no code"),
        pytest.param({"status": "Failed", "statusCodeData": "8.8.5/6.4"}, False, "", id="text"),
    ],
)
def test_how_it_went(status: dict[str, Any], ok: bool, failure: str) -> None:
    found = read(notificationPointStatus=status)
    assert (found.ok, found.failure) == (ok, failure)


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("2026-11-22T11:00:00Z", AT),
        ("2026-11-22T12:00:00+01:00", AT),
        ("2026-11-22T11:00:00", AT),
        ("2026-11-22T11:00:00.250Z", AT.replace(microsecond=250_000)),
        ("2026-11-22", AT.replace(hour=0)),
        ("yesterday", None),
        ("", None),
        ("0001-01-01T00:00:00+23:00", None),
        (1_763_808_000, None),
        (None, None),
        (..., None),
    ],
)
def test_when_it_was(timestamp: Any, at: datetime | None) -> None:
    assert read(timestamp=timestamp).at == at


@pytest.mark.parametrize("eid", [..., None, "", 7, EID[:31], EID + "0", "x" * 32, [EID]])
def test_an_eid_need_not_be_there_nor_be_one(eid: Any) -> None:
    found = read(eid=eid)
    assert (found.eid, found.iccid, found.point) == ("", ICCID, Point.INSTALLATION)


@pytest.mark.parametrize("name", ["header", "profileType", "resultData"])
def test_what_is_not_needed_may_be_anything(name: str) -> None:
    assert read(**{name: ...}) == read(**{name: 7}) == GOOD


@pytest.mark.parametrize("iccid", [ICCID + "F", ICCID + "f", "89390100000000000099", "893901000000000000"])
def test_an_iccid_has_18_to_20_digits_and_perhaps_a_filler(iccid: str) -> None:
    assert read(iccid=iccid).iccid == iccid.rstrip("Ff")


@pytest.mark.parametrize(
    ("element", "changes"),
    [
        *(("iccid", {"iccid": bad}) for bad in (..., None, "", 7, ICCID[:17], ICCID + "00", "٨" * 19, [ICCID])),
        *(
            ("notificationPointId", {"notificationPointId": bad})
            for bad in (..., None, "", "four", 4.0, -1, True, [4], "٤", "1" * 10)
        ),
        *(
            ("notificationPointStatus", {"notificationPointStatus": bad})
            for bad in (..., None, "Failed", [], {}, {"status": None}, {"status": 1}, {"status": "Fine"})
        ),
    ],
)
def test_what_is_not_understood_is_said_and_never_repeated(element: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as wrong:
        read(**changes)
    assert (wrong.value.code, wrong.value.field) == ("progress_invalid", element)
    assert wrong.value.message == f"This is no progress of a download: {element}."


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"x"', b"7", b"[" * 60_000, b"1" * 5000],
    ids=["nothing", "half", "no text", "list", "null", "text", "number", "deep", "digits"],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        notices.read(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(BODY)), _JSON))
def test_whatever_comes_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        found = notices.read(json.dumps({**BODY, **changes}).encode())
    except InvalidInput:
        return
    assert found.iccid.isdecimal()
    assert found.at is None or found.at.tzinfo is UTC


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        notices.read(body)
