"""The door for operators' SM-DP+ servers: who knows the address may tell of their profiles, as often as they like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from lineaviva.carrier.smdp import courier
from lineaviva.carrier.smdp.models import Profile, Progress
from lineaviva.keeper.delivery.es2plus.notices import MOST_BYTES
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent
from lineaviva.keeper.lines.models import Line
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.web.conftest import Browser

ICCID, EID = "8939010000000000009", "89049032123451234512345678901235"
TOKEN = "a-token-that-nobody-guesses"
PATH = f"/es2plus/tim/{TOKEN}/gsma/rsp2/es2plus/handleDownloadProgressInfo"


@pytest.fixture
def smdp(browser: Browser, settings: Any) -> Client:
    """TIM's server: no cookies, and no token against forged forms."""
    settings.ES2_TOKENS = {"tim": TOKEN, "vodafone": "another", "iliad": ""}
    client = browser()
    client.handler.enforce_csrf_checks = True
    return client


@pytest.fixture
def delivery(db: None, clock: FrozenClock) -> Delivery:
    """Anna's profile, which waits for her phone."""
    line = factories.line(sim_type="esim", now=clock.now())
    return a_delivery(line, clock.now())


def a_delivery(line: Line, now: datetime, **facts: Any) -> Delivery:
    made = {"operator": "tim", "gateway": "es2plus", "state": "released", "iccid": ICCID, "code": "ABCD2345"}
    return Delivery.objects.create(
        line=line, call_id="D-1", created_at=now, ordered_at=now, released_at=now, **{**made, **facts}
    )


def body(point: int = 4, **changes: Any) -> dict[str, Any]:
    return {
        "header": {"functionRequesterIdentifier": "smdp.test", "functionCallIdentifier": "progress-7"},
        "iccid": ICCID,
        "eid": EID,
        "profileType": "prepaid",
        "timestamp": "2026-11-22T10:59:00Z",
        "notificationPointId": point,
        "notificationPointStatus": {"status": "Executed-Success"},
        **changes,
    }


def tell(client: Client, document: Any = None, path: str = PATH, **headers: str) -> Any:
    content = document if isinstance(document, bytes) else json.dumps(document or body())
    return client.post(path, content, content_type="application/json", headers=headers)


def told(delivery: Delivery) -> list[tuple[str, str]]:
    return [(one.kind, one.at.isoformat()) for one in DeliveryEvent.objects.filter(delivery=delivery).order_by("pk")]


def test_what_is_told_is_written_down_once(smdp: Client, delivery: Delivery) -> None:
    for _ in range(2):
        response = tell(smdp)
        assert (response.status_code, response.content) == (204, b"")
        assert (response["X-Admin-Protocol"], response["Content-Type"]) == ("gsma/rsp/v2.2.2", "application/json")
    assert told(delivery) == [("installed", "2026-11-22T10:59:00+00:00")]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.eid) == ("installed", EID)


def test_it_is_told_in_its_own_words(smdp: Client, delivery: Delivery) -> None:
    status = {"status": "Failed", "statusCodeData": {"subjectCode": "8.2.10", "reasonCode": "4.2"}}
    assert tell(smdp, body(notificationPointStatus=status)).status_code == 204
    delivery.refresh_from_db()
    assert (delivery.state, delivery.failure) == ("failed", "8.2.10/4.2")
    for point, phone in ((101, "enabled"), (102, "disabled"), (5, "deleted")):
        tell(smdp, body(point, timestamp=f"2026-11-22T11:00:{point % 60:02}Z"))
        delivery.refresh_from_db()
        assert (delivery.state, delivery.phone) == ("installed", phone)


def test_without_a_time_it_is_now(smdp: Client, delivery: Delivery, clock: FrozenClock) -> None:
    tell(smdp, body(timestamp="today"))
    assert told(delivery) == [("installed", clock.now().isoformat())]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(body(77), id="a point that nobody knows"),
        pytest.param(body(iccid="8939010000000000017"), id="a profile that is not ours"),
    ],
)
def test_what_means_nothing_here_is_taken_quietly(smdp: Client, delivery: Delivery, document: Any) -> None:
    """Or it would be sent for days."""
    assert tell(smdp, document).status_code == 204
    assert told(delivery) == []
    delivery.refresh_from_db()
    assert delivery.state == "released"


