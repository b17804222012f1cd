"""The TM Forum adapter by itself: what it sends, by the published schemas, and what it makes of any answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from lineaviva.keeper.activation.ports import Request, Result, gateway, gateway_for
from lineaviva.keeper.activation.tmf import adapter
from lineaviva.keeper.activation.tmf.adapter import ORDER, PRODUCT, TOPUP, TmfGateway
from lineaviva.kernel import oauth
from lineaviva.kernel.errors import NeedsPerson, Temporary
from lineaviva.kernel.money import Money
from tests.limits import as_shipped
from tests.tmf_schemas import BALANCE, ORDERING, problems

TOPUP_REQUEST = Request("LV-1", "tim", "+393391234567", "topup", "topup-4.99", 499)
PLAN_REQUEST = Request("LV-2", "tim", "+393391234567", "plan", "plan-x", 999)
DONE = {"id": "17", "externalId": "LV-1", "status": "completed", "confirmationDate": "2026-11-22T11:00:00Z"}
Answer = Callable[[httpx.Request], httpx.Response]


class Wire:
    """Plays the operator: one function for POST, one for asking, one for products; keeps what was sent."""

    def __init__(self, post: Answer, ask: Answer | None = None, products: Answer | None = None) -> None:
        self.sent: list[httpx.Request] = []
        self.tokens = 0
        nothing: Answer = lambda _: httpx.Response(200, json=[])  # noqa: E731
        self._answers = {"POST": post, "GET": ask or nothing, "PRODUCTS": products or nothing}

    def token(self, request: httpx.Request) -> httpx.Response:
        """The token endpoint: `token-1`, and so on."""
        assert (request.method, request.url.path) == ("POST", "/base/oauth2/token")
        self.tokens += 1
        answer = {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": 3600}
        return httpx.Response(200, json=answer)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        kind = "PRODUCTS" if request.url.path.endswith("/product") else request.method
        return self._answers[kind](request)

    @property
    def posts(self) -> int:
        return sum(request.method == "POST" for request in self.sent)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Callable[..., Wire]:
    settings.TMF_URLS = {"tim": "http://tim.test/base/"}
    settings.TMF_CLIENTS = {"tim": ("keeper", "a secret")}

    def play(*answers: Answer | None) -> Wire:
        wire = Wire(*answers)  # type: ignore[arg-type]
        monkeypatch.setattr(oauth, "TOKENS", oauth.Tokens(httpx.MockTransport(wire.token)))
        client = httpx.Client(transport=httpx.MockTransport(wire))
        monkeypatch.setattr(adapter, "_client", lambda: client)
        return wire

    return play


def says(status: int, body: Any = None, **headers: str) -> Answer:
    return lambda _: httpx.Response(status, json=body, headers=headers)


def breaks(error: type[Exception]) -> Answer:
    def raising(_: httpx.Request) -> httpx.Response:
        raise error("broken")

    return raising


# --- what is sent -------------------------------------------------------------------------------------------------


def test_a_topup_by_the_published_schema(play: Callable[..., Wire]) -> None:
    wire = play(says(201, DONE))
    TmfGateway().perform(TOPUP_REQUEST)
    request = wire.sent[0]
    body = json.loads(request.content)
    assert (request.method, request.url.path) == ("POST", f"/base{TOPUP}")
    assert request.headers["Authorization"] == "Bearer token-1"
    assert problems(BALANCE, "TopupBalance_Create", body) == []
    assert body["amount"] == {"amount": 4.99, "units": "EUR"}
    assert (body["externalId"], body["logicalResource"][0]["id"]) == ("LV-1", "+393391234567")


def test_a_plan_by_the_published_schema(play: Callable[..., Wire]) -> None:
    wire = play(says(201, {"id": "3", "externalId": "LV-2", "state": "completed"}))
    assert TmfGateway().perform(PLAN_REQUEST).state == "succeeded"
    body = json.loads(wire.sent[0].content)
    assert wire.sent[0].url.path == f"/base{ORDER}"
    assert problems(ORDERING, "ProductOrder_Create", body) == []
    assert body["productOrderItem"][0]["productOffering"]["id"] == "plan-x"


def test_asking_names_our_reference(play: Callable[..., Wire]) -> None:
    wire = play(says(500), says(200, [DONE]))
    assert TmfGateway().look(TOPUP_REQUEST).state == "succeeded"
    assert dict(wire.sent[0].url.params) == {"externalId": "LV-1"}
    assert wire.posts == 0


# --- what is made of an answer ------------------------------------------------------------------------------------


def test_everything_that_is_told_is_kept(play: Callable[..., Wire]) -> None:
    characteristics = [
        {"name": "fullServiceUntil", "value": "2027-11-22"},
        {"name": "receiveOnlyUntil", "value": "soon"},
        {"name": "colour", "value": "blue"},
    ]
    wire = play(says(201, DONE), None, says(200, [{"productCharacteristic": characteristics}, "odd", {}]))
    assert TmfGateway().perform(TOPUP_REQUEST) == Result(
        "succeeded",
        operator_reference="17",
        done_at=datetime(2026, 11, 22, 11, tzinfo=UTC),
        dates={"full_service_until": date(2027, 11, 22)},
    )
    assert wire.sent[-1].url.path == f"/base{PRODUCT}"
    assert wire.sent[-1].url.params["realizingResource.value"] == "+393391234567"


@pytest.mark.parametrize("products", [says(500), says(200, {"not": "a list"}), says(200), breaks(httpx.ReadTimeout)])
def test_dates_that_cannot_be_read_back_are_left_out(play: Callable[..., Wire], products: Answer) -> None:
    play(says(201, DONE), None, products)
    found = TmfGateway().perform(TOPUP_REQUEST)
    assert (found.state, found.dates) == ("succeeded", {})


TMF_ERROR = {"code": "line_off", "reason": "The line is off.", "status": "409"}
REFUSED = Result("failed", reason="The line is off.")
UNKNOWN = "unknown"


EUROS = {"price": {"taxIncludedAmount": {"value": 9.99, "unit": "EUR"}}}
COSTS: list[tuple[dict[str, Any], Money | None]] = [
    ({"amount": {"amount": 4.99, "units": "EUR"}}, Money(499)),
    ({"amount": {"amount": 5, "units": "EUR"}}, Money(500)),
    ({"orderTotalPrice": [EUROS]}, Money(999)),
    ({}, None),
    ({"orderTotalPrice": []}, None),
    ({"orderTotalPrice": [EUROS, EUROS]}, None),
    ({"orderTotalPrice": [{"price": {}}]}, None),
    ({"orderTotalPrice": 5}, None),
    ({"amount": 5}, None),
    ({"amount": {"amount": "five", "units": "EUR"}}, None),
    ({"amount": {"amount": 4.999, "units": "EUR"}}, None),
    ({"amount": {"amount": "NaN", "units": "EUR"}}, None),
    ({"amount": {"amount": 1e300, "units": "EUR"}}, None),
    ({"amount": {"amount": 5, "units": "GB"}}, None),
    ({"amount": {"amount": 5}}, None),
]


@pytest.mark.parametrize(("told", "cost"), COSTS)
def test_what_it_cost_is_kept_and_never_puts_in_doubt_that_it_is_done(
    told: dict[str, Any], cost: Money | None, play: Callable[..., Wire]
) -> None:
    play(says(201, {**DONE, **told}))
    result = TmfGateway().perform(TOPUP_REQUEST)
    assert (result.state, result.operator_reference, result.charged) == ("succeeded", "17", cost)


@pytest.mark.parametrize(
    ("post", "expected"),
    [
        pytest.param(says(400, TMF_ERROR), "failed", id="bad request"),
        pytest.param(says(403, TMF_ERROR), "failed", id="refused"),
        pytest.param(says(404, TMF_ERROR), "failed", id="unknown line"),
        pytest.param(says(409, TMF_ERROR), "failed", id="conflict"),
        pytest.param(says(422, TMF_ERROR), "failed", id="unprocessable"),
        pytest.param(says(201, {**DONE, "status": "failed", "reason": "No."}), "failed", id="failed resource"),
        pytest.param(says(201, {"id": "1", "state": "rejected"}), "failed", id="rejected order"),
        pytest.param(says(201, {"id": "1", "state": "acknowledged"}), "pending", id="acknowledged"),
        pytest.param(says(202, {"id": "1", "state": "inProgress"}), "pending", id="in progress"),
        pytest.param(says(201, {"id": "1", "status": "created"}), "pending", id="created"),
        pytest.param(says(201, {"id": "1", "state": "partial"}), UNKNOWN, id="partial"),
        pytest.param(says(201, {"id": "1"}), UNKNOWN, id="no state"),
        pytest.param(says(201, {"id": 7, "status": "completed"}), UNKNOWN, id="odd id"),
        pytest.param(says(201, []), UNKNOWN, id="a list"),
        pytest.param(lambda _: httpx.Response(201, text="<html>"), UNKNOWN, id="no JSON"),
        pytest.param(lambda _: httpx.Response(201), UNKNOWN, id="nothing"),
        pytest.param(says(500, TMF_ERROR), UNKNOWN, id="500"),
        pytest.param(says(502), UNKNOWN, id="502"),
        pytest.param(says(503, TMF_ERROR), UNKNOWN, id="503"),
        pytest.param(says(504), UNKNOWN, id="504"),
        pytest.param(says(408), UNKNOWN, id="408"),
        pytest.param(breaks(httpx.ReadTimeout), UNKNOWN, id="read time-out"),
        pytest.param(breaks(httpx.ReadError), UNKNOWN, id="connection reset"),
        pytest.param(breaks(httpx.WriteTimeout), UNKNOWN, id="write time-out"),
        pytest.param(breaks(httpx.WriteError), UNKNOWN, id="write error"),
        pytest.param(breaks(httpx.RemoteProtocolError), UNKNOWN, id="closed without an answer"),
    ],
)
def test_answers_to_a_request(play: Callable[..., Wire], post: Answer, expected: str) -> None:
    wire = play(post)
    assert TmfGateway().perform(TOPUP_REQUEST).state == expected
    assert wire.posts == 1


def test_a_refusal_says_why(play: Callable[..., Wire]) -> None:
    play(says(409, TMF_ERROR))
    assert TmfGateway().perform(TOPUP_REQUEST) == REFUSED
    play(says(201, {"id": "1", "state": "rejected", "note": [{"text": "No."}, {"text": "Never."}]}))
    assert TmfGateway().perform(PLAN_REQUEST).reason == "No. Never."


@pytest.mark.parametrize("lost", [says(500), breaks(httpx.ReadTimeout), says(201, {"odd": 1})])
@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        pytest.param(says(200, [DONE]), "succeeded", id="found"),
        pytest.param(says(200, [{**DONE, "status": "failed"}]), "failed", id="found refused"),
        pytest.param(says(200, []), UNKNOWN, id="not there yet"),
        pytest.param(says(200, [{**DONE, "externalId": "LV-9"}]), UNKNOWN, id="somebody else's"),
        pytest.param(says(401), UNKNOWN, id="not allowed to ask"),
        pytest.param(breaks(httpx.ConnectError), UNKNOWN, id="not reached any more"),
    ],
)
def test_a_lost_answer_is_asked_for_once(play: Callable[..., Wire], lost: Answer, ask: Answer, expected: str) -> None:
    wire = play(lost, ask)
    assert TmfGateway().perform(TOPUP_REQUEST).state == expected
    assert wire.posts == 1


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL])
def test_what_was_surely_not_sent(play: Callable[..., Wire], error: type[Exception]) -> None:
    play(breaks(error))
    with pytest.raises(Temporary):
        TmfGateway().perform(TOPUP_REQUEST)


@pytest.mark.parametrize(("header", "wait"), [({"Retry-After": "7"}, timedelta(seconds=7)), ({}, None)])
def test_too_many_requests_come_back_later(
    play: Callable[..., Wire], header: dict[str, str], wait: timedelta | None
) -> None:
    play(says(429, TMF_ERROR, **header))
    with pytest.raises(Temporary) as later:
        TmfGateway().perform(TOPUP_REQUEST)
    assert later.value.retry_after == wait


@pytest.mark.parametrize(
    ("post", "what"),
    [
        pytest.param(
            says(403, {"code": "insufficient_scope", "reason": "x"}), "LINEAVIVA_TMF_CLIENTS", id="our client may not"
        ),
        pytest.param(
            says(403, {"code": "operator_elsewhere", "reason": "x"}), "LINEAVIVA_TMF_CLIENTS", id="another operator's"
        ),
        pytest.param(lambda _: httpx.Response(403, text="<h1>Forbidden</h1>"), "check its address", id="a proxy's no"),
        pytest.param(lambda _: httpx.Response(404, text="<h1>nginx</h1>"), "check its address", id="wrong address"),
        pytest.param(lambda _: httpx.Response(302, headers={"Location": "/"}), "check its address", id="a redirect"),
        pytest.param(
            says(409, {"code": "reference_reused", "reason": "x"}), "as another request", id="our reference is taken"
        ),
    ],
)
def test_what_is_for_us_to_mend(play: Callable[..., Wire], post: Answer, what: str) -> None:
    wire = play(post)
    with pytest.raises(NeedsPerson, match=what):
        TmfGateway().perform(TOPUP_REQUEST)
    assert wire.posts == 1


def test_a_refused_token_is_replaced_once_and_the_request_sent_again(play: Callable[..., Wire]) -> None:
    answers = iter([says(401, TMF_ERROR), says(201, DONE)])
    wire = play(lambda request: next(answers)(request))
    assert TmfGateway().perform(TOPUP_REQUEST).state == "succeeded"
    assert [request.headers["Authorization"] for request in wire.sent] == [
        "Bearer token-1", "Bearer token-2", "Bearer token-2",
    ]  # fmt: skip
    assert (wire.posts, wire.tokens) == (2, 2)


def test_a_token_that_is_never_taken_is_for_a_person(play: Callable[..., Wire]) -> None:
    wire = play(says(401, TMF_ERROR))
    with pytest.raises(NeedsPerson, match="LINEAVIVA_TMF_CLIENTS"):
        TmfGateway().perform(TOPUP_REQUEST)
    assert (wire.posts, wire.tokens) == (2, 2)


def test_without_a_token_nothing_is_sent(play: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch) -> None:
    wire = play(says(201, DONE))
    monkeypatch.setattr(oauth, "TOKENS", oauth.Tokens(httpx.MockTransport(breaks(httpx.ReadTimeout))))
    with pytest.raises(Temporary, match="no token could be fetched: ReadTimeout"):
        TmfGateway().perform(TOPUP_REQUEST)
    with pytest.raises(Temporary):
        TmfGateway().look(TOPUP_REQUEST)
    assert wire.sent == []


def test_without_a_client_nothing_is_sent(play: Callable[..., Wire], settings: Any) -> None:
    wire = play(says(201, DONE))
    settings.TMF_CLIENTS = {}
    with pytest.raises(NeedsPerson, match="LINEAVIVA_TMF_CLIENTS names no client for tim"):
        TmfGateway().perform(TOPUP_REQUEST)
    assert wire.sent == []


def test_a_token_that_ends_between_the_work_and_its_dates_undoes_nothing(play: Callable[..., Wire]) -> None:
    wire = play(says(201, DONE), None, says(401))
    assert TmfGateway().perform(TOPUP_REQUEST) == Result(
        "succeeded", operator_reference="17", done_at=datetime(2026, 11, 22, 11, tzinfo=UTC)
    )
    assert wire.posts == 1


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        pytest.param(says(200, [DONE]), "succeeded", id="done"),
        pytest.param(says(200, [{"id": "1", "externalId": "LV-1", "state": "held"}]), "pending", id="held"),
        pytest.param(says(200, [{**DONE, "externalId": "LV-9"}, DONE]), "succeeded", id="among others"),
        pytest.param(says(200, []), "not_found", id="nothing"),
        pytest.param(says(200, [{**DONE, "externalId": "LV-9"}]), "unknown", id="the filter was not understood"),
        pytest.param(says(200, [{"externalId": "LV-1"}]), "unknown", id="ours, but odd"),
    ],
)
def test_answers_when_asked(play: Callable[..., Wire], ask: Answer, expected: str) -> None:
    play(says(500), ask)
    assert TmfGateway().look(TOPUP_REQUEST).state == expected


@pytest.mark.parametrize(
    "ask",
    [says(500), says(404, TMF_ERROR), says(400, TMF_ERROR), says(200, {"a": 1}), says(200), breaks(httpx.ReadTimeout)],
    ids=["500", "404", "400", "an object", "nothing", "time-out"],
)
def test_only_an_empty_list_proves_that_there_is_nothing(play: Callable[..., Wire], ask: Answer) -> None:
    play(says(500), ask)
    with pytest.raises(Temporary):
        TmfGateway().look(TOPUP_REQUEST)


# --- wiring -------------------------------------------------------------------------------------------------------


def test_the_gateway_of_an_operator(settings: Any) -> None:
    settings.TMF_URLS = {"tim": "http://tim.test"}
    found = gateway_for("tim")
    assert found is not None
    assert (found.name, found.idempotent) == ("tmf", True)
    assert gateway("tmf").serves("tim") is True
    assert gateway_for("iliad") is None


def test_the_client_tries_to_connect_again_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    as_shipped(monkeypatch)
    adapter._client.cache_clear()
    client = adapter._client()
    assert client.follow_redirects is False
    assert (client.timeout.connect, client.timeout.read) == (3, 10)
    assert adapter._client() is client
    adapter._client.cache_clear()
