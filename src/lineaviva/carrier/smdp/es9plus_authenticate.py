"""ES9+.InitiateAuthentication and ES9+.AuthenticateClient (SGP.22 5.6.1 and 5.6.3)."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings

from lineaviva.carrier.smdp import crypto, der, offers, requests, serving, transactions
from lineaviva.carrier.smdp.certs import Euicc, Server, Untrusted
from lineaviva.carrier.smdp.der import DerError, Tlv
from lineaviva.carrier.smdp.euicc_info import Abilities, Info, read_abilities, read_info
from lineaviva.carrier.smdp.failures import Failed, Failure
from lineaviva.carrier.smdp.offers import Candidate, Offer

_INFO1, _INFO2 = 0xBF20, 0xBF22
_SIGNATURE, _OTPK = 0x5F37, 0x5F49
_OK, _ERROR = 0xA0, 0xA1
_CI_UNKNOWN_TO_EUICC = 7
_UNTRUSTED = {
    "ci_unknown": Failure.CI_UNKNOWN,
    "eum_signature": Failure.EUM_UNVERIFIED,
    "eum_expired": Failure.EUM_EXPIRED,
    "euicc_signature": Failure.EUICC_UNVERIFIED,
    "euicc_expired": Failure.EUICC_EXPIRED,
    "eid_mismatch": Failure.EUICC_UNVERIFIED,
    "eid_out_of_range": Failure.EUICC_UNVERIFIED,
}


class Signed(NamedTuple):
    """euiccSigned1, its signature being right, taken apart."""

    info: Info
    abilities: Abilities
    matching_id: str


def initiate_authentication(body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Sign the eUICC's challenge under a CI that it knows."""
    address = requests.text(body, "smdpAddress")
    if not serving.is_address(address):
        raise Failed(Failure.ADDRESS_REFUSED, "smdpAddress")
    challenge = requests.octets(body, "euiccChallenge")
    if len(challenge) != transactions.CHALLENGE:
        raise Failed(Failure.FORMAT, "euiccChallenge")
    info = read_info(der.children(requests.tlv(body, "euiccInfo1", _INFO1)))
    server, ci = _chosen(info)
    key = serving.transaction_key()
    transaction_id = transactions.made(key, now)
    ours = transactions.challenge(key, transaction_id, info.svn, server.ci.subject_key_id, ci)
    write = der.write
    signed = write(
        0x30, write(0x80, transaction_id), write(0x81, challenge), write(0x83, address.encode()), write(0x84, ours)
    )
    return {
        "transactionId": requests.named(transaction_id),
        "serverSigned1": requests.encoded(signed),
        "serverSignature1": requests.encoded(der.write(_SIGNATURE, server.auth.sign(signed))),
        "euiccCiPKIdToBeUsed": requests.encoded(der.write(0x04, ci)),
        "serverCertificate": requests.encoded(server.auth.certificate.der),
    }


