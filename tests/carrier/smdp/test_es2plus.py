"""ES2+ by the book: orders from stock to release and back, each refusal with its code, nothing of other operators'."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from lineaviva.carrier.smdp import es2plus, queries
from lineaviva.carrier.smdp.es2plus import Requester
from lineaviva.carrier.smdp.failures import Reply
from lineaviva.carrier.smdp.models import OrderCall, Profile
from lineaviva.carrier.smdp.stock import unprotected
from lineaviva.kernel.errors import Conflict, NotFound
from tests.carrier.smdp import stock
from tests.carrier.smdp.euicc import ADDRESS, Lpa, status
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, OTHER, everything, profile, released

Call = Callable[..., Reply]
FINE = "Executed-Success"
ICCID = ICCIDS[0]
EID, EID_2 = "89049032123451234512345678901235", "89049032123451234512345678901236"


@pytest.fixture
def call(smdp: None, now: datetime) -> Call:
    """A function of ES2+, by TIM unless told otherwise, and each call another one."""
    numbers = count(1)

    def call(function: str, operator: str = "tim", **body: Any) -> Reply:
        header = {"functionRequesterIdentifier": "TIM", "functionCallIdentifier": f"call-{next(numbers)}"}
        return es2plus.handle(function, Requester(operator), {"header": header, **body}, now)

    return call


def refused(code: str, act: Callable[[], Reply]) -> None:
    before = everything()
    assert status(act()) == code
    assert everything() == before


# --- downloadOrder --------------------------------------------------------------------------------------------------


def test_order_by_iccid_allocates(call: Call, now: datetime) -> None:
    reply = call("downloadOrder", iccid=ICCID)
    assert status(reply) == FINE
    assert reply.body == {"header": {"functionExecutionStatus": {"status": FINE}}, "iccid": ICCID}
    found = profile()
    assert (found.state, found.eid, found.order_number) == ("allocated", "", 1)
    assert found.expires_at == now + timedelta(days=90)


def test_order_for_an_eid_links(call: Call) -> None:
    assert status(call("downloadOrder", iccid=ICCID + "F", eid=EID)) == FINE
    assert (profile().state, profile().eid) == ("linked", EID)


def test_order_by_type_takes_the_oldest_in_stock(call: Call) -> None:
    found = [call("downloadOrder", profileType="plan").body or {} for _ in range(6)]
    assert tuple(body["iccid"] for body in found) == ICCIDS
    refused("8.2.5/3.7", lambda: call("downloadOrder", profileType="plan"))
    assert profile(OTHER).state == "available"


def test_order_by_both_must_fit_8_2_5_3_8(call: Call) -> None:
    refused("8.2.5/3.8", lambda: call("downloadOrder", iccid=ICCID, profileType="big"))
    assert status(call("downloadOrder", iccid=ICCID, profileType="plan")) == FINE


def test_an_unknown_type_8_2_5_3_9(call: Call) -> None:
    refused("8.2.5/3.9", lambda: call("downloadOrder", profileType="gold"))


def test_an_unknown_iccid_8_2_1_3_9(call: Call) -> None:
    refused("8.2.1/3.9", lambda: call("downloadOrder", iccid="8939010000000007771"))


def test_what_is_ordered_is_not_available_8_2_1_3_3(call: Call) -> None:
    call("downloadOrder", iccid=ICCID)
    refused("8.2.1/3.3", lambda: call("downloadOrder", iccid=ICCID))


@pytest.mark.parametrize(
    ("function", "body"),
    [
        ("downloadOrder", {}),
        ("confirmOrder", {"releaseFlag": True}),
        ("releaseProfile", {}),
        ("cancelOrder", {"finalProfileStatusIndicator": "Available"}),
    ],
)
def test_another_operators_profile_is_not_allowed_8_2_1_1_2(call: Call, function: str, body: dict[str, Any]) -> None:
    refused("8.2.1/1.2", lambda: call(function, iccid=OTHER, **body))


# --- the same call again ----------------------------------------------------------------------------------------------


def named(call: str, requester: str = "TIM") -> dict[str, Any]:
    """Of the call whose UUID is made of this word."""
    identifier = str(uuid.uuid5(uuid.NAMESPACE_OID, call))
    return {"header": {"functionRequesterIdentifier": requester, "functionCallIdentifier": identifier}}


@pytest.mark.parametrize(
    "order",
    [{"profileType": "plan"}, {"iccid": ICCID}, {"profileType": "plan", "eid": EID}, {"iccid": ICCID, "eid": EID}],
    ids=lambda order: " ".join(order),
)
def test_the_same_call_again_is_answered_as_before(call: Call, order: dict[str, str]) -> None:
    first = call("downloadOrder", **order, **named("again"))
    assert status(first) == FINE
    before = everything()
    assert call("downloadOrder", **order, **named("again")) == first
    assert everything() == before
    assert profile().order_number == 1


@pytest.mark.parametrize(
    "other",
    [
        named("another"),
        named("again", "Vodafone"),
        {**named("again"), "eid": EID},
    ],
    ids=["call", "requester", "content"],
)
def test_another_call_orders_another_profile(call: Call, other: dict[str, Any]) -> None:
    assert call("downloadOrder", profileType="plan", **named("again")).body["iccid"] == ICCIDS[0]  # type: ignore[index]
    reply = call("downloadOrder", **{"profileType": "plan", **other})
    assert (status(reply), (reply.body or {})["iccid"]) == (FINE, ICCIDS[1])


@pytest.mark.parametrize("name", ["handleOrder", "1", f"{uuid.UUID(int=7)}-2", uuid.UUID(int=7).hex])
def test_what_may_name_all_the_calls_of_its_caller_names_none(call: Call, name: str) -> None:
    header = {"functionRequesterIdentifier": "TIM", "functionCallIdentifier": name}
    found = [(call("downloadOrder", profileType="plan", header=header).body or {})["iccid"] for _ in range(2)]
    assert (found, OrderCall.objects.count()) == (list(ICCIDS[:2]), 0)


def test_a_uuid_in_capitals_is_the_same(call: Call) -> None:
    first = call("downloadOrder", profileType="plan", **named("again"))
    header = named("again")["header"]
    header["functionCallIdentifier"] = header["functionCallIdentifier"].upper()
    assert call("downloadOrder", profileType="plan", header=header) == first


def test_another_operators_call_of_that_name_is_its_own(call: Call) -> None:
    call("downloadOrder", profileType="plan", **named("again"))
    reply = call("downloadOrder", operator="vodafone", profileType="plan", **named("again"))
    assert (reply.body or {})["iccid"] == OTHER


def test_the_same_call_finds_the_last_of_its_type(call: Call) -> None:
    for _ in range(5):
        call("downloadOrder", profileType="plan")
    last = call("downloadOrder", profileType="plan", **named("again"))
    assert (last.body or {})["iccid"] == ICCIDS[5]
    refused("8.2.5/3.7", lambda: call("downloadOrder", profileType="plan"))
    assert call("downloadOrder", profileType="plan", **named("again")) == last


def test_a_call_that_was_refused_is_tried_anew(call: Call, now: datetime) -> None:
    Profile.objects.filter(profile_type="plan", operator="tim").update(state="unavailable")
    refused("8.2.5/3.7", lambda: call("downloadOrder", profileType="plan", **named("again")))
    Profile.objects.filter(iccid=ICCID).update(state="available")
    assert status(call("downloadOrder", profileType="plan", **named("again"))) == FINE


def test_after_its_order_is_confirmed_a_call_of_that_name_is_a_new_one(call: Call) -> None:
    """Whoever confirms has had the answer; one that names all its calls alike must not get another's profile."""
    call("downloadOrder", profileType="plan", **named("again"))
    call("confirmOrder", iccid=ICCIDS[0], matchingId=MATCHING_ID, releaseFlag=True)
    second = call("downloadOrder", profileType="plan", **named("again"))
    assert (second.body or {})["iccid"] == ICCIDS[1]
    assert call("downloadOrder", profileType="plan", **named("again")) == second
    assert (profile().state, profile(ICCIDS[1]).state) == ("released", "allocated")


