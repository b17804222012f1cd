"""The software eUICC: the part of SGP.22's ES10b that authenticates, agrees on keys, signs and cancels.

What a download needs while it runs is in `Session`, in memory only; what must outlast it is in the phone's `State`.
Installing is in `loading`, enabling and deleting in `switching`.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from datetime import datetime

from lineaviva.carrier.smdp import crypto, der
from lineaviva.carrier.smdp.certificates import Certificate, Role
from lineaviva.carrier.smdp.crypto import Vault, VaultError
from lineaviva.sandbox.phone import checks, messages
from lineaviva.sandbox.phone.checks import Failed
from lineaviva.sandbox.phone.errors import ChipRefused
from lineaviva.sandbox.phone.identity import Credentials, Identity
from lineaviva.sandbox.phone.store import Notification, OneTimeKey, State

_ONE_TIME = b"phone one-time key"


@dataclass(frozen=True)
class Prepared:
    """What the chip and the server agreed on for one package. `private` is the one-time key to the point `otpk`."""

    credentials: Credentials
    dp_pb: Certificate
    otpk: bytes
    private: crypto.PrivateKey = field(repr=False)


@dataclass
class Session:
    """One download, from the challenge on. `signature1` is the chip's own, which the server signs over in turn."""

    challenge: bytes
    credentials: Credentials | None = None
    transaction_id: bytes = b""
    address: str = ""
    dp_auth: Certificate | None = None
    signature1: bytes = b""
    prepared: Prepared | None = None


