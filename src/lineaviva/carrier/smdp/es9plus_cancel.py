"""ES9+.CancelSession (SGP.22 5.6.5): the end user or the device gives a download up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lineaviva.carrier.smdp import crypto, der, downloads, requests, serving
from lineaviva.carrier.smdp.der import DerError, Tlv
from lineaviva.carrier.smdp.downloads import Download
from lineaviva.carrier.smdp.failures import Failed, Failure
from lineaviva.carrier.smdp.models import Stage

_SIGNATURE = 0x5F37
_OK, _ERROR = 0xA0, 0x81
_TRANSACTION_UNKNOWN_TO_EUICC = 5
# Put off, not refused: the order goes on waiting.
_POSTPONED, _TIMEOUT = 1, 2
_FAILURES = {
    0: Failure.USER_REFUSED,
    3: Failure.PPR_NOT_ALLOWED,
    4: Failure.METADATA_MISMATCH,
    5: Failure.BPP_EXECUTION,
}


def cancel_session(body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """End the session, and the order with it unless it was only put off."""
    transaction_id = requests.transaction_id(body)
    found = downloads.download(transaction_id.hex(), now)
    if found is None or found.expired:
        raise Failed(Failure.TRANSACTION_UNKNOWN, "transactionId")
    reason = _reason(requests.tlv(body, "cancelSessionResponse", 0xBF41), found, transaction_id)
    if found.stage != Stage.CANCELLED:
        failure = None if reason in (_POSTPONED, _TIMEOUT) else _FAILURES.get(reason, Failure.CANCELLED_OTHERWISE)
        downloads.cancel(found, failure, now)
    return {}


def _reason(response: Tlv, found: Download, transaction_id: bytes) -> int:
    choices = der.children(response)
    if len(choices) != 1 or choices[0].tag not in (_OK, _ERROR):
        raise DerError("no CancelSessionResponse")
    if choices[0].tag == _ERROR:
        unknown = der.to_integer(choices[0]) == _TRANSACTION_UNKNOWN_TO_EUICC
        raise Failed(Failure.TRANSACTION_UNKNOWN if unknown else Failure.EUICC_GAVE_UP)
    parts = der.children(choices[0])
    if [part.tag for part in parts] != [0x30, _SIGNATURE]:
        raise DerError("no CancelSessionResponseOk")
    signed, signature = parts
    if not crypto.verify(found.public_key, signature.value, signed.raw):
        raise Failed(Failure.EUICC_SIGNATURE, "euiccCancelSessionSignature")
    inner = der.children(signed)
    if der.one(inner, 0x80).value != transaction_id:
        raise Failed(Failure.TRANSACTION_UNKNOWN, "euiccCancelSessionSigned")
    server = serving.store().by_key_id(found.ci)
    if server is None or der.to_oid(der.one(inner, 0x81)) != server.oid:
        raise Failed(Failure.OID_OTHER, "smdpOid")
    return der.to_integer(der.one(inner, 0x82))
