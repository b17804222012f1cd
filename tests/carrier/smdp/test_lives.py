"""Whatever an operator and two phones do, in whatever order: each answer and each state is what a simple model says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineaviva.carrier.smdp import es2plus
from lineaviva.carrier.smdp.es2plus import Requester
from lineaviva.carrier.smdp.states import TRANSITIONS
from tests.carrier.smdp.euicc import Lpa, status
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, profile

Phones = Callable[..., Lpa]
ICCID = ICCIDS[0]
HEADER = {"functionRequesterIdentifier": "TIM", "functionCallIdentifier": "1"}
OPERATOR: dict[str, tuple[str, dict[str, Any]]] = {
    "order": ("downloadOrder", {}),
    "confirm": ("confirmOrder", {"matchingId": MATCHING_ID, "releaseFlag": False}),
    "confirm and release": ("confirmOrder", {"matchingId": MATCHING_ID, "releaseFlag": True}),
    "release": ("releaseProfile", {}),
    "restock": ("cancelOrder", {"finalProfileStatusIndicator": "Available"}),
    "withdraw": ("cancelOrder", {"finalProfileStatusIndicator": "Unavailable"}),
}
PHONE = ("begin", "fetch", "cancel", "put off", "installed", "not installed", "enabled")
STEPS = st.one_of(
    st.sampled_from([(name, 0) for name in OPERATOR]), st.tuples(st.sampled_from(PHONE), st.sampled_from([0, 1]))
)
# Straight ahead most of the time, or hardly a road would come as far as a download.
ROAD = st.lists(STEPS, min_size=1, max_size=14).map(
    lambda steps: [("order", 0), ("confirm and release", 0), ("begin", 0), *steps]
)
# One call may do two things at once: to confirm is to release, where that is asked.
REACHED = {(before, after) for moves in TRANSITIONS.values() for before, after in moves.items()} | {
    ("allocated", "released"),
    ("linked", "released"),
}


def act(phones: list[Lpa], step: tuple[str, int], now: datetime) -> str:
    """The answer, and nothing of a phone that has not begun."""
    name, who = step
    if name in OPERATOR:
        function, body = OPERATOR[name]
        return status(es2plus.handle(function, Requester("tim"), {"header": HEADER, "iccid": ICCID, **body}, now))
    phone = phones[who]
    if name == "begin":
        answer = phone.begin(MATCHING_ID)
        phone.ready = status(answer) == "Executed-Success"
        return status(answer)
    if not phone.ready:
        return ""
    if name == "fetch":
        return status(phone.fetch())
    if name in ("cancel", "put off"):
        return status(phone.cancel(0 if name == "cancel" else 1))
    if name == "enabled":
        phone.notify(phone.euicc.said("enable", ICCID))
    else:
        phone.notify(phone.euicc.result(phone.transaction_id, ICCID, None if name == "installed" else (4, 13)))
    return ""


def holds(before: str, owner: str, phones: list[Lpa], step: tuple[str, int], answer: str) -> None:
    """What must be true after any step from a state, with the eUICC that the profile was bound to."""
    name, who = step
    found = profile()
    if found.state != before:
        assert (before, found.state) in REACHED
        assert answer in ("", "Executed-Success", "8.8.5/6.4")
    if answer not in ("", "Executed-Success", "8.8.5/6.4"):
        assert (found.state, found.eid) == (before, owner)
    if name == "fetch" and answer == "Executed-Success":
        assert (found.state, found.eid) == ("downloaded", phones[who].euicc.eid)
    if before in ("downloaded", "installed"):
        assert found.eid == owner, "it is never bound to another"
        assert found.state != "available", "and its keys are never given to another"
    if found.state in ("downloaded", "installed"):
        assert found.transaction_id
    if found.state == "available":
        assert (found.eid, found.matching_id, found.transaction_id) == ("", None, "")


@given(ROAD)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_road(lpa: Phones, now: datetime, road: list[tuple[str, int]]) -> None:
    phones = [lpa(), lpa()]
    with transaction.atomic():
        for step in road:
            before = profile()
            answer = act(phones, step, now)
            holds(before.state, before.eid, phones, step, answer)
        transaction.set_rollback(True)
