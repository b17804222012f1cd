"""Who may begin a download: the profile that an order waits with, and the session that is opened for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from lineaviva.carrier.smdp import downloads, progress, sweeping
from lineaviva.carrier.smdp.euicc_info import Abilities
from lineaviva.carrier.smdp.failures import Failed, Failure
from lineaviva.carrier.smdp.fast import at, locks, run, whole
from lineaviva.carrier.smdp.progress import Point
from lineaviva.carrier.smdp.states import Event, State, sources

# Old sessions go as new ones come: one call in so many takes some of them along.
_SWEEP_ONE_IN = 200


class Candidate(NamedTuple):
    """An eUICC that proved who it is, and what it asks for.

    `ci`: key id of the CI under which the server signs. `point`, of `curve`: the eUICC's public key.
    """

    transaction_id: str
    eid: str
    matching_id: str
    abilities: Abilities
    ci: bytes
    point: bytes
    curve: str


class Offer(NamedTuple):
    """What it is offered. `otpk`: its one-time key of the last try, if that can be used again; else empty."""

    metadata: bytes
    needs_confirmation: bool
    otpk: bytes


class _Waiting(NamedTuple):
    """A profile that an order waits with."""

    profile_id: int
    operator: str
    state: str
    eid: str
    needs_confirmation: bool
    expired: bool
    order_number: int
    major: int
    policy_rules: int
    size: int
    metadata: bytes


_WAITING = """SELECT p.id, p.operator, p.state, p.eid, p.confirmation_hash IS NOT NULL,
    p.expires_at IS NOT NULL AND p.expires_at <= %s, p.order_number, p.major, p.policy_rules, p.size, k.metadata
    FROM carrier_smdp_profile p JOIN carrier_smdp_package k ON k.profile_id = p.id """
_BY_MATCHING_ID = _WAITING + "WHERE p.matching_id = %s"
# Without a matching id the EID is looked for (a phone that knows this server as its default SM-DP+, SGP.22 3.1.3).
_BY_EID = _WAITING + (
    "WHERE p.eid = %s AND p.matching_id IS NULL AND p.state IN ('released', 'downloaded') ORDER BY p.id LIMIT 1"
)
_LOCKED = " FOR UPDATE OF p"
# Counted where it is written: the profile is locked by then.
_BEGIN = """INSERT INTO carrier_smdp_session (transaction_id, profile_id, order_number, eid, stage, ci, point, curve,
    signature, otpk, bound, created_at, expires_at)
    SELECT %s, %s, %s, %s, 'authenticated', %s, %s, %s, %s, %s, %s, %s, %s WHERE (SELECT count(*)
    FROM carrier_smdp_session WHERE profile_id = %s AND order_number = %s AND eid = %s) < %s ON CONFLICT DO NOTHING"""
_KNOWN = "SELECT 1 FROM carrier_smdp_session WHERE transaction_id = %s"

# The operator is told of these; of a stranger's try there is nothing to tell.
_TOLD = (Failure.ORDER_EXPIRED, Failure.ORDER_EXHAUSTED, Failure.TYPE_NOT_ELIGIBLE, Failure.EUICC_MEMORY)
_FINAL = (Failure.ORDER_EXPIRED, Failure.ORDER_EXHAUSTED)


def begin(candidate: Candidate, sign: Callable[[Offer], bytes], now: datetime) -> Offer:
    """Open the session, if the profile that is asked for may be downloaded by this eUICC; raises Failed.

    `sign` makes smdpSignature2 from the offer. A refusal that ends the order is written before it is raised.
    """
    with whole():
        found = _waiting(candidate, now)
        if found is None:
            raise Failed(Failure.MATCHING_ID_REFUSED)
        refusal = _refusal(found, candidate)
        if refusal is None:
            otpk = downloads.last_otpk(found.profile_id, candidate.ci) if found.state == State.DOWNLOADED else b""
            offer = Offer(found.metadata, found.needs_confirmation, otpk)
            if random.randrange(_SWEEP_ONE_IN) == 0:  # noqa: S311 - nothing to guess
                sweeping.sweep(now)
            if _opened(candidate, found, sign(offer), now):
                progress.note(found, Point.ELIGIBILITY, candidate.eid, None, now)
                return offer
            known = run(_KNOWN, (candidate.transaction_id,)).fetchone()
            refusal = Failure.TRANSACTION_UNKNOWN if known else Failure.ORDER_EXHAUSTED
        _refused(found, candidate, refusal, now)
    raise Failed(refusal)


def _opened(candidate: Candidate, found: _Waiting, signature: bytes, now: datetime) -> bool:
    """False where the transaction has a session already, or the eUICC has tried too often."""
    ends = now + timedelta(seconds=settings.SMDP_SESSION_SECONDS)
    order = (found.profile_id, found.order_number, candidate.eid)
    proof = (candidate.ci, candidate.point, candidate.curve, signature)
    row = (candidate.transaction_id, *order, *proof, b"", b"", at(now), at(ends))
    return bool(run(_BEGIN, (*row, *order, settings.SMDP_DOWNLOAD_ATTEMPTS), last=True).rowcount)


def _waiting(candidate: Candidate, now: datetime) -> _Waiting | None:
    """The profile, locked, so that tries are counted one after the other."""
    if candidate.matching_id:
        statement, name = _BY_MATCHING_ID, candidate.matching_id
    else:
        statement, name = _BY_EID, candidate.eid
    row = run(statement + _LOCKED if locks() else statement, (at(now), name)).fetchone()
    return _Waiting._make(row) if row else None


def _refusal(found: _Waiting, candidate: Candidate) -> Failure | None:
    """By the order of SGP.22 3.1.3.1; None where nothing is against it."""
    if found.eid not in ("", candidate.eid):
        return Failure.EID_REFUSED
    if found.state not in sources(Event.DELIVER):
        return Failure.PROFILE_REFUSED
    if found.expired:
        return Failure.ORDER_EXPIRED
    return _not_able(found, candidate.abilities)


def _not_able(found: _Waiting, abilities: Abilities) -> Failure | None:
    if abilities.profile_major < found.major or abilities.forbidden & found.policy_rules:
        return Failure.TYPE_NOT_ELIGIBLE
    if abilities.memory is not None and abilities.memory < found.size:
        return Failure.EUICC_MEMORY
    return None


def _refused(found: _Waiting, candidate: Candidate, refusal: Failure, now: datetime) -> None:
    # What was handed out may be installed by now: a time limit does not undo that.
    ended = refusal is Failure.ORDER_EXPIRED and found.state == State.DOWNLOADED
    if refusal in _FINAL and not ended:
        downloads.fail(found.profile_id, found.order_number, refusal, now)
    if refusal in _TOLD:
        progress.note(found, Point.ELIGIBILITY, candidate.eid, refusal, now)
