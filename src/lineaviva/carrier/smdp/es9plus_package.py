"""ES9+.GetBoundProfilePackage (SGP.22 5.6.2): the profile, bound to one eUICC and one session."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any, NamedTuple

from lineaviva.carrier.smdp import crypto, der, downloads, packages, requests, sealing, serving, stock
from lineaviva.carrier.smdp.bsp import Keys
from lineaviva.carrier.smdp.certs import Server
from lineaviva.carrier.smdp.der import DerError, Tlv
from lineaviva.carrier.smdp.downloads import Download, Prepared
from lineaviva.carrier.smdp.failures import Failed, Failure
from lineaviva.carrier.smdp.packages import Ppp

_SIGNATURE, _OTPK, _HASH = 0x5F37, 0x5F49, 0x04
_OK, _ERROR = 0xA0, 0xA1
# The server's name in the key derivation (SGP.22 annex G): any will do, both sides read it from the package.
_HOST_ID = b"lineaviva"


class Said(NamedTuple):
    """euiccSigned2, its signature being right: the eUICC's one-time key, and the hash of the code that was typed."""

    otpk: bytes
    hash_cc: bytes | None


def get_bound_profile_package(body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Bind the profile to the eUICC's one-time key; the server's own is gone when this returns."""
    transaction_id = requests.transaction_id(body)
    row = downloads.prepared(transaction_id.hex(), now)
    if row is None or not row[0].is_open:
        raise Failed(Failure.TRANSACTION_UNKNOWN, "transactionId")
    found, package = row
    server = serving.store().by_key_id(found.ci)
    if server is None:  # its certificates were taken away since
        raise Failed(Failure.PROFILE_UNAVAILABLE)
    said = _said(requests.tlv(body, "prepareDownloadResponse", 0xBF21), found, transaction_id)
    try:
        theirs = crypto.otpk_read(said.otpk, server.pb.certificate.public_key.curve)
    except ValueError:
        raise Failed(Failure.EUICC_SIGNATURE, "euiccOtpk") from None
    if not found.may_have_it:
        raise Failed(Failure.PROFILE_UNAVAILABLE)
    _confirmed(found, said, transaction_id, now)
    # A retry with the same one-time key is signed again, and all else in it is as it was.
    again = package.bound if package.otpk == said.otpk else None
    head = again or _head(found, package, server, theirs)
    bpp = packages.rebind(head, package.segments, transaction_id, said.otpk, server.pb.sign)
    if not downloads.deliver(found, said.otpk, head, now):
        raise Failed(Failure.PROFILE_UNAVAILABLE)
    return {"transactionId": requests.named(transaction_id), "boundProfilePackage": requests.encoded(bpp)}


def _said(response: Tlv, found: Download, transaction_id: bytes) -> Said:
    choices = der.children(response)
    if len(choices) != 1 or choices[0].tag not in (_OK, _ERROR):
        raise DerError("no PrepareDownloadResponse")
    parts = der.children(choices[0])
    if choices[0].tag == _ERROR:
        der.to_integer(der.one(parts, 0x02))
        raise Failed(Failure.EUICC_GAVE_UP)
    if [part.tag for part in parts] != [0x30, _SIGNATURE]:
        raise DerError("no PrepareDownloadResponseOk")
    signed, signature = parts
    message = signed.raw + der.write(_SIGNATURE, found.signature)
    if not crypto.verify(found.public_key, signature.value, message):
        raise Failed(Failure.EUICC_SIGNATURE, "euiccSignature2")
    inner = der.children(signed)
    if der.one(inner, 0x80).value != transaction_id:
        raise Failed(Failure.TRANSACTION_UNKNOWN, "euiccSigned2")
    hash_cc = der.maybe(inner, _HASH)
    return Said(der.one(inner, _OTPK).value, hash_cc.value if hash_cc else None)


def _confirmed(found: Download, said: Said, transaction_id: bytes, now: datetime) -> None:
    """The code was hashed, and the hash again with the transaction, so that nobody can say it twice (SGP.22 5.7.5)."""
    if found.confirmation_hash is None:
        return
    if said.hash_cc is None:
        raise Failed(Failure.CONFIRMATION_MISSING)
    expected = hashlib.sha256(found.confirmation_hash + transaction_id).digest()
    if not hmac.compare_digest(expected, said.hash_cc):
        raise Failed(downloads.confirmation_failed(found, now))


def _head(found: Download, package: Prepared, server: Server, otpk: crypto.PublicKey) -> bytes:
    """With a new one-time key of the server's, whose private half is forgotten at the end of this function."""
    keys = Keys.read(sealing.vault().open(package.keys, stock.keys_label(found.iccid)))
    private, ours = crypto.otpk_make(server.pb.certificate.public_key.curve)
    return packages.head(
        Ppp(keys, package.segments),
        package.metadata,
        shared_secret=crypto.shared_secret(private, otpk),
        host_id=_HOST_ID,
        eid=found.eid,
        otpk_dp=ours,
    )