def authenticate_client(body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Believe the eUICC or not, and offer it the profile that its order names."""
    transaction_id = requests.transaction_id(body)
    key = serving.transaction_key()
    if not transactions.is_open(key, transaction_id, settings.SMDP_SESSION_SECONDS, now):
        raise Failed(Failure.TRANSACTION_UNKNOWN, "transactionId")
    euicc, euicc_signed, signature = _authentic(requests.tlv(body, "authenticateServerResponse", 0xBF38), now)
    signed, server = _as_agreed(euicc_signed, transaction_id, key)
    candidate = Candidate(
        transaction_id=transaction_id.hex(),
        eid=euicc.eid,
        matching_id=signed.matching_id,
        abilities=signed.abilities,
        ci=server.ci.subject_key_id,
        point=euicc.certificate.point,
        curve=euicc.certificate.curve.name,
    )
    smdp_signed = smdp_signature = b""

    def sign(offer: Offer) -> bytes:
        nonlocal smdp_signed, smdp_signature
        smdp_signed = _smdp_signed(transaction_id, offer)
        smdp_signature = server.pb.sign(smdp_signed + der.write(_SIGNATURE, signature))
        return smdp_signature

    offer = offers.begin(candidate, sign, now)
    crypto.remember(euicc.certificate.point, euicc.certificate.curve, euicc.public_key)
    return {
        "transactionId": requests.named(transaction_id),
        "profileMetadata": requests.encoded(offer.metadata),
        "smdpSigned2": requests.encoded(smdp_signed),
        "smdpSignature2": requests.encoded(der.write(_SIGNATURE, smdp_signature)),
        "smdpCertificate": requests.encoded(server.pb.certificate.der),
    }


def _chosen(info: Info) -> tuple[Server, bytes]:
    """The CI under which the server signs, and the one under which the eUICC is to."""
    if not info.supported:
        raise Failed(Failure.SVN_UNSUPPORTED, "euiccInfo1")
    ci = info.signing_ci(serving.store())
    if ci is None:
        raise Failed(Failure.CI_UNSUPPORTED, "euiccInfo1")
    server = info.server(serving.store())
    if server is None:
        raise Failed(Failure.CERTIFICATE_UNAVAILABLE, "euiccInfo1")
    return server, ci


def _authentic(response: Tlv, now: datetime) -> tuple[Euicc, Tlv, bytes]:
    """The eUICC, euiccSigned1 and euiccSignature1, once its certificates and its signature are right."""
    choices = der.children(response)
    if len(choices) != 1 or choices[0].tag not in (_OK, _ERROR):
        raise DerError("no AuthenticateServerResponse")
    choice = choices[0]
    if choice.tag == _ERROR:
        code = der.to_integer(der.one(choice, 0x02))
        raise Failed(Failure.CI_UNKNOWN if code == _CI_UNKNOWN_TO_EUICC else Failure.EUICC_GAVE_UP)
    parts = der.children(choice)
    if [part.tag for part in parts] != [0x30, _SIGNATURE, 0x30, 0x30]:
        raise DerError("no AuthenticateResponseOk")
    signed, signature, certificate, maker = parts
    try:
        euicc = serving.trust().check(certificate.raw, maker.raw, now)
    except Untrusted as distrust:
        raise Failed(_failure(distrust)) from None
    if not crypto.verify(euicc.public_key, signature.value, signed.raw):
        raise Failed(Failure.EUICC_SIGNATURE, "euiccSignature1")
    return euicc, signed, signature.value


def _failure(distrust: Untrusted) -> Failure:
    bad = Failure.EUM_UNVERIFIED if distrust.whose == "eum" else Failure.EUICC_UNVERIFIED
    return _UNTRUSTED.get(distrust.kind, bad)


def _as_agreed(euicc_signed: Tlv, transaction_id: bytes, key: bytes) -> tuple[Signed, Server]:
    """What the eUICC signed, if that is what it was asked to sign, and the server that asked."""
    parts = der.children(euicc_signed)
    if der.one(parts, 0x80).value != transaction_id:
        raise Failed(Failure.TRANSACTION_UNKNOWN, "euiccSigned1")
    if not serving.is_address(der.to_utf8(der.one(parts, 0x83))):
        raise Failed(Failure.EUICC_SIGNATURE, "euiccSigned1")
    info2 = der.children(der.one(parts, _INFO2))
    info = read_info(info2)
    server, ci = _chosen(info)
    ours = transactions.challenge(key, transaction_id, info.svn, server.ci.subject_key_id, ci)
    if not hmac.compare_digest(der.one(parts, 0x84).value, ours):
        # Another challenge, or another version or other CIs than in euiccInfo1.
        raise Failed(Failure.EUICC_SIGNATURE, "euiccSigned1")
    context = der.children(der.one(parts, 0xA0))
    der.one(context, 0xA1)  # deviceInfo
    return Signed(info, read_abilities(info2), _matching_id(der.maybe(context, 0x80))), server


def _matching_id(found: Tlv | None) -> str:
    matching_id = der.to_utf8(found) if found else ""
    if not requests.is_storable(matching_id):
        raise Failed(Failure.MATCHING_ID_REFUSED)
    return matching_id


def _smdp_signed(transaction_id: bytes, offer: Offer) -> bytes:
    otpk = der.write(_OTPK, offer.otpk) if offer.otpk else b""
    return der.write(0x30, der.write(0x80, transaction_id), der.boolean(offer.needs_confirmation), otpk)