def test_after_its_order_was_cancelled_the_same_call_orders_anew(call: Call) -> None:
    call("downloadOrder", iccid=ICCID, **named("again"))
    call("cancelOrder", iccid=ICCID, finalProfileStatusIndicator="Available")
    assert profile().state == "available"
    assert status(call("downloadOrder", iccid=ICCID, **named("again"))) == FINE
    assert (profile().state, profile().order_number, OrderCall.objects.count()) == ("allocated", 2, 1)


def test_a_profile_that_others_ordered_since_is_not_given_away(call: Call) -> None:
    """The first call's profile went back into stock, and came to be another's order."""
    call("downloadOrder", profileType="plan", **named("again"))
    call("cancelOrder", iccid=ICCID, finalProfileStatusIndicator="Available")
    assert (call("downloadOrder", profileType="plan").body or {})["iccid"] == ICCID
    assert (call("downloadOrder", profileType="plan", **named("again")).body or {})["iccid"] == ICCIDS[1]


# --- confirmOrder ---------------------------------------------------------------------------------------------------


def test_confirm_makes_a_matching_id_that_nobody_guesses(call: Call) -> None:
    made = set()
    for iccid in ICCIDS:
        call("downloadOrder", iccid=iccid)
        body = call("confirmOrder", iccid=iccid, releaseFlag=False).body or {}
        assert set(body) == {"header", "matchingId", "smdpAddress"}
        assert body["smdpAddress"] == ADDRESS
        assert re.fullmatch(r"[A-Z0-9-]{23}", body["matchingId"])
        assert (profile(iccid).state, profile(iccid).matching_id) == ("confirmed", body["matchingId"])
        made.add(body["matchingId"])
    assert len(made) == len(ICCIDS)


