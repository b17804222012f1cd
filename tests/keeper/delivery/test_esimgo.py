"""eSIM Go: an order costs money and is never sent twice; a lost one is found by our reference, or left to a person."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from lineaviva.cli.demo import free_port
from lineaviva.keeper.delivery.esimgo import documents, wire
from lineaviva.keeper.delivery.esimgo.adapter import EsimGoGateway
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.ports import Ordered, ProfileRequest, Released, Seen, gateway, gateway_for
from lineaviva.keeper.delivery.queries import activation_code
from lineaviva.kernel import agenda
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import NeedsPerson, Temporary, Unknown
from tests.keeper.delivery.conftest import Way, states
from tests.keeper.delivery.esimgo_process import KEY
from tests.limits import as_shipped

WAY = EsimGoGateway()
BUNDLE = "esim 5GB/30D IT"
REQUEST = ProfileRequest("D-1", "vodafone", "")
FIRST = "8944000000000000001"
CODE = ActivationCode("rsp.esimgo.test", "MATCH-1")
NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)


@dataclass
class Shop:
    """eSIM Go's process, and what a test says to it."""

    url: str

    def set(self, **state: Any) -> None:
        httpx.post(self.url + "/pretend", json=state).raise_for_status()

    def get(self, name: str) -> Any:
        return httpx.get(self.url + "/pretend").json()[name]

    def fails(self, call: str, *answers: tuple[int, Any]) -> None:
        self.set(fails={call: answers})

    def bought(self, iccid: str, reference: str = "", **facts: Any) -> dict[str, Any]:
        """One more eSIM, bought by somebody else."""
        found = {
            "iccid": iccid,
            "matchingId": "THEIRS",
            "smdpAddress": "rsp.esimgo.test",
            "profileStatus": "Released",
            "customerRef": reference,
            "assignedDate": (NOW - timedelta(hours=1)).isoformat(),
            **facts,
        }
        self.set(esims=[*self.get("esims"), found])
        return found


@pytest.fixture(scope="module")
def process() -> Iterator[Shop]:
    argv = [sys.executable, "-m", "tests.keeper.delivery.esimgo_process"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield Shop(f"http://127.0.0.1:{int(running.stdout.readline())}")
        finally:
            running.kill()


@pytest.fixture
def shop(process: Shop, settings: Any) -> Iterator[Shop]:
    settings.ESIMGO_URL, settings.ESIMGO_KEY = process.url + "/v2.4", KEY
    settings.ESIMGO_BUNDLES = {"vodafone": BUNDLE}
    wire._client.cache_clear()
    httpx.delete(process.url + "/pretend").raise_for_status()
    yield process
    assert process.get("problems") == []
    wire._client.cache_clear()


# --- buying ---------------------------------------------------------------------------------------------------------


def test_an_order_buys_one_esim_and_calls_it_by_our_reference(shop: Shop) -> None:
    assert WAY.order(REQUEST) == Ordered(FIRST, CODE)
    assert shop.get("seen") == ["POST /orders", "PUT /esims"]
    (esim,) = shop.get("esims")
    assert (esim["iccid"], esim["customerRef"]) == (FIRST, "D-1")
    assert shop.get("bundles") == {FIRST: BUNDLE}


def test_an_esim_that_comes_a_little_later_is_asked_for(shop: Shop) -> None:
    shop.set(late=1)
    with pytest.raises(NeedsPerson, match=r"took order order-1 and gives no eSIM for it.*name it D-1 there"):
        WAY.order(REQUEST)
    assert shop.get("seen") == ["POST /orders", "GET /esims/assignments"]
    shop.fails("POST /orders", (200, {"orderReference": "order-1", "valid": True}))
    assert WAY.order(REQUEST) == Ordered(FIRST, CODE)
    assert shop.get("sold") == 1


def test_an_esim_that_could_not_be_named_is_ours_all_the_same(shop: Shop) -> None:
    shop.fails("PUT /esims", (500, {}))
    assert WAY.order(REQUEST).iccid == FIRST
    shop.set(loses=["PUT /esims"])
    assert WAY.order(ProfileRequest("D-2", "vodafone", "")).iccid == "8944000000000000002"
    assert [one["customerRef"] for one in shop.get("esims")] == ["", "D-2"]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        pytest.param((400, {"message": "bundle not found"}), r"the order \(400\): bundle not found", id="bundle"),
        pytest.param((404, {"error": "no"}), r"refuses the order \(404\): no", id="404"),
        pytest.param((402, {"message": "Insufficient funds."}), "Insufficient funds", id="no money"),
        pytest.param((422, "<html>"), "does not say why", id="no JSON"),
        pytest.param((200, {"valid": False, "statusMessage": "not for sale"}), "not for sale", id="not valid"),
        pytest.param((401, {}), "LINEAVIVA_ESIMGO_KEY", id="401"),
        pytest.param((403, {}), "LINEAVIVA_ESIMGO_KEY", id="403"),
        pytest.param((302, {}), "LINEAVIVA_ESIMGO_URL", id="redirect"),
    ],
)
def test_a_refused_order_is_for_a_person(shop: Shop, answer: tuple[int, Any], what: str) -> None:
    shop.fails("POST /orders", answer)
    with pytest.raises(NeedsPerson, match=what):
        WAY.order(REQUEST)
    assert (shop.get("sold"), shop.get("seen")) == (0, ["POST /orders"])