@pytest.mark.parametrize(
    "path",
    [
        PATH.replace(TOKEN, "another"),
        PATH.replace(TOKEN, TOKEN[:-1]),
        PATH.replace(TOKEN, TOKEN + "x"),
        PATH.replace(TOKEN, "%E2%82%AC"),
        PATH.replace(TOKEN, "%ff"),
        PATH.replace("/tim/", "/vodafone/"),
        PATH.replace("/tim/", "/nobody/"),
        PATH.replace("/tim/", "/iliad/"),
        PATH.replace(f"/tim/{TOKEN}", "/iliad//"),
        PATH.replace("handleDownloadProgressInfo", "downloadOrder"),
        PATH + "/",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_who_does_not_know_the_address_tells_nothing(smdp: Client, delivery: Delivery, path: str, method: str) -> None:
    response = smdp.generic(method, path, json.dumps(body()), content_type="application/json")
    assert response.status_code == 404
    assert told(delivery) == []


def test_another_operator_tells_nothing_of_these_profiles(smdp: Client, delivery: Delivery) -> None:
    assert tell(smdp, path=PATH.replace(f"tim/{TOKEN}", "vodafone/another")).status_code == 204
    assert told(delivery) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_is_told_by_post(smdp: Client, delivery: Delivery, method: str) -> None:
    response = smdp.generic(method, PATH, json.dumps(body()), content_type="application/json")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert told(delivery) == []


@pytest.mark.parametrize(
    ("content", "status", "identifier"),
    [
        pytest.param(b"", 400, "JSON", id="nothing"),
        pytest.param(b"{", 400, "JSON", id="half"),
        pytest.param(b"[]", 400, "JSON object", id="list"),
        pytest.param(json.dumps(body(iccid="x")).encode(), 400, "iccid", id="iccid"),
        pytest.param(b" " * (MOST_BYTES + 1), 413, "body", id="too large"),
        pytest.param(b" " * (MOST_BYTES * 16), 413, "body", id="far too large"),
    ],
)
def test_what_is_no_progress_is_refused_in_the_protocol_s_words(
    smdp: Client, delivery: Delivery, content: bytes, status: int, identifier: str
) -> None:
    response = tell(smdp, content)
    data = {"subjectCode": "1.3.1", "reasonCode": "2.1", "subjectIdentifier": identifier}
    assert response.status_code == status
    assert response.json() == {"header": {"functionExecutionStatus": {"status": "Failed", "statusCodeData": data}}}
    assert told(delivery) == []


def test_a_database_that_is_away_is_told_again(
    smdp: Client, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> None:
        raise DatabaseError("row with 8939010000000000009 in it")

    monkeypatch.setattr("lineaviva.keeper.web.views.es2plus.progress_record", away)
    response = tell(smdp)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    monkeypatch.undo()
    assert tell(smdp).status_code == 204
    assert [kind for kind, _ in told(delivery)] == ["installed"]


def test_the_token_is_in_no_log(smdp: Client, delivery: Delivery, caplog: pytest.LogCaptureFixture) -> None:
    """Django writes the path of what it answers with an error."""
    for content in (b"{", b" " * (MOST_BYTES + 1), json.dumps(body()).encode()):
        tell(smdp, content)
    smdp.get(PATH)
    tell(smdp, path=PATH.replace(TOKEN, "a-guess"))
    assert TOKEN not in caplog.text
    assert "a-guess" not in caplog.text
    assert ICCID not in caplog.text


# --- from server to server ------------------------------------------------------------------------------------------


@pytest.fixture
def told_by_tim(settings: Any, live_server: Any, clock: FrozenClock) -> Iterator[Delivery]:
    """TIM's SM-DP+ knows our address, and we know its profile."""
    settings.ES2_TOKENS = {"tim": TOKEN}
    settings.SMDP_ADDRESS = "smdp.test"
    line = factories.line(sim_type="esim", now=clock.now())
    settings.SMDP_OPERATOR_URLS = {"tim": f"{live_server.url}/es2plus/tim/{TOKEN}/"}
    courier.tls.cache_clear()
    yield a_delivery(line, clock.now())
    courier.tls.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_our_own_smdp_tells_and_we_understand(told_by_tim: Delivery, settings: Any, clock: FrozenClock) -> None:
    now = clock.now()
    profile = Profile.objects.create(
        iccid=ICCID, operator="tim", profile_type="prepaid", size=1, created_at=now, changed_at=now
    )
    for point, failure in ((1, ""), (2, "CONFIRMATION_REFUSED"), (3, ""), (4, "BPP_EXECUTION"), (4, ""), (101, "")):
        row = Progress.objects.create(
            profile=profile, operator="tim", point=point, failure=failure, eid=EID, result=b"\x30\x00", at=now
        )
        assert courier.tell(settings.SMDP_OPERATOR_URLS["tim"], row) == (True, "answered 204")
    assert [kind for kind, _ in told(told_by_tim)] == [
        "eligible", "not_confirmed", "downloaded", "not_installed", "installed", "enabled",
    ]  # fmt: skip
    told_by_tim.refresh_from_db()
    assert (told_by_tim.state, told_by_tim.phone, told_by_tim.eid) == ("installed", "enabled", EID)


@pytest.mark.django_db(transaction=True)
def test_our_own_smdp_with_a_wrong_token_tells_again_later(
    told_by_tim: Delivery, settings: Any, clock: FrozenClock
) -> None:
    profile = Profile.objects.create(
        iccid=ICCID, operator="tim", profile_type="prepaid", size=1, created_at=clock.now(), changed_at=clock.now()
    )
    row = Progress.objects.create(profile=profile, operator="tim", point=101, at=clock.now())
    url = settings.SMDP_OPERATOR_URLS["tim"].replace(TOKEN, "wrong")
    assert courier.tell(url, row) == (False, "answered 404")
    assert told(told_by_tim) == []
