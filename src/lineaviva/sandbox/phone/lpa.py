"""The phone's LPA: takes a profile from an SM-DP+ to the chip, and the chip's notifications to the SM-DP+.

The way is that of SGP.22 v2.2.2 3.1.3 (download with an activation code) and 3.5 (notifications). What the LPA refuses
after both sides know each other it cancels with the reason that fits (3.0.2), so that the server can free the profile.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lineaviva.carrier.smdp.der import DerError, expect
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.sandbox.phone import loading, messages
from lineaviva.sandbox.phone.checks import same_address
from lineaviva.sandbox.phone.errors import Cheated, ChipRefused, OperatorRefused, PhoneError, Unreachable
from lineaviva.sandbox.phone.euicc import Euicc
from lineaviva.sandbox.phone.loading import Package
from lineaviva.sandbox.phone.messages import Metadata, ServerSigned1, ServerSigned2
from lineaviva.sandbox.phone.store import Profile
from lineaviva.sandbox.phone.wire import Answer, Server, encoded

# CancelSessionReason (SGP.22 5.7.14). Only what is postponed stays there to be downloaded later.
REJECTED, POSTPONED, PPR_NOT_ALLOWED, METADATA_MISMATCH, LOAD_ERROR, UNDEFINED = 0, 1, 3, 4, 5, 127

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What the holder gives: the activation code, the operator's confirmation code, and consent to the rules.

    `reject`: look at what is offered and then say no.
    """

    code: ActivationCode
    confirmation_code: str = field(default="", repr=False)
    accept_rules: bool = False
    reject: bool = False


class _Stop(Exception):
    """The LPA does not go on: `reason` is for the server, `error` for the holder."""

    def __init__(self, reason: int, error: PhoneError) -> None:
        super().__init__(error.message)
        self.reason, self.error = reason, error


class Lpa:
    """`save` writes the chip's memory; `say` is told each step in a sentence. One object per command."""

    def __init__(self, chip: Euicc, trusted: ssl.SSLContext, save: Callable[[], None], say: Say) -> None:
        self._chip, self._trusted, self._save, self._say = chip, trusted, save, say

    def download(self, wish: Wish, now: datetime) -> Profile:
        """Take the profile of `wish` onto the chip. The notification of it is kept, not sent.

        Raises Unreachable, OperatorRefused, Cheated, ChipRefused or another PhoneError; then nothing is installed.
        """
        if wish.code.needs_confirmation and not wish.confirmation_code:
            raise _code_missing()
        with self._server(wish.code.host) as server:
            download = _Download(self._chip, server, wish, now, self._say)
            try:
                package = download.fetch(self._save)
            except _Stop as stop:
                self._cancel(server, stop.reason)
                raise stop.error from None
        return self._install(package, now)

    def _server(self, address: str) -> Server:
        """A connection to the SM-DP+ at `address`, to be closed after its use."""
        return Server(address, self._trusted)

    def _install(self, package: Package, now: datetime) -> Profile:
        profile, failed = loading.load(self._chip, package, now)
        self._save()
        if failed is not None:
            code = {"memory": "no_memory", "already_installed": "already_installed"}.get(failed.check)
            raise ChipRefused(failed.check, failed.sentence, b"", code)
        assert profile is not None  # noqa: S101 - load gives one or the other
        pieces = len(package.configure) + len(package.metadata) + len(package.replace) + len(package.elements)
        self._say(f"Checked {pieces} pieces, decrypted {profile.size} bytes, installed as number {profile.slot}.")
        return profile

    def _cancel(self, server: Server, reason: int) -> None:
        """Tell the server; that it does not listen changes nothing for the phone."""
        transaction = self._chip.session.transaction_id.hex().upper()
        body = {"transactionId": transaction, "cancelSessionResponse": encoded(self._chip.cancel_session(reason))}
        with suppress(PhoneError):
            server.call("cancelSession", body)
        self._say("Told the server that the download is cancelled.")

    def send_notifications(self) -> int:
        """Hand over what waits, oldest first, and forget what was taken; how many were. What fails is told and kept."""
        sent, deaf = 0, set[str]()
        for waiting in sorted(self._chip.state.notifications, key=lambda one: one.number):
            address = waiting.address.lower()
            if address in deaf:
                continue
            try:
                with self._server(waiting.address) as server:
                    server.notify(waiting.bytes)
            except (Unreachable, Cheated) as failure:
                # Later ones to the same server would overtake this one.
                deaf.add(address)
                self._say(f"A notification is kept for later: {failure.message}")
            else:
                self._chip.state.notifications.remove(waiting)
                self._save()
                sent += 1
        return sent