def test_with_another_key_nothing_is_bought(shop: Shop, settings: Any) -> None:
    settings.ESIMGO_KEY = "wrong"
    for act in (lambda: WAY.order(REQUEST), lambda: WAY.look(REQUEST, ""), lambda: WAY.cancel(REQUEST, FIRST)):
        with pytest.raises(NeedsPerson, match="LINEAVIVA_ESIMGO_KEY"):
            act()
    assert (shop.get("sold"), shop.get("seen")) == (0, [])


def test_too_many_requests_come_back_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.fails("POST /orders", (429, {}))
    with pytest.raises(Temporary, match="too many requests"):
        WAY.order(REQUEST)
    assert shop.get("sold") == 0
    transport = httpx.MockTransport(lambda _: httpx.Response(429, headers={"Retry-After": "30"}))
    with monkeypatch.context() as patched:
        patched.setattr(wire, "_client", lambda: httpx.Client(transport=transport))
        with pytest.raises(Temporary) as later:
            WAY.order(REQUEST)
    assert later.value.retry_after == timedelta(seconds=30)


def test_where_nobody_listens_nothing_is_bought(shop: Shop, settings: Any) -> None:
    settings.ESIMGO_URL = f"http://127.0.0.1:{free_port()}"
    for act in (lambda: WAY.order(REQUEST), lambda: WAY.look(REQUEST, ""), lambda: WAY.cancel(REQUEST, FIRST)):
        with pytest.raises(Temporary, match="cannot be reached: ConnectError"):
            act()


@pytest.mark.parametrize("url", ["", "api.esim-go.com", "ftp://api.esim-go.com"])
def test_an_address_that_is_none_is_for_a_person(shop: Shop, settings: Any, url: str) -> None:
    settings.ESIMGO_URL = url
    with pytest.raises(NeedsPerson, match="LINEAVIVA_ESIMGO_URL"):
        WAY.order(REQUEST)


# --- a lost answer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [(500, {}), (502, "<html>"), (504, {}), (408, {}), (200, "<html>"), (200, []), (200, {"valid": True})],
    ids=["500", "502", "504", "408", "a page", "a list", "no number"],
)  # fmt: skip
def test_an_order_without_an_answer_is_unknown(shop: Shop, answer: tuple[int, Any]) -> None:
    shop.fails("POST /orders", answer)
    with pytest.raises(Unknown) as unknown:
        WAY.order(REQUEST)
    assert unknown.value.reference == "D-1"
    assert shop.get("seen") == ["POST /orders"]


def test_a_lost_order_is_found_by_our_reference(shop: Shop) -> None:
    """The answer came to us and got lost here, by a process that was killed."""
    WAY.order(REQUEST)
    shop.bought("8944000000000000999")
    assert WAY.look(REQUEST, "") == Seen("released", iccid=FIRST, activation_code=CODE)
    assert shop.get("sold") == 1


def test_a_lost_order_that_was_carried_out_is_for_a_person(shop: Shop) -> None:
    shop.set(loses=["POST /orders"])
    with pytest.raises(Unknown, match="the answer was lost"):
        WAY.order(REQUEST)
    with pytest.raises(Temporary, match="not named yet") as later:
        WAY.look(REQUEST, "")
    assert later.value.retry_after == timedelta(minutes=1)
    shop.set(now=(NOW + timedelta(minutes=11)).isoformat())
    assert WAY.look(REQUEST, "") is None
    assert shop.get("sold") == 1
    # The person finds out, and gives it our reference there.
    (esim,) = shop.get("esims")
    shop.set(esims=[{**esim, "customerRef": "D-1"}])
    assert WAY.look(REQUEST, "") == Seen("released", iccid=FIRST, activation_code=CODE)


def test_a_lost_order_that_was_not_carried_out_is_surely_not_there(shop: Shop) -> None:
    shop.fails("POST /orders", (504, {}))
    with pytest.raises(Unknown):
        WAY.order(REQUEST)
    assert WAY.look(REQUEST, "") == Seen("none")
    for number in range(5):
        shop.bought(f"894400000000000010{number}", f"D-9{number}")
    shop.bought("8944000000000000200", assignedDate=(NOW - timedelta(days=31)).isoformat())
    assert WAY.look(REQUEST, "") == Seen("none")


