"""An eUICC and its LPA for tests: they do what SGP.22 says, and lie in any field when they are told to.

Not the sandbox's phone: this one checks nothing that it is sent, and can be made to send whatever a test wants.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lineaviva.carrier.smdp import bsp, ca, crypto, der, es9plus
from lineaviva.carrier.smdp.certs import Signer
from lineaviva.carrier.smdp.failures import Reply

ADDRESS = "smdp.test:8443"
CHALLENGE = bytes(range(16))
EVENTS = {"install": 0x80, "enable": 0x40, "disable": 0x20, "delete": 0x10}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    return base64.b64decode(text)


def swapped(iccid: str) -> bytes:
    """The ten bytes of an ICCID as a notification has them."""
    text = iccid if len(iccid) == 20 else iccid + "F"
    return bytes.fromhex("".join(text[i + 1] + text[i] for i in range(0, 20, 2)))


def flipped(data: bytes, at: int = -1) -> bytes:
    """The same with one bit changed."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def status(reply: Reply) -> str:
    """ "Executed-Success", or the subject and reason code of the refusal as "8.1/6.1"."""
    assert reply.status == 200
    assert reply.body is not None
    found = reply.body["header"]["functionExecutionStatus"]
    if found["status"] != "Failed":
        return str(found["status"])
    assert set(reply.body) == {"header"}, "a refusal says nothing else"
    data = found["statusCodeData"]
    return f"{data['subjectCode']}/{data['reasonCode']}"