class _Download:
    """The calls of one download, each reply checked before the next."""

    def __init__(self, chip: Euicc, server: Server, wish: Wish, now: datetime, say: Say) -> None:
        self._chip, self._server, self._wish, self._now, self._say = chip, server, wish, now, say
        self._transaction = b""

    def fetch(self, save: Callable[[], None]) -> Package:
        """The bound package, its outside checked. Raises _Stop where the session is to be cancelled."""
        answer = self._ask("authenticateClient", authenticateServerResponse=encoded(self._initiate()))
        # From here on the server knows the chip, and so can be told.
        try:
            return self._bound(answer, save)
        except Cheated as cheated:
            raise _Stop(UNDEFINED, cheated) from None

    def _bound(self, answer: Answer, save: Callable[[], None]) -> Package:
        self._same_transaction(answer)
        metadata: Metadata = _read(answer, "profileMetadata", messages.metadata)
        signed2: ServerSigned2 = _read(answer, "smdpSigned2", messages.server_signed2)
        self._say(f"Offered: {metadata.name or 'a profile'} of {metadata.provider or 'an unnamed operator'}.")
        self._consent(metadata, signed2)
        prepared = self._prepare(answer, signed2)
        # The one-time key must outlast this process: the server may bind the profile to it and the answer get lost.
        save()
        self._say("Downloading the profile ...")
        reply = self._ask("getBoundProfilePackage", prepareDownloadResponse=encoded(prepared))
        self._same_transaction(reply)
        return self._package(reply, metadata)

    def _initiate(self) -> bytes:
        """Both sides' challenges; returns the chip's signed answer to the server's (3.0.1)."""
        host, challenge = self._wish.code.host, self._chip.challenge()
        body = {
            "euiccChallenge": encoded(challenge),
            "euiccInfo1": encoded(self._chip.info1()),
            "smdpAddress": host,
        }
        answer = self._server.call("initiateAuthentication", body)
        self._say(f"Reached {host} over TLS, with a certificate that is trusted.")
        self._transaction = answer.transaction_id()
        signed1: ServerSigned1 = _read(answer, "serverSigned1", messages.server_signed1)
        if signed1.transaction_id != self._transaction:
            raise Cheated("signed1_transaction", "The server's signed answer is from another download; try again.")
        if not same_address(signed1.address, host):
            raise Cheated("server_address", f"The server that answers is not {host}; do not use this activation code.")
        response = self._chip_answer(answer, signed1)
        self._same_server()
        return response

    def _chip_answer(self, answer: Answer, signed1: ServerSigned1) -> bytes:
        try:
            return self._chip.authenticate_server(
                signed1,
                _read(answer, "serverSignature1", messages.signature),
                _read(answer, "euiccCiPKIdToBeUsed", lambda data: expect(data, 0x04).value),
                answer.der("serverCertificate"),
                matching_id=self._wish.code.matching_id,
                now=self._now,
            )
        except ChipRefused as refused:
            # The server shall learn of it; what it says to that is of no interest (5.6.3).
            with suppress(PhoneError):
                self._ask("authenticateClient", authenticateServerResponse=encoded(refused.response))
            raise

    def _same_server(self) -> None:
        """The server's identifier against that of the activation code, where it has one (3.1.3)."""
        certificate, wanted = self._chip.session.dp_auth, self._wish.code.oid
        oid = certificate.oid if certificate else None
        if wanted and oid != wanted:
            raise Cheated("code_oid", "The server is not the one that the activation code names; do not use it.")
        self._say(f"The server proved who it is: SM-DP+ {oid}.")

    def _consent(self, metadata: Metadata, signed2: ServerSigned2) -> None:
        """The profile's rules, and the confirmation code (3.1.3.1)."""
        if metadata.ppr & messages.PPR1:
            error = ChipRefused("ppr", "The profile would forbid disabling it, which this phone does not allow.", b"")
            raise _Stop(PPR_NOT_ALLOWED, error)
        if metadata.ppr & messages.PPR2 and not self._wish.accept_rules:
            sentence = "The operator forbids deleting this profile later; if you agree, add --accept-rules."
            raise _Stop(POSTPONED, PhoneError(sentence, code="rules"))
        if self._wish.reject:
            raise _Stop(
                REJECTED, PhoneError("You said no to the profile; the operator has been told.", code="rejected")
            )
        if signed2.code_required and not self._wish.confirmation_code:
            raise _Stop(POSTPONED, _code_missing())

    def _prepare(self, answer: Answer, signed2: ServerSigned2) -> bytes:
        code = self._wish.confirmation_code if signed2.code_required else ""
        signature: bytes = _read(answer, "smdpSignature2", messages.signature)
        proof = code_hash(code, self._transaction) if code else b""
        try:
            return self._chip.prepare_download(signed2, signature, answer.der("smdpCertificate"), proof, self._now)
        except ChipRefused as refused:
            with suppress(PhoneError):
                self._ask("getBoundProfilePackage", prepareDownloadResponse=encoded(refused.response))
            raise

    def _package(self, reply: Answer, metadata: Metadata) -> Package:
        try:
            package: Package = _read(reply, "boundProfilePackage", loading.split)
            announced = loading.announced(package)
        except Cheated as damaged:
            raise _Stop(LOAD_ERROR, damaged) from None
        if announced != metadata.raw:
            error = Cheated(
                "metadata_mismatch", "The server sends another profile than it offered; nothing was installed."
            )
            raise _Stop(METADATA_MISMATCH, error)
        return package

    def _ask(self, function: str, **body: Any) -> Answer:
        return self._server.call(function, {"transactionId": self._transaction.hex().upper(), **body})

    def _same_transaction(self, answer: Answer) -> None:
        if answer.transaction_id() != self._transaction:
            raise Cheated("transaction", "The server answers for another download; nothing was installed.")


def code_hash(confirmation_code: str, transaction_id: bytes) -> bytes:
    """The proof that the holder knows the confirmation code, good for one download only (SGP.22 3.1.3, step 8)."""
    return hashlib.sha256(hashlib.sha256(confirmation_code.encode()).digest() + transaction_id).digest()


def _read(answer: Answer, name: str, reader: Callable[[bytes], Any]) -> Any:
    data = answer.der(name)
    try:
        return reader(data)
    except DerError:
        raise Cheated("answer", f"The server's answer is damaged: {name} is not what the standard asks for.") from None


def _code_missing() -> OperatorRefused:
    return OperatorRefused(
        "The operator asks for a confirmation code; give it with --confirmation-code.", subject="8.2.7", reason="2.2"
    )