class Euicc:
    """The chip: `identity` is burnt in, `state` is its memory. Whoever calls saves the state afterwards."""

    def __init__(self, identity: Identity, state: State) -> None:
        self.identity, self.state = identity, state
        self.session = Session(b"")

    # --- ES10b: authentication and download (SGP.22 5.7) ---------------------------------------------------------

    def challenge(self) -> bytes:
        """GetEUICCChallenge: 16 random bytes; a new session begins."""
        self.session = Session(os.urandom(16))
        return self.session.challenge

    def info1(self) -> bytes:
        """GetEUICCInfo1."""
        return messages.euicc_info1(self._ci_key_ids())

    def authenticate_server(
        self,
        signed: messages.ServerSigned1,
        signature: bytes,
        ci_key_id: bytes,
        certificate: bytes,
        *,
        matching_id: str,
        now: datetime,
    ) -> bytes:
        """AuthenticateServer (5.7.13): check the server and sign. ChipRefused with the chip's answer where it fails."""
        try:
            return self._authenticate(signed, signature, ci_key_id, certificate, matching_id, now)
        except Failed as failed:
            answer = der.write(0xA1, der.write(0x80, signed.transaction_id), der.integer(failed.number))
            raise ChipRefused(failed.name, failed.sentence, der.write(0xBF38, answer)) from None

    def _authenticate(
        self,
        signed: messages.ServerSigned1,
        signature: bytes,
        ci_key_id: bytes,
        certificate: bytes,
        matching_id: str,
        now: datetime,
    ) -> bytes:
        credentials = self.identity.under(ci_key_id)
        if credentials is None:
            raise Failed("ci_unknown", checks.CI_UNKNOWN, "The server chose an issuer that this chip does not know.")
        server = checks.server_certificate(certificate, credentials.ci, Role.DP_AUTH, now)
        checks.signature(server, signature, signed.raw, "server_signature1")
        if signed.challenge != self.session.challenge or not self.session.challenge:
            raise Failed(
                "challenge", checks.CHALLENGE_MISMATCH, "The server signed another challenge than this chip's."
            )
        euicc_signed = self._signed1(signed, matching_id)
        own = messages.signed(crypto.sign(credentials.key, euicc_signed))
        session = self.session
        session.credentials, session.dp_auth, session.signature1 = credentials, server, own
        session.transaction_id, session.address = signed.transaction_id, signed.address
        answer = der.write(0xA0, euicc_signed, own, credentials.euicc.der, credentials.eum.der)
        return der.write(0xBF38, answer)

    def _signed1(self, signed: messages.ServerSigned1, matching_id: str) -> bytes:
        info2 = messages.euicc_info2(
            self._ci_key_ids(), installed=len(self.state.profiles), free=max(self.state.free, 0)
        )
        return der.write(
            0x30,
            der.write(0x80, signed.transaction_id),
            der.utf8(signed.address, 0x83),
            der.write(0x84, signed.server_challenge),
            info2,
            messages.context(matching_id),
        )

    def prepare_download(
        self, signed: messages.ServerSigned2, signature: bytes, certificate: bytes, code_hash: bytes, now: datetime
    ) -> bytes:
        """PrepareDownload (5.7.5): check the binding part of the server, make or take up a one-time key, and sign.

        `code_hash` is the hash of the confirmation code, or empty.
        """
        try:
            return self._prepare(signed, signature, certificate, code_hash, now)
        except Failed as failed:
            answer = der.write(0xA1, der.write(0x80, signed.transaction_id), der.integer(failed.number))
            raise ChipRefused(failed.name, failed.sentence, der.write(0xBF21, answer)) from None

    def _prepare(
        self, signed: messages.ServerSigned2, signature: bytes, certificate: bytes, code_hash: bytes, now: datetime
    ) -> bytes:
        session, credentials = self.session, self.session.credentials
        if credentials is None or session.dp_auth is None:
            raise Failed("no_session", checks.NO_SESSION, "No server has authenticated itself to this chip.")
        server = checks.server_certificate(certificate, credentials.ci, Role.DP_PB, now)
        if server.oid != session.dp_auth.oid:
            raise Failed(
                "dp_pb_oid",
                checks.INVALID_CERTIFICATE,
                "The profile is signed by another server than answered.",
            )
        checks.signature(server, signature, signed.raw + session.signature1, "smdp_signature2")
        if signed.transaction_id != session.transaction_id:
            raise Failed("signed2_transaction", checks.INVALID_TRANSACTION, "The server mixes up two downloads.")
        private, otpk = self._one_time_key(signed, server)
        session.prepared = Prepared(credentials, server, otpk, private)
        parts = [der.write(0x80, session.transaction_id), der.write(0x5F49, otpk)]
        euicc_signed = der.write(0x30, *parts, der.write(0x04, code_hash) if code_hash else b"")
        own = crypto.sign(credentials.key, euicc_signed + messages.signed(signature))
        return der.write(0xBF21, der.write(0xA0, euicc_signed, messages.signed(own)))

    def _one_time_key(self, signed: messages.ServerSigned2, server: Certificate) -> tuple[crypto.PrivateKey, bytes]:
        """The pair of an unfinished download that the server bound the profile to already, or a new one (5.7.5)."""
        kept = self.state.one_time_key
        if kept and kept.oid == server.oid and signed.euicc_otpk == bytes.fromhex(kept.point):
            try:
                number = self._vault().open(base64.b64decode(kept.sealed), _ONE_TIME)
            except VaultError:
                pass
            else:
                return crypto.otpk_private(number, server.curve), bytes.fromhex(kept.point)
        private, point = crypto.otpk_make(server.curve)
        sealed = base64.b64encode(self._vault().seal(crypto.otpk_number(private), _ONE_TIME)).decode()
        self.state.one_time_key = OneTimeKey(point.hex(), sealed, server.oid or "")
        return private, point

    def _vault(self) -> Vault:
        """Sealed with the chip's first private key, so that the one-time key is on disk for nobody else."""
        return Vault(crypto.otpk_number(self.identity.credentials[0].key))

    def cancel_session(self, reason: int) -> bytes:
        """CancelSession (5.7.14): the signed word that this download is over, for the server."""
        session = self.session
        if session.credentials is None or session.dp_auth is None:
            return der.write(0xBF41, der.integer(checks.UNDEFINED, 0x81))
        oid = der.oid(session.dp_auth.oid or "", 0x81)
        signed = der.write(0x30, der.write(0x80, session.transaction_id), oid, der.integer(reason, 0x82))
        own = messages.signed(crypto.sign(session.credentials.key, signed))
        self.session = Session(b"")
        return der.write(0xBF41, der.write(0xA0, signed, own))

    # --- notifications (SGP.22 3.5, 5.7.10) ----------------------------------------------------------------------

    def keep_notification(self, event: str, address: str, iccid: str, now: datetime, *, ci: str) -> Notification:
        """Sign and keep an OtherSignedNotification for `address`, under the CI with this key identifier."""
        number = self.take_number()
        told = messages.notification(number, messages.EVENTS[event], address, iccid)
        one = self.identity.under(bytes.fromhex(ci)) or self.identity.credentials[0]
        own = messages.signed(crypto.sign(one.key, told))
        return self.keep(number, event, address, iccid, der.write(0x30, told, own, one.euicc.der, one.eum.der), now)

    def take_number(self) -> int:
        """The next sequence number; none is ever given twice."""
        number = self.state.next_number
        self.state.next_number += 1
        return number

    def keep(self, number: int, event: str, address: str, iccid: str, pending: bytes, now: datetime) -> Notification:
        """Keep one signed notification until a server has taken it."""
        kept = Notification(number, event, address, iccid, base64.b64encode(pending).decode(), now.isoformat())
        self.state.notifications.append(kept)
        return kept

    def _ci_key_ids(self) -> list[bytes]:
        return [one.ci.subject_key_id for one in self.identity.credentials]