def test_confirm_with_release_releases(call: Call) -> None:
    call("downloadOrder", iccid=ICCID)
    body = call("confirmOrder", iccid=ICCID, matchingId=MATCHING_ID, eid=EID, releaseFlag=True).body or {}
    assert (body["matchingId"], body["eid"]) == (MATCHING_ID, EID)
    assert (profile().state, profile().eid, profile().confirmation_hash) == ("released", EID, None)


def test_confirm_keeps_only_the_hash_of_the_confirmation_code(call: Call) -> None:
    call("downloadOrder", iccid=ICCID)
    call("confirmOrder", iccid=ICCID, confirmationCode="1234", releaseFlag=True)
    assert bytes(profile().confirmation_hash or b"") == hashlib.sha256(b"1234").digest()
    assert str(queries.activation_code(profile())) == f"LPA:1${ADDRESS}${profile().matching_id}$$1"


def test_confirm_with_an_empty_matching_id_waits_for_the_eid(call: Call) -> None:
    call("downloadOrder", iccid=ICCID)
    refused("8.1.1/2.2", lambda: call("confirmOrder", iccid=ICCID, matchingId="", releaseFlag=True))
    body = call("confirmOrder", iccid=ICCID, matchingId="", eid=EID, releaseFlag=True).body or {}
    assert (body["matchingId"], body["eid"], profile().matching_id) == ("", EID, None)
    with pytest.raises(Conflict):
        queries.activation_code(profile())


def test_several_orders_may_wait_for_one_eid(call: Call) -> None:
    for iccid in ICCIDS[:2]:
        call("downloadOrder", iccid=iccid, eid=EID)
        assert status(call("confirmOrder", iccid=iccid, matchingId="", releaseFlag=True)) == FINE


def test_confirm_for_another_eid_8_1_1_3_10(call: Call) -> None:
    call("downloadOrder", iccid=ICCID, eid=EID)
    refused("8.1.1/3.10", lambda: call("confirmOrder", iccid=ICCID, eid=EID_2, releaseFlag=True))


def test_a_matching_id_in_use_8_2_6_3_3(call: Call, now: datetime) -> None:
    released(now)
    call("downloadOrder", iccid=ICCIDS[1])
    refused("8.2.6/3.3", lambda: call("confirmOrder", iccid=ICCIDS[1], matchingId=MATCHING_ID, releaseFlag=True))