class Euicc:
    """One chip. `keys`: the CI keys it knows, in the order it likes them; its own certificate is under `authority`."""

    def __init__(
        self, authority: ca.Authority, now: datetime, eid: str = "", *, keys: Sequence[bytes] = (), **validity: Any
    ) -> None:
        self.eid = eid or ca.new_eid()
        self.signer: Signer = authority.euicc(self.eid, now=now, **validity)
        self.eum = authority.eum.certificate.der
        self.keys = list(keys) or [authority.ci.certificate.subject_key_id]
        self.curve = authority.ci.certificate.public_key.curve
        self.sequence = 0

    @property
    def certificate(self) -> bytes:
        return self.signer.certificate.der

    def sign(self, message: bytes) -> bytes:
        return der.write(0x5F37, self.signer.sign(message))

    # --- what it says of itself ---

    def lists(self, verification: Sequence[bytes] | None = None, signing: Sequence[bytes] | None = None) -> bytes:
        of = (self.keys if verification is None else verification, self.keys if signing is None else signing)
        return b"".join(
            der.write(tag, *(der.write(0x04, key) for key in keys)) for tag, keys in zip((0xA9, 0xAA), of, strict=True)
        )

    def info1(self, *, svn: bytes = b"\x02\x02\x00", **lists: Any) -> bytes:
        return der.write(0xBF20, der.write(0x82, svn), self.lists(**lists))

    def info2(
        self,
        *,
        svn: bytes = b"\x02\x02\x00",
        profile_version: bytes = b"\x02\x01\x00",
        memory: bytes | None = b"\x08\x00\x00",
        forbidden: bytes | None = None,
        **lists: Any,
    ) -> bytes:
        free = der.write(0x82, memory) if memory is not None else b""
        return der.write(
            0xBF22,
            der.write(0x81, profile_version),
            der.write(0x82, svn),
            der.write(0x83, b"\x01\x00\x00"),
            der.write(0x84, der.write(0x81, b"\x00"), free, der.write(0x83, b"\x40\x00")),
            der.write(0x85, b"\x05\x7f"),
            der.write(0x88, b"\x03\x98"),
            self.lists(**lists),
            der.write(0x99, forbidden) if forbidden is not None else b"",
            der.write(0x04, b"\x01\x00\x00"),
            der.utf8("LV-TEST-0001"),
        )

    # --- what it signs ---

    def authenticate(
        self,
        initiated: dict[str, Any],
        matching_id: str | None,
        *,
        transaction_id: bytes | None = None,
        address: str | None = None,
        challenge: bytes | None = None,
        info2: bytes | None = None,
        context: bytes | None = None,
        signature: bytes | None = None,
        certificate: bytes | None = None,
        eum: bytes | None = None,
        signed: bytes | None = None,
    ) -> bytes:
        """AuthenticateServerResponse (BF38)."""
        asked = {part.tag: part.value for part in der.children(der.read(unb64(initiated["serverSigned1"])))}
        device = der.write(0xA1, der.write(0x80, b"\x35\x29\x06\x11"), der.write(0xA1))
        matching = b"" if matching_id is None else der.utf8(matching_id, 0x80)
        signed = signed or der.write(
            0x30,
            der.write(0x80, asked[0x80] if transaction_id is None else transaction_id),
            der.write(0x83, asked[0x83] if address is None else address.encode()),
            der.write(0x84, asked[0x84] if challenge is None else challenge),
            self.info2() if info2 is None else info2,
            der.write(0xA0, matching, device) if context is None else context,
        )
        proof = self.sign(signed) if signature is None else signature
        own, maker = certificate or self.certificate, eum or self.eum
        return der.write(0xBF38, der.write(0xA0, signed, proof, own, maker))

    def prepare(
        self,
        authenticated: dict[str, Any],
        otpk: bytes,
        code: str | None = None,
        *,
        transaction_id: bytes | None = None,
        hash_cc: bytes | None = None,
        signature: bytes | None = None,
        smdp_signature: bytes | None = None,
        signed: bytes | None = None,
    ) -> bytes:
        """PrepareDownloadResponse (BF21)."""
        own = unb64(authenticated["smdpSigned2"])
        asked = der.one(der.read(own), 0x80).value
        if code is not None and hash_cc is None:
            hash_cc = hashlib.sha256(hashlib.sha256(code.encode()).digest() + asked).digest()
        signed = signed or der.write(
            0x30,
            der.write(0x80, asked if transaction_id is None else transaction_id),
            der.write(0x5F49, otpk),
            b"" if hash_cc is None else der.write(0x04, hash_cc),
        )
        message = signed + (smdp_signature or unb64(authenticated["smdpSignature2"]))
        return der.write(0xBF21, der.write(0xA0, signed, self.sign(message) if signature is None else signature))

    def cancel(
        self, transaction_id: bytes, reason: int, *, oid: str = ca.SERVER_OID, signature: bytes | None = None
    ) -> bytes:
        """CancelSessionResponse (BF41)."""
        signed = der.write(0x30, der.write(0x80, transaction_id), der.oid(oid, 0x81), der.integer(reason, 0x82))
        return der.write(0xBF41, der.write(0xA0, signed, self.sign(signed) if signature is None else signature))

    def metadata(self, event: str, iccid: str, sequence: int | None = None) -> bytes:
        """NotificationMetadata (BF2F)."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        return der.write(
            0xBF2F,
            der.integer(sequence, 0x80),
            der.write(0x81, bytes((EVENTS[event].bit_length() - 1, EVENTS[event]))),
            der.utf8(ADDRESS),
            der.write(0x5A, swapped(iccid)) if iccid else b"",
        )

    def result(
        self, transaction_id: bytes, iccid: str, error: tuple[int, int] | None = None, signature: bytes | None = None
    ) -> bytes:
        """ProfileInstallationResult (BF37); `error`: the command and the reason."""
        if error is None:
            final = der.write(0xA0, der.write(0x4F, bytes.fromhex("A0000005591010FFFFFFFF8900001000")), der.write(0x04))
        else:
            final = der.write(0xA1, der.integer(error[0], 0x80), der.integer(error[1], 0x81))
        data = der.write(
            0xBF27,
            der.write(0x80, transaction_id),
            self.metadata("install", iccid),
            der.oid(ca.SERVER_OID),
            der.write(0xA2, final),
        )
        return der.write(0xBF37, data, self.sign(data) if signature is None else signature)

    def said(
        self,
        event: str,
        iccid: str,
        *,
        sequence: int | None = None,
        signature: bytes | None = None,
        certificate: bytes | None = None,
    ) -> bytes:
        """OtherSignedNotification."""
        data = self.metadata(event, iccid, sequence)
        proof = self.sign(data) if signature is None else signature
        return der.write(0x30, data, proof, certificate or self.certificate, self.eum)


class Lpa:
    """Carries messages between its eUICC and the server's functions. Each step returns the reply."""

    def __init__(self, euicc: Euicc, now: datetime) -> None:
        self.euicc, self.now = euicc, now
        self.initiated: dict[str, Any] = {}
        self.authenticated: dict[str, Any] = {}
        self.otpk = self.proof = b""
        self.ready = False

    def call(self, function: str, body: dict[str, Any]) -> Reply:
        return es9plus.handle(function, body, self.now)

    @property
    def transaction_id(self) -> bytes:
        return bytes.fromhex(self.initiated["transactionId"])

    def initiate(self, **changes: Any) -> Reply:
        body = {"euiccChallenge": b64(CHALLENGE), "euiccInfo1": b64(self.euicc.info1()), "smdpAddress": ADDRESS}
        reply = self.call("initiateAuthentication", {**body, **changes})
        self.initiated = reply.body or {}
        return reply

    def authenticate(self, matching_id: str | None, **lies: Any) -> Reply:
        answer = self.euicc.authenticate(self.initiated, matching_id, **lies)
        self.proof = next(
            (one.raw for one in der.children(der.children(der.read(answer))[0]) if one.tag == 0x5F37), b""
        )
        body = {"transactionId": self.initiated["transactionId"], "authenticateServerResponse": b64(answer)}
        reply = self.call("authenticateClient", body)
        self.authenticated = reply.body or {}
        return reply

    def fetch(self, code: str | None = None, *, otpk: bytes = b"", **lies: Any) -> Reply:
        self.otpk = otpk or crypto.otpk_make(self.euicc.curve)[1]
        body = {
            "transactionId": self.initiated["transactionId"],
            "prepareDownloadResponse": b64(self.euicc.prepare(self.authenticated, self.otpk, code, **lies)),
        }
        return self.call("getBoundProfilePackage", body)

    def begin(self, matching_id: str | None, **lies: Any) -> Reply:
        """Up to the server's answer to the eUICC's authentication."""
        assert status(self.initiate()) == "Executed-Success"
        return self.authenticate(matching_id, **lies)

    def download(self, matching_id: str | None, code: str | None = None, *, otpk: bytes = b"") -> Reply:
        """Up to the package; the refusal, where there is one."""
        reply = self.begin(matching_id)
        return self.fetch(code, otpk=otpk) if status(reply) == "Executed-Success" else reply

    def cancel(self, reason: int, **lies: Any) -> Reply:
        body = {
            "transactionId": self.initiated["transactionId"],
            "cancelSessionResponse": b64(self.euicc.cancel(self.transaction_id, reason, **lies)),
        }
        return self.call("cancelSession", body)

    def notify(self, pending: bytes) -> None:
        reply = self.call("handleNotification", {"pendingNotification": b64(pending)})
        assert (reply.status, reply.body) == (204, None)


