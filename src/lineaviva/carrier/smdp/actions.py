"""Writes of profiles and their orders: import, order, confirm, release, cancel. One transaction each.

Refusals are the `Failed` of ES2+, since that is where nearly all of them are asked for.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from lineaviva.carrier.smdp.failures import Failed, Failure
from lineaviva.carrier.smdp.models import OrderCall, Profile
from lineaviva.carrier.smdp.states import Event, State, after

# Without letters and digits that look alike; 20 of 31 are 99 random bits.
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_GROUPS, _IN_GROUP = 4, 5


def profile_order(*, operator: str, iccid: str, profile_type: str, eid: str, call: str = "", now: datetime) -> Profile:
    """Allocate the profile with this ICCID, else the oldest of the type, or link it to the eUICC.

    `call` names who made which call. Made again, it finds the profile that it ordered: the first answer may have been
    lost. Once the order is confirmed it was not, and who still names another call so means a new order.
    """
    digest = _digest(operator, call, iccid, profile_type, eid) if call else ""
    try:
        return _order_once(digest, operator, iccid, profile_type, eid, now)
    except (IntegrityError, Failed):
        if not OrderCall.objects.filter(digest=digest).exists():
            raise
        # It may have come in twice at the same moment, and the other has taken what there was.
        return _order_once(digest, operator, iccid, profile_type, eid, now)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@transaction.atomic
def _order_once(digest: str, operator: str, iccid: str, profile_type: str, eid: str, now: datetime) -> Profile:
    if not digest:
        return _order(operator, iccid, profile_type, eid, now)
    earlier = OrderCall.objects.select_for_update().filter(digest=digest).first()
    if earlier is not None:
        profile = Profile.objects.select_for_update().get(pk=earlier.profile_id)
        if profile.order_number == earlier.order_number and profile.state in (State.ALLOCATED, State.LINKED):
            return profile
    profile = _order(operator, iccid, profile_type, eid, now)
    known = earlier or OrderCall(digest=digest)
    known.profile, known.order_number, known.at = profile, profile.order_number, now
    known.save()
    return profile


def _order(operator: str, iccid: str, profile_type: str, eid: str, now: datetime) -> Profile:
    profile = _by_iccid(operator, iccid) if iccid else _of_type(operator, profile_type)
    if profile_type and profile.profile_type != profile_type:
        raise Failed(Failure.TYPE_OTHER, "profileType")
    state = after(profile.state, Event.LINK if eid else Event.ORDER)
    if state is None:
        raise Failed(Failure.ICCID_IN_USE, "iccid")
    profile.state, profile.eid = state, eid
    profile.order_number += 1
    profile.expires_at = now + timedelta(days=settings.SMDP_ORDER_DAYS)
    return _saved(profile, now)


def order_confirm(
    *,
    operator: str,
    iccid: str,
    eid: str,
    matching_id: str | None,
    confirmation_code: str,
    release: bool,
    now: datetime,
) -> Profile:
    """Complete the order. A matching id is made where none is given; an empty one waits for its EID alone.

    Confirmed again with the same values it is returned as it is: the first answer may have been lost.
    """
    try:
        return _confirm(operator, iccid, eid, matching_id, confirmation_code, release, now)
    except IntegrityError:
        raise Failed(Failure.MATCHING_ID_IN_USE, "matchingId") from None


@transaction.atomic
def _confirm(
    operator: str, iccid: str, eid: str, matching_id: str | None, code: str, release: bool, now: datetime
) -> Profile:
    profile = _by_iccid(operator, iccid)
    if eid and profile.eid and profile.eid != eid:
        raise Failed(Failure.EID_OTHER, "eid")
    if matching_id == "" and not (eid or profile.eid):
        raise Failed(Failure.EID_MISSING, "eid")
    code_hash = hashlib.sha256(code.encode()).digest() if code else None
    state = after(profile.state, Event.CONFIRM)
    if state is None:
        if _is_confirmed(profile, eid, matching_id, code_hash, release):
            return profile
        raise Failed(Failure.ICCID_TRANSITION, "iccid")
    profile.eid = eid or profile.eid
    profile.matching_id = (made_matching_id() if matching_id is None else matching_id) or None
    if matching_id and Profile.objects.filter(matching_id=matching_id).exists():
        raise Failed(Failure.MATCHING_ID_IN_USE, "matchingId")
    profile.confirmation_hash, profile.confirmation_failures = code_hash, 0
    profile.state = (after(state, Event.RELEASE) or state) if release else state
    return _saved(profile, now)


def _is_confirmed(profile: Profile, eid: str, matching_id: str | None, code_hash: bytes | None, release: bool) -> bool:
    """Whether it is just as this order would make it, or a phone has taken since what this order released."""
    known = None if profile.confirmation_hash is None else bytes(profile.confirmation_hash)
    taken = release and matching_id and profile.state in (State.DOWNLOADED, State.INSTALLED)
    return bool(
        (taken or profile.state == (State.RELEASED if release else State.CONFIRMED))
        and eid in ("", profile.eid)
        and matching_id in (None, profile.matching_id or "")
        and code_hash == known
    )


@transaction.atomic
def profile_release(*, operator: str, iccid: str, now: datetime) -> Profile:
    """Let it be downloaded."""
    profile = _by_iccid(operator, iccid)
    state = after(profile.state, Event.RELEASE)
    if state is None:
        raise Failed(Failure.ICCID_TRANSITION, "iccid")
    profile.state = state
    return _saved(profile, now)


@transaction.atomic
def order_cancel(
    *, operator: str, iccid: str, eid: str, matching_id: str | None, available: bool, now: datetime
) -> Profile:
    """Take the order back. What an eUICC was handed is never put into stock again: it knows the subscriber's keys."""
    profile = _by_iccid(operator, iccid)
    state = after(profile.state, Event.RESTOCK if available else Event.WITHDRAW)
    if state is None:
        over = profile.state in (State.DOWNLOADED, State.INSTALLED)
        raise Failed(Failure.ICCID_IN_USE if over else Failure.ICCID_TRANSITION, "iccid")
    if eid and eid != profile.eid:
        raise Failed(Failure.EID_OTHER, "eid")
    if matching_id is not None and matching_id != (profile.matching_id or ""):
        raise Failed(Failure.MATCHING_ID_OTHER, "matchingId")
    if available and profile.transaction_id:
        raise Failed(Failure.ICCID_IN_USE, "iccid")
    profile.state, profile.failure = state, ""
    profile.eid, profile.matching_id, profile.confirmation_hash, profile.expires_at = "", None, None, None
    profile.confirmation_failures = 0
    return _saved(profile, now)