def test_a_matching_id_taken_at_this_moment_8_2_6_3_3(
    call: Call, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(now)
    call("downloadOrder", iccid=ICCIDS[1])
    monkeypatch.setattr("lineaviva.carrier.smdp.actions.made_matching_id", lambda: MATCHING_ID)
    refused("8.2.6/3.3", lambda: call("confirmOrder", iccid=ICCIDS[1], releaseFlag=True))


def test_an_smds_cannot_be_reached_8_9_5_1(call: Call) -> None:
    call("downloadOrder", iccid=ICCID)
    order = {"iccid": ICCID, "releaseFlag": True, "smdsAddress": "smds.test"}
    refused("8.1.1/2.2", lambda: call("confirmOrder", **order))
    refused("8.9/5.1", lambda: call("confirmOrder", eid=EID, **order))


def test_what_is_not_ordered_cannot_be_confirmed_8_2_1_3_5(call: Call) -> None:
    refused("8.2.1/3.5", lambda: call("confirmOrder", iccid=ICCID, releaseFlag=True))


@pytest.mark.parametrize("release", [True, False])
def test_confirmed_again_just_so_it_answers_the_same(call: Call, release: bool) -> None:
    order = {"iccid": ICCID, "eid": EID, "confirmationCode": "1234", "releaseFlag": release}
    call("downloadOrder", iccid=ICCID)
    first = call("confirmOrder", **order)
    before = everything()
    assert call("confirmOrder", **order) == first
    assert everything() == before


@pytest.mark.parametrize(
    "change",
    [{"confirmationCode": "4321"}, {"confirmationCode": None}, {"matchingId": "OTHER"}, {"releaseFlag": False}],
)
def test_confirmed_again_otherwise_8_2_1_3_5(call: Call, change: dict[str, Any]) -> None:
    order = {"iccid": ICCID, "matchingId": MATCHING_ID, "confirmationCode": "1234", "releaseFlag": True}
    call("downloadOrder", iccid=ICCID)
    call("confirmOrder", **order)
    refused("8.2.1/3.5", lambda: call("confirmOrder", **{**order, **change}))


@pytest.mark.parametrize("installed", [False, True])
def test_confirmed_again_after_the_phone_was_quicker(
    call: Call, lpa: Callable[..., Lpa], now: datetime, installed: bool
) -> None:
    order = {"iccid": ICCID, "matchingId": MATCHING_ID, "releaseFlag": True}
    call("downloadOrder", iccid=ICCID)
    first = call("confirmOrder", **order)
    phone = lpa()
    phone.download(MATCHING_ID)
    if installed:
        phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    before = everything()
    again = call("confirmOrder", **order)
    assert again.body == {**(first.body or {}), "eid": phone.euicc.eid}
    assert everything() == before
    refused("8.2.1/3.5", lambda: call("confirmOrder", **{**order, "matchingId": None}))
    refused("8.2.1/3.5", lambda: call("confirmOrder", **{**order, "matchingId": "OTHER"}))
    refused("8.2.1/3.5", lambda: call("confirmOrder", **{**order, "releaseFlag": False}))


# --- releaseProfile -------------------------------------------------------------------------------------------------


def test_release_releases_what_is_confirmed(call: Call, now: datetime) -> None:
    released(now, release=False)
    assert (call("releaseProfile", iccid=ICCID).body or {}) == {"header": {"functionExecutionStatus": {"status": FINE}}}
    assert profile().state == "released"


@pytest.mark.parametrize("state", ["available", "allocated", "released", "downloaded"])
def test_nothing_else_is_released_8_2_1_3_5(call: Call, lpa: Callable[..., Lpa], now: datetime, state: str) -> None:
    if state == "allocated":
        call("downloadOrder", iccid=ICCID)
    elif state != "available":
        released(now)
    if state == "downloaded":
        lpa().download(MATCHING_ID)
    assert profile().state == state
    refused("8.2.1/3.5", lambda: call("releaseProfile", iccid=ICCID))


# --- cancelOrder ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("final", "state"), [("Available", "available"), ("Unavailable", "unavailable")])
@pytest.mark.parametrize("start", ["allocated", "linked", "confirmed", "released"])
def test_cancel_takes_the_order_back(call: Call, now: datetime, start: str, final: str, state: str) -> None:
    if start in ("allocated", "linked"):
        call("downloadOrder", iccid=ICCID, **({"eid": EID} if start == "linked" else {}))
    else:
        released(now, eid=EID, code="1234", release=start == "released")
    assert profile().state == start
    assert status(call("cancelOrder", iccid=ICCID, finalProfileStatusIndicator=final)) == FINE
    found = profile()
    assert (found.state, found.eid, found.matching_id, found.confirmation_hash) == (state, "", None, None)
    again = call("downloadOrder", iccid=ICCID)
    assert status(again) == (FINE if state == "available" else "8.2.1/3.3")


def test_cancel_names_the_same_eid_8_1_1_3_10_and_matching_id_8_2_6_3_10(call: Call, now: datetime) -> None:
    released(now, eid=EID)
    order = {"iccid": ICCID, "finalProfileStatusIndicator": "Available"}
    refused("8.1.1/3.10", lambda: call("cancelOrder", eid=EID_2, **order))
    refused("8.2.6/3.10", lambda: call("cancelOrder", matchingId="OTHER", **order))
    refused("8.2.6/3.10", lambda: call("cancelOrder", matchingId="", **order))
    assert status(call("cancelOrder", eid=EID, matchingId=MATCHING_ID, **order)) == FINE


@pytest.mark.parametrize("installed", [False, True])
def test_what_was_downloaded_is_not_cancelled_8_2_1_3_3(
    call: Call, lpa: Callable[..., Lpa], now: datetime, installed: bool
) -> None:
    released(now)
    phone = lpa()
    phone.download(MATCHING_ID)
    if installed:
        phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    cancel = {"iccid": ICCID, "finalProfileStatusIndicator": "Available"}
    refused("8.2.1/3.3", lambda: call("cancelOrder", **cancel))
    refused("8.2.1/3.3", lambda: call("cancelOrder", **{**cancel, "finalProfileStatusIndicator": "Unavailable"}))


def test_nothing_is_cancelled_where_nothing_is_ordered_8_2_1_3_5(call: Call) -> None:
    refused("8.2.1/3.5", lambda: call("cancelOrder", iccid=ICCID, finalProfileStatusIndicator="Available"))


def test_what_an_euicc_was_handed_never_goes_back_into_stock(
    call: Call, lpa: Callable[..., Lpa], now: datetime
) -> None:
    released(now)
    phone = lpa()
    phone.download(MATCHING_ID)
    phone.cancel(5)
    assert profile().state == "error"
    refused("8.2.1/3.3", lambda: call("cancelOrder", iccid=ICCID, finalProfileStatusIndicator="Available"))
    assert status(call("cancelOrder", iccid=ICCID, finalProfileStatusIndicator="Unavailable")) == FINE


def test_what_was_refused_before_it_was_handed_out_does(call: Call, lpa: Callable[..., Lpa], now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    phone.cancel(0)
    assert profile().failure == "8.8.5/3.8"
    assert status(call("cancelOrder", iccid=ICCID, finalProfileStatusIndicator="Available")) == FINE
    assert (profile().state, profile().failure) == ("available", "")


# --- the whole way, and the reads beside it -----------------------------------------------------------------------


def test_from_stock_to_the_phone(call: Call, lpa: Callable[..., Lpa]) -> None:
    ordered = call("downloadOrder", profileType="plan").body or {}
    order = call("confirmOrder", iccid=ordered["iccid"], confirmationCode="99", releaseFlag=False).body or {}
    phone = lpa()
    assert status(phone.begin(order["matchingId"])) == "8.2/1.2"
    call("releaseProfile", iccid=ordered["iccid"])
    assert status(phone.download(order["matchingId"], "99")) == FINE
    phone.notify(phone.euicc.result(phone.transaction_id, ordered["iccid"]))
    assert queries.profile_by_iccid(ordered["iccid"]).state == "installed"
    assert [tuple(count) for count in queries.stock()] == [
        ("tim", "big", "available", 1),
        ("tim", "plan", "available", 5),
        ("tim", "plan", "installed", 1),
        ("tim", "ruled", "available", 1),
        ("vodafone", "plan", "available", 1),
    ]
    assert [found.iccid for found in queries.profiles_listed("tim", state="installed")] == [ordered["iccid"]]


def test_a_profile_that_is_not_there(smdp: None) -> None:
    with pytest.raises(NotFound):
        queries.profile_by_iccid("8939010000000007771")


def test_a_function_that_is_none_1_6_3_9(call: Call) -> None:
    refused("1.6/3.9", lambda: call("deleteEverything"))


def test_stock_profiles_are_as_they_were_imported(smdp: None, now: datetime) -> None:
    found = queries.profile_by_iccid(stock.RULED)
    assert (found.major, found.policy_rules, found.profile_type) == (3, 0x40, "ruled")
    assert unprotected(found) == stock.upp(stock.RULED, major=3)
    assert found.size == len(stock.upp(stock.RULED, major=3))