class Opened:
    """A bound package as the eUICC takes it apart; raises where a C-MAC, a segment or a signature is not right."""

    def __init__(self, package: bytes, private: crypto.PrivateKey, eid: str, pb: crypto.PublicKey) -> None:
        channel, *sequences = der.children(der.expect(package, 0xBF36))
        assert channel.tag == 0xBF23
        assert [one.tag for one in sequences] == [0xA0, 0xA1, 0xA2, 0xA3]
        parts = {part.tag: part for part in der.children(channel)}
        assert list(parts) == [0x82, 0x80, 0xA6, 0x5F49, 0x5F37]
        self.transaction_id, self.otpk = parts[0x80].value, parts[0x5F49].value
        crt = {part.tag: part.value for part in der.children(parts[0xA6])}
        assert (parts[0x82].value, crt[0x80], crt[0x81]) == (b"\x01", b"\x88", b"\x10")
        said = b"".join(parts[tag].raw for tag in (0x82, 0x80, 0xA6, 0x5F49))
        own = der.write(0x5F49, crypto.point(private.public_key()))
        assert crypto.verify(pb, parts[0x5F37].value, said + own), "smdpSign"
        secret = crypto.shared_secret(private, crypto.otpk_read(self.otpk, private.curve))
        opener = bsp.Opener(bsp.session_keys(secret, crt[0x84], eid))
        configure, store, replace, self.segments = ([part.raw for part in der.children(one)] for one in sequences)
        assert opener.decrypted(0x87, configure) == der.write(0xBF24)
        self.metadata = opener.authenticated(0x88, store)
        keys = {part.tag: part.value for part in der.children(der.expect(opener.decrypted(0x87, replace), 0xBF26))}
        self.keys = keys[0x80] + keys[0x81] + keys[0x82]
        opener.replace(bsp.Keys.read(self.keys))
        self.profile = opener.decrypted(0x86, self.segments)
