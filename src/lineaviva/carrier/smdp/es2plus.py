"""ES2+: what an operator asks of the SM-DP+ (SGP.22 5.3). Who it is, mutual TLS has said before.

An operator sees its own profiles only: another's answer as SGP.22 has it, "not allowed", and never tell their state.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings

from lineaviva.carrier.smdp import actions, requests
from lineaviva.carrier.smdp.failures import Failed, Failure, Reply, done, failed
from lineaviva.carrier.smdp.models import Profile

_EID = re.compile(r"[0-9]{32}")
_ICCID = re.compile(r"[0-9]{19}[0-9F]?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MATCHING_ID = re.compile(r"[A-Z0-9-]{0,255}")
_LONGEST_CODE = 255


class Requester(NamedTuple):
    """The operator whose certificate the caller has shown."""

    operator: str


def download_order(requester: Requester, body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Reserve a profile: this one, or any of a type (SGP.22 5.3.1). The same call again is answered as before."""
    eid, iccid, profile_type = _eid(body), _optional_iccid(body), requests.optional_text(body, "profileType")
    if not iccid and not profile_type:
        raise Failed(Failure.CHOICE_MISSING, "profileType")
    profile = actions.profile_order(
        operator=requester.operator, iccid=iccid, profile_type=profile_type or "", eid=eid, call=_call(body), now=now
    )
    return {"iccid": profile.iccid}


def confirm_order(requester: Requester, body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Complete the order, and release the profile if that is asked (SGP.22 5.3.2)."""
    release = body.get("releaseFlag")
    if release is None:
        raise Failed(Failure.ELEMENT_MISSING, "releaseFlag")
    if not isinstance(release, bool):
        raise Failed(Failure.FORMAT, "releaseFlag")
    iccid, eid, matching_id, code = _iccid(body), _eid(body), _matching_id(body), _code(body)
    if requests.optional_text(body, "smdsAddress"):
        # The eUICC would look for its event at a discovery server; there is none that would take one from here.
        raise Failed(Failure.SMDS_INACCESSIBLE if eid else Failure.EID_MISSING, "smdsAddress")
    profile = actions.order_confirm(
        operator=requester.operator,
        iccid=iccid,
        eid=eid,
        matching_id=matching_id,
        confirmation_code=code,
        release=release,
        now=now,
    )
    return _confirmed(profile)


def release_profile(requester: Requester, body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Let the profile be downloaded (SGP.22 5.3.4)."""
    actions.profile_release(operator=requester.operator, iccid=_iccid(body), now=now)
    return {}


def cancel_order(requester: Requester, body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Take the order back, and the profile out of use if that is asked (SGP.22 5.3.3)."""
    final = requests.text(body, "finalProfileStatusIndicator")
    if final not in ("Available", "Unavailable"):
        raise Failed(Failure.FORMAT, "finalProfileStatusIndicator")
    actions.order_cancel(
        operator=requester.operator,
        iccid=_iccid(body),
        eid=_eid(body),
        matching_id=_matching_id(body),
        available=final == "Available",
        now=now,
    )
    return {}


FUNCTIONS: Mapping[str, Callable[[Requester, dict[str, Any], datetime], dict[str, Any]]] = {
    "downloadOrder": download_order,
    "confirmOrder": confirm_order,
    "releaseProfile": release_profile,
    "cancelOrder": cancel_order,
}


def handle(function: str, requester: Requester, body: dict[str, Any], now: datetime) -> Reply:
    """Carry out one function; never raises for what the caller sent, only where the database is away."""
    perform = FUNCTIONS.get(function)
    if perform is None:
        return failed(Failure.FUNCTION_UNKNOWN)
    try:
        _header(body)
        return done(perform(requester, body, now))
    except Failed as refusal:
        return failed(refusal.failure, refusal.identifier)


def _header(body: dict[str, Any]) -> tuple[str, str]:
    header = body.get("header")
    if header is None:
        raise Failed(Failure.ELEMENT_MISSING, "header")
    if not isinstance(header, dict):
        raise Failed(Failure.FORMAT, "header")
    return requests.text(header, "functionRequesterIdentifier"), requests.text(header, "functionCallIdentifier")


def _call(body: dict[str, Any]) -> str:
    """Who made which call, where its caller gave it a name that no other call can have; else nothing.

    SGP.22 does not say that an identifier is used once, and callers are known that name all their calls alike.
    """
    requester, call = _header(body)
    return json.dumps([requester, call.lower()]) if _UUID.fullmatch(call) else ""


def _confirmed(profile: Profile) -> dict[str, Any]:
    answer = {"matchingId": profile.matching_id or "", "smdpAddress": settings.SMDP_ADDRESS}
    return {**answer, "eid": profile.eid} if profile.eid else answer


def _optional_iccid(body: dict[str, Any]) -> str:
    """Its digits, without the filler; empty where there is none."""
    iccid = requests.optional_text(body, "iccid")
    if iccid is None:
        return ""
    if not _ICCID.fullmatch(iccid):
        raise Failed(Failure.ICCID_FORMAT, "iccid")
    return iccid.removesuffix("F")


def _iccid(body: dict[str, Any]) -> str:
    requests.text(body, "iccid")
    return _optional_iccid(body)


def _eid(body: dict[str, Any]) -> str:
    eid = requests.optional_text(body, "eid")
    if eid is not None and not _EID.fullmatch(eid):
        raise Failed(Failure.EID_FORMAT, "eid")
    return eid or ""


def _matching_id(body: dict[str, Any]) -> str | None:
    """None where none is given, which is not the same as an empty one."""
    matching_id = requests.optional_text(body, "matchingId")
    if matching_id is not None and not _MATCHING_ID.fullmatch(matching_id):
        raise Failed(Failure.MATCHING_ID_FORMAT, "matchingId")
    return matching_id


def _code(body: dict[str, Any]) -> str:
    code = requests.optional_text(body, "confirmationCode")
    if code is not None and not 0 < len(code) <= _LONGEST_CODE:
        raise Failed(Failure.CONFIRMATION_FORMAT, "confirmationCode")
    return code or ""
