"""ES9+.HandleNotification (SGP.22 5.6.4): what an eUICC did with a profile, in its own signed words.

A notification comes when the phone likes to send it: long after the session, twice, or after the phone has cancelled
what it had installed. What cannot be verified is dropped; nobody can do anything about it, least of all the phone.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from lineaviva.carrier.smdp import crypto, der, downloads, progress, requests, serving
from lineaviva.carrier.smdp.certs import Untrusted
from lineaviva.carrier.smdp.der import DerError, Tlv
from lineaviva.carrier.smdp.downloads import Download
from lineaviva.carrier.smdp.failures import Failed, Failure
from lineaviva.carrier.smdp.fast import at, run, whole
from lineaviva.carrier.smdp.models import Profile
from lineaviva.carrier.smdp.progress import Point
from lineaviva.carrier.smdp.states import Event, after

_RESULT, _RESULT_DATA, _METADATA, _SIGNATURE = 0xBF37, 0xBF27, 0xBF2F, 0x5F37
_KINDS = {0x80: "install", 0x40: "enable", 0x20: "disable", 0x10: "delete"}
_INSTALLED = "installed"
_KEEP = """INSERT INTO carrier_smdp_notice (digest, kind, eid, iccid, profile_id, sequence, result, raw, received_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (digest) DO NOTHING"""
_PHONE = {
    "enable": ("enabled", Point.ENABLED),
    "disable": ("disabled", Point.DISABLED),
    "delete": ("deleted", Point.DELETED),
}
log = logging.getLogger(__name__)


class Told(NamedTuple):
    """The profile whose operator is told."""

    profile_id: int
    operator: str


class Metadata(NamedTuple):
    """NotificationMetadata. `iccid` may be empty."""

    sequence: int
    kind: str
    iccid: str


def handle_notification(body: dict[str, Any], now: datetime) -> None:
    """Verify and keep it, and let it change what it says."""
    try:
        data = requests.octets(body, "pendingNotification")
        pending = der.read(data)
        if pending.tag == _RESULT:
            _installation(pending, now)
        elif pending.tag == 0x30:
            _other(pending, now)
        else:
            raise DerError("no PendingNotification")
    except (DerError, Failed) as refusal:
        log.warning("a notification was dropped: %s", type(refusal).__name__)
    except Untrusted as distrust:
        log.warning("a notification was dropped: the eUICC is not trusted (%s)", distrust.kind)


# --- installation results -------------------------------------------------------------------------------------------


def _installation(pending: Tlv, now: datetime) -> None:
    parts = der.children(pending)
    if [part.tag for part in parts] != [_RESULT_DATA, _SIGNATURE]:
        raise DerError("no ProfileInstallationResult")
    data, signature = parts
    inner = der.children(data)
    found = downloads.download(der.one(inner, 0x80).value.hex(), now)
    if found is None:
        log.warning("an installation result was dropped: its transaction is not known")
        return
    if not crypto.verify(found.public_key, signature.value, data.raw):
        raise Failed(Failure.EUICC_SIGNATURE)
    metadata = _metadata(der.one(inner, _METADATA))
    result = _result(der.one(inner, 0xA2))
    with whole():
        _settle(found, metadata, result, pending.raw, now)


def _settle(found: Download, metadata: Metadata, result: str, raw: bytes, now: datetime) -> None:
    """In the transaction at hand."""
    if not _kept(metadata, found.eid, found.iccid, found.profile_id, result, raw, now):
        return
    failure = None if result == _INSTALLED else Failure.BPP_EXECUTION
    if failure is None:
        changed = downloads.installed(found, now)
    else:
        changed = downloads.not_installed(found, failure, now)
    # Of one that was cancelled before it could not be installed, the operator has heard; of the reason it has not.
    if changed or failure:
        progress.note(found, Point.INSTALLATION, found.eid, failure, now, raw)


def _result(final: Tlv) -> str:
    """ "installed", or the command and the reason of the failure as "4/13"."""
    choices = der.children(final)
    if len(choices) != 1 or choices[0].tag not in (0xA0, 0xA1):
        raise DerError("no finalResult")
    if choices[0].tag == 0xA0:
        return _INSTALLED
    parts = der.children(choices[0])
    return f"{der.to_integer(der.one(parts, 0x80))}/{der.to_integer(der.one(parts, 0x81))}"[:20]


# --- enabled, disabled, deleted -------------------------------------------------------------------------------------


def _other(pending: Tlv, now: datetime) -> None:
    parts = der.children(pending)
    if [part.tag for part in parts] != [_METADATA, _SIGNATURE, 0x30, 0x30]:
        raise DerError("no OtherSignedNotification")
    signed, signature, certificate, maker = parts
    euicc = serving.trust().check(certificate.raw, maker.raw, now)
    if not crypto.verify(euicc.public_key, signature.value, signed.raw):
        raise Failed(Failure.EUICC_SIGNATURE)
    metadata = _metadata(signed)
    with transaction.atomic():
        profile_id = _said(euicc.eid, metadata, now)
        _kept(metadata, euicc.eid, metadata.iccid, profile_id, "", pending.raw, now)


def _said(eid: str, metadata: Metadata, now: datetime) -> int | None:
    """What the eUICC says of its profile, unless it has said something later. The profile, None if it has not this one.

    Whoever enables, disables or deletes a profile had it installed, also where the result of that never came.
    """
    profile = Profile.objects.select_for_update().filter(iccid=metadata.iccid, eid=eid).first()
    if profile is None:
        return None
    if metadata.kind == "install":
        return profile.pk
    told = Told(profile.pk, profile.operator)
    state = after(profile.state, Event.INSTALL) if profile.transaction_id else None
    if state is not None:
        profile.state, profile.failure = state, ""
        progress.note(told, Point.INSTALLATION, eid, None, now)
    if metadata.sequence > profile.phone_sequence:
        profile.phone, point = _PHONE[metadata.kind]
        profile.phone_sequence = metadata.sequence
        if profile.transaction_id:
            progress.note(told, point, eid, None, now)
    profile.changed_at = now
    profile.save(update_fields=["phone", "phone_sequence", "state", "failure", "changed_at"])
    return profile.pk


def _metadata(tlv: Tlv) -> Metadata:
    parts = der.children(tlv)
    number, profile_operation, address = der.these(parts, 0x80, 0x81, 0x0C)
    operation = profile_operation.value
    if len(operation) != 2 or operation[0] > 7 or operation[1] not in _KINDS:
        raise DerError("no one operation")
    der.to_utf8(address)
    sequence = der.to_integer(number)
    if not 0 <= sequence < 1 << 63:
        raise DerError("no sequence number")
    iccid = der.maybe(parts, 0x5A)
    return Metadata(sequence, _KINDS[operation[1]], digits(iccid.value) if iccid else "")


def digits(swapped: bytes) -> str:
    """The ICCID of its ten bytes, whose half bytes are swapped and whose 20th may be a filler."""
    pairs = swapped.hex().upper()
    # Every second digit and every first, in turns.
    text = "".join(map("".join, zip(pairs[1::2], pairs[::2], strict=True))).removesuffix("F")
    if len(swapped) != 10 or not text.isdigit():
        raise DerError("no ICCID")
    return text


def _kept(
    metadata: Metadata, eid: str, iccid: str, profile_id: int | None, result: str, raw: bytes, now: datetime
) -> bool:
    """Keep it. False where it was kept already."""
    row = (hashlib.sha256(raw).hexdigest(), metadata.kind, eid, iccid, profile_id, metadata.sequence, result, raw)
    return bool(run(_KEEP, (*row, at(now))).rowcount)
