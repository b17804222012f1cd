"""The rows of a download that was begun: whose package is bound, how it ended.

Plain SQL, since a download is four calls of which none may cost a millisecond. A profile changes only by statements
that compare what they saw (state, order, eUICC) and set: of a hundred at once, one finds it as it was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from lineaviva.carrier.smdp import crypto, progress
from lineaviva.carrier.smdp.failures import Failure
from lineaviva.carrier.smdp.fast import Undo, at, changed, locks, run, whole
from lineaviva.carrier.smdp.models import Stage
from lineaviva.carrier.smdp.progress import Point
from lineaviva.carrier.smdp.states import Event, sources

_SWEPT_AT_ONCE = 1000
_OPEN = (Stage.AUTHENTICATED.value, Stage.DELIVERED.value)


class Download(NamedTuple):
    """A session and its profile, as they were when it was read."""

    transaction_id: str
    stage: str
    expired: bool
    order_number: int
    eid: str
    ci: bytes
    point: bytes
    curve: str
    signature: bytes
    profile_id: int
    operator: str
    state: str
    current_order: int
    profile_eid: str
    confirmation_hash: bytes | None
    iccid: str

    @property
    def is_open(self) -> bool:
        return not self.expired and self.stage in _OPEN

    @property
    def may_have_it(self) -> bool:
        """Whether the profile still waits for this eUICC under this order."""
        fits = self.current_order == self.order_number and self.profile_eid in ("", self.eid)
        return fits and self.state in sources(Event.DELIVER)

    @property
    def public_key(self) -> crypto.PublicKey:
        """The eUICC's, whose certificate was believed when the session began."""
        return crypto.met(self.point, crypto.CURVES[self.curve])


class Prepared(NamedTuple):
    """A profile's package: metadata, sealed keys, segments. `otpk`, `bound`: of its last delivery to this eUICC."""

    metadata: bytes
    keys: bytes
    segments: bytes
    otpk: bytes | None
    bound: bytes | None


_COLUMNS = """s.transaction_id, s.stage, s.expires_at <= %s, s.order_number, s.eid, s.ci, s.point, s.curve, s.signature,
    p.id, p.operator, p.state, p.order_number, p.eid, p.confirmation_hash, p.iccid"""
_DOWNLOAD = f"""SELECT {_COLUMNS}
    FROM carrier_smdp_session s JOIN carrier_smdp_profile p ON p.id = s.profile_id
    WHERE s.transaction_id = %s"""  # noqa: S608 - our own columns
_PREPARED = f"""SELECT {_COLUMNS}, k.metadata, k.keys, k.segments, b.otpk, b.bound
    FROM carrier_smdp_session s JOIN carrier_smdp_profile p ON p.id = s.profile_id
    JOIN carrier_smdp_package k ON k.profile_id = p.id
    LEFT JOIN carrier_smdp_session b ON b.transaction_id = p.transaction_id
        AND b.order_number = p.order_number AND b.eid = s.eid AND b.ci = s.ci
    WHERE s.transaction_id = %s"""  # noqa: S608 - our own columns
_LAST = """SELECT s.otpk FROM carrier_smdp_session s JOIN carrier_smdp_profile p ON s.transaction_id = p.transaction_id
    WHERE p.id = %s AND s.order_number = p.order_number AND s.eid = p.eid AND s.ci = %s"""
_NOT_CONFIRMED = """UPDATE carrier_smdp_profile SET confirmation_failures = confirmation_failures + 1, changed_at = %s
    WHERE id = %s AND order_number = %s AND state IN ('released', 'downloaded')
    RETURNING confirmation_failures"""
_DELIVER = """UPDATE carrier_smdp_profile SET state = 'downloaded', eid = %s, transaction_id = %s, changed_at = %s
    WHERE id = %s AND order_number = %s AND state IN ('released', 'downloaded') AND eid IN ('', %s)"""
_DELIVERED = """UPDATE carrier_smdp_session SET stage = 'delivered', otpk = %s, bound = %s
    WHERE transaction_id = %s AND stage IN ('authenticated', 'delivered')"""


def download(transaction_id: str, now: datetime) -> Download | None:
    """The session with its profile, as it is at this moment; nothing is locked."""
    row = run(_DOWNLOAD, (at(now), transaction_id)).fetchone()
    return Download._make(row) if row else None


def prepared(transaction_id: str, now: datetime) -> tuple[Download, Prepared] | None:
    """The same, and the package."""
    row = run(_PREPARED, (at(now), transaction_id)).fetchone()
    return (Download._make(row[:-5]), Prepared._make(row[-5:])) if row else None


def last_otpk(profile_id: int, ci: bytes) -> bytes:
    """The eUICC's one-time key that the profile was bound to last under this CI, or nothing."""
    row = run(_LAST, (profile_id, ci)).fetchone()
    return row[0] if row else b""