@pytest.mark.parametrize("assigned", [None, "", "yesterday", (NOW - timedelta(days=29)).isoformat()])
def test_an_esim_of_nobody_s_leaves_a_doubt(shop: Shop, assigned: Any) -> None:
    shop.bought("8944000000000000200", **({"assignedDate": assigned} if assigned is not None else {}))
    assert WAY.look(REQUEST, "") is None


@pytest.mark.parametrize("mine", [True, False])
def test_every_page_is_looked_through(shop: Shop, mine: bool) -> None:
    esims = [shop.bought(f"89440000000000002{number:02d}", f"D-9{number}") for number in range(7)]
    if mine:
        esims[0]["customerRef"] = "D-1"
    shop.set(esims=esims, a_page=3)
    found = WAY.look(REQUEST, "")
    assert found is not None
    assert (found.state, found.iccid) == (("released", "8944000000000000200") if mine else ("none", ""))
    assert shop.get("seen") == ["GET /esims"] * 3


def test_too_many_to_look_through_leave_a_doubt(shop: Shop) -> None:
    esims = [shop.bought(f"89440000000000002{number:02d}", f"D-9{number}") for number in range(3)]
    shop.set(esims=esims * 7, a_page=1)
    assert WAY.look(REQUEST, "") is None
    assert len(shop.get("seen")) == 20


@pytest.mark.parametrize(
    "answer", [(500, {}), (404, {}), (200, {}), (200, []), (200, "<html>"), (200, {"esims": None})],
    ids=["500", "404", "nothing", "a list", "a page", "null"],
)  # fmt: skip
def test_only_a_list_proves_anything(shop: Shop, answer: tuple[int, Any]) -> None:
    shop.fails("GET /esims", answer)
    with pytest.raises(Temporary):
        WAY.look(REQUEST, "")


# --- afterwards -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Released", "released"),
        ("Downloaded", "downloaded"),
        ("Installed", "installed"),
        ("Enabled", "enabled"),
        ("Disabled", "disabled"),
        ("Deleted", "deleted"),
        ("Error", "failed"),
        ("Unavailable", "failed"),
        ("Something New", "released"),
        ("", "released"),
    ],
)
def test_how_it_stands(shop: Shop, status: str, state: Any) -> None:
    WAY.order(REQUEST)
    (esim,) = shop.get("esims")
    shop.set(esims=[{**esim, "profileStatus": status, "firstInstalledDateTime": "2026-11-22T10:30:00Z"}])
    at = datetime(2026, 11, 22, 10, 30, tzinfo=UTC) if state == "installed" else None
    failure = status if state == "failed" else ""
    assert WAY.look(REQUEST, FIRST) == Seen(state, iccid=FIRST, activation_code=CODE, failure=failure, at=at)


def test_one_that_is_not_there_cannot_be_asked_about(shop: Shop) -> None:
    assert WAY.look(REQUEST, FIRST) is None
    shop.fails(f"GET /esims/{FIRST}", (500, {}))
    with pytest.raises(Temporary):
        WAY.look(REQUEST, FIRST)


def test_its_code_is_given_again(shop: Shop) -> None:
    WAY.order(REQUEST)
    assert WAY.release(REQUEST, FIRST) == Released(CODE)
    with pytest.raises(NeedsPerson, match="no activation code for D-1"):
        WAY.release(REQUEST, "8944000000000000999")


def test_its_bundle_is_taken_back_and_again(shop: Shop) -> None:
    WAY.order(REQUEST)
    assert WAY.cancel(REQUEST, FIRST) == "cancelled"
    assert shop.get("bundles") == {}
    assert WAY.cancel(REQUEST, FIRST) == "cancelled"
    assert shop.get("seen")[-1] == f"DELETE /esims/{FIRST}/bundles/esim%205GB%2F30D%20IT"


def test_what_is_in_use_is_too_late(shop: Shop) -> None:
    WAY.order(REQUEST)
    (esim,) = shop.get("esims")
    shop.set(esims=[{**esim, "profileStatus": "Installed"}])
    assert WAY.cancel(REQUEST, FIRST) == "too_late"
    assert shop.get("bundles") == {FIRST: BUNDLE}


def test_a_lost_cancellation_is_said_again(shop: Shop) -> None:
    WAY.order(REQUEST)
    shop.set(loses=[f"DELETE /esims/{FIRST}/bundles/esim%205GB%2F30D%20IT"])
    with pytest.raises(Temporary, match="the answer was lost"):
        WAY.cancel(REQUEST, FIRST)
    assert WAY.cancel(REQUEST, FIRST) == "cancelled"


