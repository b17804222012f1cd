"""ES2+ by itself: what is sent, and what each answer means; every refusal of an SM-DP+ has its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lineaviva.carrier.smdp.failures import Failure
from lineaviva.keeper.delivery.es2plus import answers, wire
from lineaviva.keeper.delivery.es2plus.adapter import Es2PlusGateway
from lineaviva.keeper.delivery.es2plus.answers import Answer, Function
from lineaviva.keeper.delivery.ports import Ordered, ProfileRequest, Released, gateway, gateway_for
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary, Unknown
from tests.limits import as_shipped

ICCID, EID = "8939010000000000009", "89049032123451234512345678901235"
WAY = Es2PlusGateway()
REQUEST = ProfileRequest("D-1", "tim", "ABCDE-FGHIJ")
Answered = Callable[[httpx.Request], httpx.Response]


class Wire:
    """Plays the SM-DP+: one answer after the other, the last one for good; keeps what was sent."""

    def __init__(self, *answers: Answered) -> None:
        self.sent: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])(request)

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """Each function with its body, without the header."""
        bodies = [(one.url.path.rpartition("/")[2], json.loads(one.content)) for one in self.sent]
        return [(name, {key: value for key, value in body.items() if key != "header"}) for name, body in bodies]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Callable[..., Wire]:
    settings.ES2_URLS = {"tim": "https://tim.test/base/"}
    settings.ES2_CERTS = settings.ES2_CA = ""
    settings.ES2_PROFILE_TYPES, settings.ES2_REQUESTERS, settings.ES2_ADDRESSES = {}, {}, {}

    def play(*answers: Answered) -> Wire:
        found = Wire(*answers)
        client = httpx.Client(transport=httpx.MockTransport(found))
        monkeypatch.setattr(wire, "_client", lambda *_: client)
        return found

    return play


def says(status: str = "Executed-Success", **body: Any) -> Answered:
    return lambda _: httpx.Response(200, json={"header": {"functionExecutionStatus": {"status": status}}, **body})


def refuses(code: str, message: str = "No.", status: int = 200) -> Answered:
    subject, reason = code.split("/")
    data = {"subjectCode": subject, "reasonCode": reason, "message": message}
    header = {"functionExecutionStatus": {"status": "Failed", "statusCodeData": data}}
    return lambda _: httpx.Response(status, json={"header": header})


def plain(status: int, text: str = "", **headers: str) -> Answered:
    return lambda _: httpx.Response(status, text=text, headers=headers)


def breaks(error: type[Exception]) -> Answered:
    def raising(_: httpx.Request) -> httpx.Response:
        raise error("broken")

    return raising


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_an_order_names_our_reference_and_a_type(play: Callable[..., Wire]) -> None:
    sent = play(says(iccid=ICCID))
    assert WAY.order(REQUEST) == Ordered(ICCID)
    (request,) = sent.sent
    assert (request.method, str(request.url)) == ("POST", "https://tim.test/base/gsma/rsp2/es2plus/downloadOrder")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Admin-Protocol"] == "gsma/rsp/v2.2.2"
    header = {"functionRequesterIdentifier": "lineaviva", "functionCallIdentifier": "D-1"}
    assert json.loads(request.content) == {"header": header, "profileType": "prepaid"}


def test_an_order_by_what_the_settings_say(play: Callable[..., Wire], settings: Any) -> None:
    settings.ES2_PROFILE_TYPES, settings.ES2_REQUESTERS = {"tim": "consumer"}, {"tim": "1.3.6.1.4.1.9"}
    sent = play(says(iccid=ICCID + "F"))
    assert WAY.order(ProfileRequest("D-1", "tim", "ABC", eid=EID)).iccid == ICCID
    body = json.loads(sent.sent[0].content)
    assert body["header"]["functionRequesterIdentifier"] == "1.3.6.1.4.1.9"
    assert (body["profileType"], body["eid"]) == ("consumer", EID)
    WAY.order(ProfileRequest("D-1", "tim", "ABC", profile_type="gold"))
    assert sent.calls[1] == ("downloadOrder", {"profileType": "gold"})


def test_a_release_confirms_with_our_matching_id(play: Callable[..., Wire]) -> None:
    sent = play(says(matchingId="ABCDE-FGHIJ", smdpAddress="smdp.test:8443"))
    assert WAY.release(REQUEST, ICCID) == Released(ActivationCode("smdp.test:8443", "ABCDE-FGHIJ"))
    wish = {"iccid": ICCID, "matchingId": "ABCDE-FGHIJ", "releaseFlag": True}
    assert sent.calls == [("confirmOrder", wish)]


@pytest.mark.parametrize(
    ("answer", "addresses", "expected"),
    [
        pytest.param({"matchingId": "OWN", "smdpAddress": "a.test"}, {}, "LPA:1$a.test$OWN", id="its own matching id"),
        pytest.param({"smdpAddress": "a.test"}, {}, "LPA:1$a.test$ABCDE-FGHIJ", id="no matching id"),
        pytest.param({}, {"tim": "b.test"}, "LPA:1$b.test$ABCDE-FGHIJ", id="no address"),
        pytest.param({"smdpAddress": "a.test"}, {"tim": "b.test"}, "LPA:1$a.test$ABCDE-FGHIJ", id="both"),
    ],
)
def test_the_code_is_as_the_server_says(
    play: Callable[..., Wire], settings: Any, answer: dict[str, str], addresses: dict[str, str], expected: str
) -> None:
    settings.ES2_ADDRESSES = addresses
    play(says(**answer))
    assert str(WAY.release(REQUEST, ICCID).activation_code) == expected


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        pytest.param({}, "LINEAVIVA_ES2_ADDRESSES", id="no address"),
        pytest.param({"smdpAddress": 7}, "LINEAVIVA_ES2_ADDRESSES", id="a number"),
        pytest.param({"smdpAddress": "a b"}, "gives no activation code", id="no host"),
        pytest.param({"smdpAddress": "a.test", "matchingId": "a$b"}, "gives no activation code", id="no matching id"),
    ],
)
def test_an_answer_without_a_code_is_for_a_person(play: Callable[..., Wire], answer: dict[str, Any], what: str) -> None:
    play(says(**answer))
    with pytest.raises(NeedsPerson, match=what):
        WAY.release(REQUEST, ICCID)


@pytest.mark.parametrize("iccid", [None, "", 7, "89390100000", "8939010000000000009F1", "x" * 19, "٨" * 19])
def test_an_order_without_an_iccid_is_for_a_person(play: Callable[..., Wire], iccid: Any) -> None:
    play(says(iccid=iccid))
    with pytest.raises(NeedsPerson, match="took the order D-1 and named no ICCID"):
        WAY.order(REQUEST)


# --- cancelling -----------------------------------------------------------------------------------------------------

CANCEL = {"iccid": ICCID, "matchingId": "ABCDE-FGHIJ"}
BACK, OUT = {"finalProfileStatusIndicator": "Available"}, {"finalProfileStatusIndicator": "Unavailable"}


@pytest.mark.parametrize("code", ["8.2.1/3.5", "8.2.1/3.9"])
def test_what_is_not_there_any_more_is_cancelled(play: Callable[..., Wire], code: str) -> None:
    sent = play(refuses(code))
    assert WAY.cancel(REQUEST, ICCID) == "cancelled"
    assert sent.calls == [("cancelOrder", {**CANCEL, **BACK})]


def test_what_an_euicc_has_seen_goes_out_of_use(play: Callable[..., Wire]) -> None:
    sent = play(refuses("8.2.1/3.3"), says())
    assert WAY.cancel(REQUEST, ICCID) == "cancelled"
    assert sent.calls == [("cancelOrder", {**CANCEL, **BACK}), ("cancelOrder", {**CANCEL, **OUT})]


def test_what_a_phone_has_is_too_late(play: Callable[..., Wire]) -> None:
    sent = play(refuses("8.2.1/3.3"))
    assert WAY.cancel(REQUEST, ICCID) == "too_late"
    assert len(sent.sent) == 2


def test_an_order_that_was_never_confirmed_is_found_by_our_reference(play: Callable[..., Wire]) -> None:
    other = "8939010000000000017"
    sent = play(refuses("8.2.6/3.10"), says(iccid=other), says())
    assert WAY.cancel(REQUEST, ICCID) == "cancelled"
    assert sent.calls == [
        ("cancelOrder", {**CANCEL, **BACK}),
        ("downloadOrder", {"profileType": "prepaid"}),
        ("cancelOrder", {"iccid": other, **BACK}),
    ]
    calls = [json.loads(one.content)["header"]["functionCallIdentifier"] for one in sent.sent]
    assert calls == ["D-1-cancelOrder", "D-1", "D-1-cancelOrder"]


def test_where_none_is_to_be_had_none_was_set_aside(play: Callable[..., Wire]) -> None:
    sent = play(refuses("8.2.6/3.10"), refuses("8.2.5/3.7"))
    assert WAY.cancel(REQUEST, ICCID) == "cancelled"
    assert len(sent.sent) == 2


def test_an_order_without_a_matching_id_is_cancelled_by_its_iccid(play: Callable[..., Wire]) -> None:
    sent = play(says())
    assert WAY.cancel(ProfileRequest("D-1", "tim", ""), ICCID) == "cancelled"
    assert sent.calls == [("cancelOrder", {"iccid": ICCID, **BACK})]


@pytest.mark.parametrize("code", ["1.2/4.2", "8.2.5/3.9"])
def test_an_unconfirmed_order_that_cannot_be_found_now_is_not_given_up(play: Callable[..., Wire], code: str) -> None:
    play(refuses("8.2.6/3.10"), refuses(code))
    with pytest.raises((Temporary, NeedsPerson), match=code):
        WAY.cancel(REQUEST, ICCID)


# --- every refusal has its place ------------------------------------------------------------------------------------

EIDS = ("EID_FORMAT", "EID_MISSING", "EID_OTHER", "EID_REFUSED")
ORDER_GONE = ("ICCID_IN_USE", "ICCID_TRANSITION", "ICCID_UNKNOWN", "MATCHING_ID_OTHER", "ORDER_EXPIRED")
REFUSED: dict[Function, tuple[str, ...]] = {
    "downloadOrder": EIDS,
    "confirmOrder": (*EIDS, *ORDER_GONE),
    "cancelOrder": (),
}


@pytest.mark.parametrize("function", REFUSED)
@pytest.mark.parametrize("failure", Failure, ids=lambda failure: failure.name)
def test_every_code_of_an_smdp(function: Function, failure: Failure) -> None:
    code = failure.value.short
    error = answers.refusal("tim", function, Answer(code, "A sentence.", {}))
    if failure is Failure.PROVIDER_BROKEN:
        assert isinstance(error, Temporary)
    elif failure.name in REFUSED[function]:
        assert isinstance(error, Permanent)
        assert error.code == code
    else:
        assert isinstance(error, NeedsPerson)
    assert f"({code})" in str(error)
    assert str(error).startswith("tim's SM-DP+")


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("1.1/1.1", "have our certificate registered"),
        ("1.1/3.9", "LINEAVIVA_ES2_REQUESTERS"),
        ("8.2.1/1.2", "another operator's"),
        ("8.2.5/3.7", "put some into its stock"),
        ("8.2.5/3.8", "LINEAVIVA_ES2_PROFILE_TYPES"),
        ("8.2.5/3.9", "LINEAVIVA_ES2_PROFILE_TYPES"),
        ("8.2.6/3.3", "find out for which profile"),
        ("9.9/9.9", "A sentence"),
    ],
)
def test_what_is_to_be_mended_is_said(code: str, what: str) -> None:
    assert what in str(answers.refusal("tim", "downloadOrder", Answer(code, "A sentence", {})))
    assert "does not say why" in str(answers.refusal("tim", "cancelOrder", Answer("9.9/9.9", "", {})))


@pytest.mark.parametrize("code", ["1.2/4.2", "1.2/5.1", "1.2/5.3", "1.2/5.4"])
@pytest.mark.parametrize("act", [WAY.order, lambda request: WAY.release(request, ICCID)], ids=["order", "release"])
def test_a_server_that_is_broken_is_asked_later(play: Callable[..., Wire], act: Any, code: str) -> None:
    play(refuses(code))
    with pytest.raises(Temporary, match=code):
        act(REQUEST)


def test_an_order_that_expired_is_asked_for_later(play: Callable[..., Wire]) -> None:
    play(says("Expired"))
    with pytest.raises(Temporary, match=r"ran out of time \(1.2/5.4\)"):
        WAY.order(REQUEST)


def test_a_warning_is_no_refusal(play: Callable[..., Wire]) -> None:
    play(says("Executed-WithWarning", iccid=ICCID))
    assert WAY.order(REQUEST).iccid == ICCID


def test_a_sentence_with_numbers_in_it_is_not_repeated_with_them(play: Callable[..., Wire]) -> None:
    play(refuses("9.9/9.9", f"Profile {ICCID} is of EID {EID}." + "x" * 500))
    with pytest.raises(NeedsPerson) as refused:
        WAY.order(REQUEST)
    assert "Profile … is of EID …" in refused.value.what
    assert len(refused.value.what) < 220


# --- HTTP -----------------------------------------------------------------------------------------------------------

LOST = {
    "500": plain(500, "<h1>Error</h1>"),
    "502": plain(502),
    "503": refuses("1.2/4.2", status=503),
    "504": plain(504),
    "408": plain(408),
    "read time-out": breaks(httpx.ReadTimeout),
    "reset": breaks(httpx.ReadError),
    "write time-out": breaks(httpx.WriteTimeout),
    "write error": breaks(httpx.WriteError),
    "closed": breaks(httpx.RemoteProtocolError),
    "a page": plain(200, "<html>"),
    "nothing": plain(200),
    "204": plain(204),
    "a list": lambda _: httpx.Response(200, json=[]),
    "no header": lambda _: httpx.Response(200, json={"iccid": ICCID}),
    "no status": lambda _: httpx.Response(200, json={"header": {"functionExecutionStatus": None}}),
    "odd header": lambda _: httpx.Response(200, json={"header": "x"}),
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
def test_an_order_without_an_answer_is_unknown_and_the_rest_is_said_again(
    play: Callable[..., Wire], answer: Answered
) -> None:
    sent = play(answer)
    with pytest.raises(Unknown) as unknown:
        WAY.order(REQUEST)
    assert unknown.value.reference == "D-1"
    for act in (WAY.release, WAY.cancel):
        with pytest.raises(Temporary):
            act(REQUEST, ICCID)
    assert len(sent.sent) == 3, "nothing is sent twice by itself"


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_what_was_surely_not_sent_is_sent_later(play: Callable[..., Wire], error: type[Exception]) -> None:
    play(breaks(error))
    for act in (lambda: WAY.order(REQUEST), lambda: WAY.release(REQUEST, ICCID), lambda: WAY.cancel(REQUEST, ICCID)):
        with pytest.raises(Temporary, match="cannot be reached"):
            act()


@pytest.mark.parametrize(
    ("header", "wait"),
    [({"Retry-After": "7"}, timedelta(seconds=7)), ({}, None), ({"Retry-After": "soon"}, None)],
)
def test_too_many_requests_come_back_later(
    play: Callable[..., Wire], header: dict[str, str], wait: timedelta | None
) -> None:
    play(plain(429, **header))
    with pytest.raises(Temporary) as later:
        WAY.order(REQUEST)
    assert later.value.retry_after == wait


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 405, 411, 413, 415])
def test_another_address_is_for_a_person(play: Callable[..., Wire], status: int) -> None:
    sent = play(plain(status, "<h1>nginx</h1>", Location="https://elsewhere.test/"))
    with pytest.raises(NeedsPerson, match=f"answers {status}: check its address in LINEAVIVA_ES2_URLS"):
        WAY.order(REQUEST)
    assert len(sent.sent) == 1


@pytest.mark.parametrize("url", ["", "tim.test", "ftp://tim.test", "https://[x", "https://tim.test:99999"])
def test_an_address_that_is_none_is_for_a_person(play: Callable[..., Wire], settings: Any, url: str) -> None:
    play(breaks(httpx.UnsupportedProtocol))
    settings.ES2_URLS = {"tim": url}
    with pytest.raises(NeedsPerson, match="The address of tim in LINEAVIVA_ES2_URLS is none"):
        WAY.order(REQUEST)


# --- wiring ---------------------------------------------------------------------------------------------------------


def test_the_gateway_of_an_operator(settings: Any) -> None:
    settings.ES2_URLS, settings.ESIMGO_KEY = {"tim": "https://tim.test"}, ""
    found = gateway_for("tim")
    assert found is not None
    assert (found.name, found.follows, found.idempotent) == ("es2plus", True, True)
    assert gateway("es2plus").serves("tim") is True
    assert gateway_for("iliad") is None


def test_the_client_has_limits_and_follows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    as_shipped(monkeypatch)
    wire._client.cache_clear()
    client = wire._client("tim", "", "", ())
    assert client.follow_redirects is False
    assert (client.timeout.connect, client.timeout.read, client.timeout.write) == (3, 8, 8)
    assert wire._client("tim", "", "", ()) is client
    assert wire._client("tim", "", "", (1.0,)) is not client
    wire._client.cache_clear()