def confirmation_failed(found: Download, now: datetime) -> Failure:
    """Count a wrong confirmation code; the one that is too many ends the order."""
    with whole():
        return _confirmation_failed(found, now)


def _confirmation_failed(found: Download, now: datetime) -> Failure:
    row = run(_NOT_CONFIRMED, (at(now), found.profile_id, found.order_number)).fetchone()
    if row is None:
        return Failure.PROFILE_UNAVAILABLE
    refusal = Failure.CONFIRMATION_REFUSED
    if row[0] >= settings.SMDP_CONFIRMATION_ATTEMPTS:
        refusal = Failure.CONFIRMATION_EXHAUSTED
        fail(found.profile_id, found.order_number, refusal, now)
    progress.note(found, Point.CONFIRMATION, found.eid, refusal, now)
    return refusal


def deliver(found: Download, otpk: bytes, bound: bytes, now: datetime) -> bool:
    """Bind the profile to the eUICC. False, and nothing written, where another eUICC or the operator was quicker."""
    key = (found.profile_id, found.order_number, found.eid)
    try:
        with whole():
            profile = (_DELIVER, (found.eid, found.transaction_id, at(now), *key))
            # Without any row of the second, it was cancelled at this moment.
            if 0 in changed(profile, (_DELIVERED, (otpk, bound, found.transaction_id))):
                raise Undo
            if found.confirmation_hash is not None:
                progress.note(found, Point.CONFIRMATION, found.eid, None, now)
            progress.note(found, Point.DOWNLOAD, found.eid, None, now)
    except Undo:
        return False
    return True


# --- how it ended ---------------------------------------------------------------------------------------------------

_FAIL = """UPDATE carrier_smdp_profile SET state = 'error', failure = %s, changed_at = %s
    WHERE id = %s AND order_number = %s AND state IN ('released', 'downloaded')"""
_FAIL_OF = _FAIL + " AND eid IN ('', %s)"
_NOT_INSTALLED = _FAIL + " AND eid = %s AND transaction_id = %s"
_INSTALLED = """UPDATE carrier_smdp_profile SET state = 'installed', failure = '', changed_at = %s
    WHERE id = %s AND order_number = %s AND eid = %s AND transaction_id <> '' AND state IN ('downloaded', 'error')"""
_CANCEL = """UPDATE carrier_smdp_session SET stage = 'cancelled'
    WHERE transaction_id = %s AND stage IN ('authenticated', 'delivered')"""
_SWEEP = """DELETE FROM carrier_smdp_session WHERE transaction_id IN (
    SELECT transaction_id FROM carrier_smdp_session WHERE created_at < %s ORDER BY created_at LIMIT %s{})"""


def fail(profile_id: int, order_number: int, failure: Failure, now: datetime) -> None:
    """End the order in Error, unless it has ended."""
    run(_FAIL, (failure.value.short, at(now), profile_id, order_number))


def cancel(found: Download, failure: Failure | None, now: datetime) -> None:
    """The phone gave the download up; with `failure` for good. Again changes nothing."""
    with whole():
        _cancel(found, failure, now)


def _cancel(found: Download, failure: Failure | None, now: datetime) -> None:
    _lock(found.profile_id)
    if not run(_CANCEL, (found.transaction_id,)).rowcount or failure is None:
        return
    key = (found.profile_id, found.order_number, found.eid)
    if not run(_FAIL_OF, (failure.value.short, at(now), *key)).rowcount:
        return
    point = Point.DOWNLOAD if found.stage == Stage.AUTHENTICATED else Point.INSTALLATION
    progress.note(found, point, found.eid, failure, now)


def installed(found: Download, now: datetime) -> bool:
    """In the transaction at hand: the eUICC has it. False where that changes nothing (any more)."""
    values = (at(now), found.profile_id, found.order_number, found.eid)
    return bool(run(_INSTALLED, values, last=True).rowcount)


def not_installed(found: Download, failure: Failure, now: datetime) -> bool:
    """In the transaction at hand: it could not install what was handed out last. False where that changes nothing."""
    key = (found.profile_id, found.order_number, found.eid, found.transaction_id)
    return bool(run(_NOT_INSTALLED, (failure.value.short, at(now), *key), last=True).rowcount)


def _lock(profile_id: int) -> None:
    # Always the profile before its sessions, or two calls of one phone could wait for each other.
    if locks():
        run("SELECT 1 FROM carrier_smdp_profile WHERE id = %s FOR UPDATE", (profile_id,))


def sweep(now: datetime) -> int:
    """Delete some of the sessions whose results nobody waits for any more. Returns how many there were."""
    old = now - timedelta(days=settings.SMDP_KEPT_DAYS)
    statement = _SWEEP.format(" FOR UPDATE SKIP LOCKED" if locks() else "")
    return int(run(statement, (at(old), _SWEPT_AT_ONCE)).rowcount)
