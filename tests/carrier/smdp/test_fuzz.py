"""No input whatsoever makes a function of ES9+ raise: right messages with any bytes changed, cut out or put in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineaviva.carrier.smdp import crypto, es2plus, es9plus
from lineaviva.carrier.smdp.es2plus import Requester
from tests.carrier.smdp.euicc import Lpa, b64, status
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, everything, profile, released

Phones = Callable[..., Lpa]
FIXTURES = [HealthCheck.function_scoped_fixture]
# Where, how many bytes go, and what comes instead.
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=3)
MESSAGES = ("euiccInfo1", "authenticateServerResponse", "prepareDownloadResponse", "cancelSessionResponse", "pending")
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    (
        *("transactionId", "smdpAddress", "euiccChallenge", *MESSAGES, "pendingNotification", "header", "iccid", "eid"),
        *("matchingId", "confirmationCode", "profileType", "releaseFlag", "finalProfileStatusIndicator", "smdsAddress"),
    )
)


def edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for where, gone, new in edits:
        at = int(where * len(data))
        data = data[:at] + new + data[at + gone :]
    return data


@given(st.sampled_from(MESSAGES), EDITS)
@settings(max_examples=150, suppress_health_check=FIXTURES)
def test_changed_bytes(lpa: Phones, now: datetime, message: str, edits: list[tuple[float, int, bytes]]) -> None:
    if profile().state == "available":
        released(now)
    phone = lpa()
    phone.initiate()
    if message == "euiccInfo1":
        status(phone.initiate(euiccInfo1=b64(edited(phone.euicc.info1(), edits))))
        return
    authentic = phone.euicc.authenticate(phone.initiated, MATCHING_ID)
    identity = {"transactionId": phone.initiated["transactionId"]}
    if message == "authenticateServerResponse":
        changed = edited(authentic, edits)
        reply = phone.call("authenticateClient", {**identity, message: b64(changed)})
        assert changed == authentic or status(reply) != "Executed-Success"
        return
    phone.authenticate(MATCHING_ID)
    before = everything()
    if message == "pending":
        right = phone.euicc.result(phone.transaction_id, ICCIDS[0])
        changed = edited(right, edits)
        if changed == right:
            return
        phone.notify(changed)
    else:
        point = crypto.otpk_make(phone.euicc.curve)[1]
        cancel = message == "cancelSessionResponse"
        right = (
            phone.euicc.cancel(phone.transaction_id, 1) if cancel else phone.euicc.prepare(phone.authenticated, point)
        )
        changed = edited(right, edits)
        function = "cancelSession" if cancel else "getBoundProfilePackage"
        if changed == right:
            return
        assert status(phone.call(function, {**identity, message: b64(changed)})) != "Executed-Success"
    assert everything() == before


@given(st.sampled_from([*es9plus.FUNCTIONS, "handleNotification"]), st.dictionaries(NAMES, JSON, max_size=5))
@settings(max_examples=150, suppress_health_check=FIXTURES)
def test_any_json_on_es9plus(smdp: None, now: datetime, function: str, body: dict[str, Any]) -> None:
    before = everything()
    reply = es9plus.handle(function, body, now)
    assert reply.status == 204 or status(reply) != "Executed-Success"
    assert everything() == before


@given(st.sampled_from(sorted(es2plus.FUNCTIONS)), st.dictionaries(NAMES, JSON, max_size=6))
@settings(max_examples=150, suppress_health_check=FIXTURES)
def test_any_json_on_es2plus(smdp: None, now: datetime, function: str, body: dict[str, Any]) -> None:
    header = {"functionRequesterIdentifier": "TIM", "functionCallIdentifier": "1"}
    before = everything()
    assert status(es2plus.handle(function, Requester("tim"), {"header": header, **body}, now)) != "Executed-Success"
    assert everything() == before