# --- by the agenda --------------------------------------------------------------------------------------------------


@pytest.fixture
def bought(shop: Shop, way: Way, settings: Any) -> Way:
    """Anna's orders, whose profiles come from there."""
    settings.PROFILE_GATEWAYS = {"esimgo": "lineaviva.keeper.delivery.esimgo.adapter.EsimGoGateway"}
    return way


def test_a_delivery_is_released_at_once_and_followed_by_asking(shop: Shop, bought: Way) -> None:
    order = bought.paid(line=bought.esim(operator="vodafone"))
    bought.look()
    delivery = Delivery.objects.get(order=order)
    assert (delivery.state, delivery.gateway, delivery.iccid) == ("released", "esimgo", FIRST)
    assert activation_code(delivery) == CODE
    (esim,) = shop.get("esims")
    assert esim["customerRef"] == delivery.call_id
    shop.set(esims=[{**esim, "profileStatus": "Installed"}])
    bought.after(minutes=1)
    assert states(order)[2] == "installed"
    assert shop.get("sold") == 1


def test_a_lost_order_is_not_paid_twice(shop: Shop, bought: Way) -> None:
    shop.set(loses=["POST /orders"])
    order = bought.paid(line=bought.esim(operator="vodafone"))
    bought.look()
    shop.set(now=(NOW + timedelta(hours=1)).isoformat())
    bought.after(hours=1)
    delivery = Delivery.objects.get(order=order)
    assert delivery.state == "waiting"
    assert "Look there whether it was ordered" in delivery.stuck_reason
    # A person finds it, gives it our reference there, and lets it go on.
    (esim,) = shop.get("esims")
    shop.set(esims=[{**esim, "customerRef": delivery.call_id}])
    agenda.unstick(delivery, bought.now)
    bought.look()
    assert (states(order)[2], activation_code(Delivery.objects.get(order=order))) == ("released", CODE)
    assert shop.get("sold") == 1


def test_an_order_that_did_not_arrive_is_sent_again(shop: Shop, bought: Way) -> None:
    shop.fails("POST /orders", (504, {}))
    order = bought.paid(line=bought.esim(operator="vodafone"))
    bought.look()
    bought.after(minutes=5)
    assert states(order)[2] == "released"
    assert (shop.get("sold"), shop.get("seen").count("POST /orders")) == (1, 2)


# --- pure -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22T11:00:00Z", NOW),
        ("2026-11-22T12:00:00.000+01:00", NOW),
        ("2026-11-22T11:00:00", NOW),
        (int(NOW.timestamp() * 1000), NOW),
        (NOW.timestamp() * 1000, NOW),
        *((odd, None) for odd in (0, -1, True, 10**30, "", "soon", None, [], {})),
    ],
)
def test_instants(value: Any, expected: datetime | None) -> None:
    assert documents.instant(value) == expected


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"smdpAddress": "a.test", "matchingId": "X"}, "LPA:1$a.test$X"),
        ({"rspUrl": "LPA:1$b.test$Y"}, "LPA:1$b.test$Y"),
        ({"smdpAddress": "a.test", "rspUrl": "LPA:1$b.test$Y"}, "LPA:1$b.test$Y"),
        ({"smdpAddress": "a b", "matchingId": "X"}, None),
        ({"rspUrl": "https://x"}, None),
        ({}, None),
    ],
)
def test_codes(document: dict[str, str], code: str | None) -> None:
    found = documents.esim({"iccid": FIRST, **document})
    assert found is not None
    assert (found.code and str(found.code)) == code


@pytest.mark.parametrize(
    "document", [None, [], "x", 7, {}, {"order": 7}, {"order": [7, {"esims": 7}]}, {"esims": [7, {}, {"iccid": "1"}]}]
)
def test_what_is_no_esim_is_none(document: Any) -> None:
    assert documents.esims_of(document) == []


# --- wiring ---------------------------------------------------------------------------------------------------------


def test_the_gateway_of_an_operator(settings: Any) -> None:
    settings.ES2_URLS, settings.ESIMGO_KEY, settings.ESIMGO_BUNDLES = {}, KEY, {"vodafone": BUNDLE}
    found = gateway_for("vodafone")
    assert found is not None
    assert (found.name, found.follows, found.idempotent) == ("esimgo", False, False)
    assert gateway_for("tim") is None
    settings.ESIMGO_KEY = ""
    assert gateway("esimgo").serves("vodafone") is False


def test_the_client_has_limits_and_follows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    as_shipped(monkeypatch)
    wire._client.cache_clear()
    client = wire._client()
    assert client.follow_redirects is False
    assert (client.timeout.connect, client.timeout.read) == (3, 12)
    wire._client.cache_clear()