def made_matching_id() -> str:
    """A new one, that nobody can guess and everybody can type."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_IN_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _by_iccid(operator: str, iccid: str) -> Profile:
    profile = Profile.objects.select_for_update().filter(iccid=iccid).first()
    if profile is None:
        raise Failed(Failure.ICCID_UNKNOWN, "iccid")
    if profile.operator != operator:
        raise Failed(Failure.ICCID_REFUSED, "iccid")
    return profile


def _of_type(operator: str, profile_type: str) -> Profile:
    kind = Profile.objects.filter(operator=operator, profile_type=profile_type)
    stock = kind.filter(state=State.AVAILABLE).order_by("id")
    # Those that others are taking at this moment are passed by. Once more without: of the last one, its taker may fail.
    profile = _first(stock, skip=True) or _first(stock, skip=False)
    if profile is None:
        raise Failed(Failure.TYPE_EMPTY if kind.exists() else Failure.TYPE_UNKNOWN, "profileType")
    return profile


def _first(stock: QuerySet[Profile], *, skip: bool) -> Profile | None:
    skips = skip and connection.features.has_select_for_update_skip_locked
    return stock.select_for_update(skip_locked=skips).first()


def _saved(profile: Profile, now: datetime) -> Profile:
    profile.changed_at = now
    profile.save()
    return profile
