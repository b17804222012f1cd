"""An operator's SM-DP+ by ES2+ (SGP.22 5.3), which tells by itself how the phone gets on (see notices.py).

An order carries our reference as its functionCallIdentifier: sent again, it must find the profile that it set aside.
"""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings

from lineaviva.keeper.delivery.es2plus import answers, wire
from lineaviva.keeper.delivery.es2plus.answers import Answer, Function
from lineaviva.keeper.delivery.ports import Cancelled, Ordered, ProfileRequest, Released, Seen
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import InvalidInput, NeedsPerson, Temporary, Unknown

_ICCID = re.compile(r"[0-9]{18,20}")
# Nothing is ordered there any more.
_NOT_THERE = (answers.TRANSITION, answers.ICCID_UNKNOWN)


class Es2PlusGateway:
    name = "es2plus"
    follows = True
    idempotent = True

    def serves(self, operator: str) -> bool:
        return operator in settings.ES2_URLS

    def order(self, request: ProfileRequest) -> Ordered:
        try:
            answer = _call(request, "downloadOrder", request.reference, **_wanted(request))
        except wire.Lost as lost:
            raise Unknown(request.reference, str(lost)) from lost
        if answer.code:
            raise answers.refusal(request.operator, "downloadOrder", answer)
        return Ordered(_iccid(request, answer))

    def release(self, request: ProfileRequest, iccid: str) -> Released:
        """Confirm the order, with the matching id that we have chosen, and release the profile in one."""
        wish = {"iccid": iccid, "matchingId": request.matching_id, "releaseFlag": True}
        answer = _surely(request, "confirmOrder", **wish, **_eid(request))
        if answer.code:
            raise answers.refusal(request.operator, "confirmOrder", answer)
        return Released(_code(request, answer))

    def cancel(self, request: ProfileRequest, iccid: str) -> Cancelled:
        """Back into stock; out of use, where an eUICC has seen its keys and has not installed it.

        The matching id says that it is still our order: what went back into stock may be another's by now.
        """
        answer = _cancel(request, iccid, matching_id=request.matching_id)
        if answer.code == answers.MATCHING_ID_OTHER:
            return self._cancel_unconfirmed(request)
        return _cancelled(request, answer)

    def look(self, request: ProfileRequest, iccid: str) -> Seen | None:
        """SGP.22 v2 has no function to ask."""
        return None

    def _cancel_unconfirmed(self, request: ProfileRequest) -> Cancelled:
        """An order that was never confirmed has no matching id to name. Our order sent again finds it; where it is not
        there any more that makes a new one, which is ours as well and is taken back in its place."""
        answer = _surely(request, "downloadOrder", **_wanted(request))
        if answer.code == answers.TYPE_EMPTY:
            return "cancelled"  # none to be had: then none is set aside for us either
        if answer.code:
            raise answers.refusal(request.operator, "downloadOrder", answer)
        return _cancelled(request, _cancel(request, _iccid(request, answer), matching_id=""))


def _call(request: ProfileRequest, function: Function, call: str, **body: Any) -> Answer:
    requester = settings.ES2_REQUESTERS.get(request.operator, "lineaviva")
    header = {"functionRequesterIdentifier": requester, "functionCallIdentifier": call}
    found = answers.read(wire.post(request.operator, function, {"header": header, **body}))
    if found is None:
        raise wire.Lost("it did not answer as ES2+ does")
    return found


def _surely(request: ProfileRequest, function: Function, **body: Any) -> Answer:
    """The same, of what may be sent again as often as one likes."""
    # An order is known by our very reference; of the others, each is a call of its own.
    call = request.reference if function == "downloadOrder" else f"{request.reference}-{function}"
    try:
        return _call(request, function, call, **body)
    except wire.Lost as lost:
        raise Temporary(f"{request.operator}'s SM-DP+: {lost}") from lost


def _cancel(request: ProfileRequest, iccid: str, *, matching_id: str) -> Answer:
    wish = {"iccid": iccid, **({"matchingId": matching_id} if matching_id else {})}
    answer = _surely(request, "cancelOrder", **wish, finalProfileStatusIndicator="Available")
    if answer.code == answers.IN_USE:
        answer = _surely(request, "cancelOrder", **wish, finalProfileStatusIndicator="Unavailable")
    return answer


def _cancelled(request: ProfileRequest, answer: Answer) -> Cancelled:
    if answer.code == answers.IN_USE:
        return "too_late"
    if answer.code and answer.code not in _NOT_THERE:
        raise answers.refusal(request.operator, "cancelOrder", answer)
    return "cancelled"


def _wanted(request: ProfileRequest) -> dict[str, str]:
    kind = request.profile_type or settings.ES2_PROFILE_TYPES.get(request.operator, "prepaid")
    return {"profileType": kind, **_eid(request)}


def _eid(request: ProfileRequest) -> dict[str, str]:
    return {"eid": request.eid} if request.eid else {}


def _iccid(request: ProfileRequest, answer: Answer) -> str:
    """Its digits, without the filler."""
    iccid = answer.document.get("iccid")
    digits = iccid.rstrip("Ff") if isinstance(iccid, str) else ""
    if not _ICCID.fullmatch(digits):
        raise NeedsPerson(f"{request.operator}'s SM-DP+ took the order {request.reference} and named no ICCID.")
    return digits


def _code(request: ProfileRequest, answer: Answer) -> ActivationCode:
    """As the server says; it may have chosen another matching id than ours."""
    address = answer.document.get("smdpAddress") or settings.ES2_ADDRESSES.get(request.operator, "")
    if not isinstance(address, str) or not address:
        raise NeedsPerson(f"{request.operator}'s SM-DP+ does not say its address: set LINEAVIVA_ES2_ADDRESSES.")
    try:
        return ActivationCode(address, str(answer.document.get("matchingId") or request.matching_id))
    except InvalidInput as wrong:
        raise NeedsPerson(f"{request.operator}'s SM-DP+ gives no activation code: {wrong.message}") from wrong
