"""Pure: what an SM-DP+ answered over ES2+ (SGP.22 5.3 and 6.5.1.4), and what is to be done about it.

A refusal is one of three things: the profile cannot be had (Permanent), somebody has to mend something (NeedsPerson),
or it may work later (Temporary). Codes that are not here are for a person, who can read the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from lineaviva.kernel.errors import AdapterError, NeedsPerson, Permanent, Temporary

Function = Literal["downloadOrder", "confirmOrder", "cancelOrder"]
# What it means that the profile or the order is not in the state that a function needs (SGP.22 5.3).
IN_USE, TRANSITION, ICCID_UNKNOWN = "8.2.1/3.3", "8.2.1/3.5", "8.2.1/3.9"
MATCHING_ID_OTHER, TYPE_EMPTY = "8.2.6/3.10", "8.2.5/3.7"

_NUMBER = re.compile(r"\d{6,}")
_LATER = {
    "1.2/4.2": "the server is broken",
    "1.2/5.1": "the server is not reached",
    "1.2/5.3": "the server did not answer in time",
    "1.2/5.4": "the server ran out of time",
}
_EID = {
    "8.1.1/2.1": "it does not take this phone's EID",
    "8.1.1/2.2": "it gives profiles only for one EID",
    "8.1.1/3.8": "the profile is for another phone",
    "8.1.1/3.10": "the profile is for another phone",
}
# The order that was there is not there any more: another one is needed.
_ORDER_GONE = {
    IN_USE: "the profile is in use",
    TRANSITION: "the order is not open any more",
    ICCID_UNKNOWN: "it does not know the profile any more",
    MATCHING_ID_OTHER: "the order has another matching id",
    "8.8.5/4.10": "the order has expired",
}
_NO: Mapping[Function, Mapping[str, str]] = {
    "downloadOrder": _EID,
    "confirmOrder": {**_EID, **_ORDER_GONE},
    "cancelOrder": {},
}
_TO_MEND = {
    "1.1/1.1": "it does not know us: have our certificate registered",
    "1.1/3.9": "it does not know us: check LINEAVIVA_ES2_REQUESTERS",
    "8.2.1/1.2": "the profile is another operator's",
    TYPE_EMPTY: "no profile of this type is left: put some into its stock",
    "8.2.5/3.8": "the profile is of another type: check LINEAVIVA_ES2_PROFILE_TYPES",
    "8.2.5/3.9": "it does not know the type of profile: check LINEAVIVA_ES2_PROFILE_TYPES",
    "8.2.6/3.3": "the matching id is in use there: find out for which profile",
}


class Answer(NamedTuple):
    """A function's answer. `code` is "subject/reason" of a refusal, empty where it was carried out."""

    code: str
    message: str
    document: Mapping[str, Any]


def read(document: Any) -> Answer | None:
    """None for what is no answer of ES2+."""
    try:
        status = document["header"]["functionExecutionStatus"]
        said = status["status"]
    except (KeyError, TypeError):
        return None
    if said in ("Executed-Success", "Executed-WithWarning"):
        return Answer("", "", document)
    data = status.get("statusCodeData")
    data = data if isinstance(data, dict) else {}
    code = f"{data.get('subjectCode', '')}/{data.get('reasonCode', '')}"
    # "Expired": it was not carried out in the time that it had, and is not going to be.
    code = "1.2/5.4" if said == "Expired" and code == "/" else code
    # Some servers name the profile in it.
    return Answer(code, _NUMBER.sub("…", str(data.get("message") or ""))[:120], document)


def refusal(operator: str, function: Function, answer: Answer) -> AdapterError:
    """The error to raise. It names no ICCID, EID or matching id."""
    if answer.code in _LATER:
        return Temporary(f"{operator}'s SM-DP+: {_LATER[answer.code]} ({answer.code})")
    reason = _NO[function].get(answer.code)
    if reason is not None:
        return Permanent(f"{operator}'s SM-DP+: {reason} ({answer.code})", code=answer.code)
    what = _TO_MEND.get(answer.code) or answer.message or "it refuses and does not say why"
    return NeedsPerson(f"{operator}'s SM-DP+ refuses {function}: {what} ({answer.code}).")
