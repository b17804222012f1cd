"""A small SM-DP+ for these tests, over real HTTPS: honest, unless it is told to lie in one place.

It shares DER, ECDSA and segments with the product, and builds everything else itself, so that what the phone takes is
not merely what the product's own server happens to send.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lineaviva.carrier.smdp import bsp, crypto, der
from lineaviva.carrier.smdp.certificates import read_certificate
from lineaviva.carrier.smdp.certs import CertificateStore, Euicc, EuiccTrust, Server

ICCID = "8939880000000000017"
HOST_ID = b"host-1"
Change = Callable[[Any], Any]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def swapped(iccid: str) -> bytes:
    return bytes(int(iccid.ljust(20, "f")[at : at + 2][::-1], 16) for at in range(0, 20, 2))


def upp(iccid: str = ICCID, filling: int = 3000) -> bytes:
    """A profile of a header, one element of `filling` bytes and an end."""
    header = der.write(
        0xA0,
        der.integer(2, 0x80),
        der.integer(3, 0x81),
        der.utf8("Sandbox", 0x82),
        der.write(0x83, bytes.fromhex(iccid.ljust(20, "f"))),
    )
    return header + der.write(0xA9, der.write(0x80, bytes(filling))) + der.write(0xAA, der.write(0xA0))


def metadata(iccid: str, address: str, *more: bytes, name: str = "Vera Europa", events: int = 0xF0) -> bytes:
    configured = der.write(0xB6, der.write(0x30, der.write(0x80, bytes((4, events))), der.utf8(address, 0x81)))
    parts = [der.write(0x5A, swapped(iccid)), der.utf8("Sandbox Mobile", 0x91), der.utf8(name, 0x92)]
    return der.write(0xBF25, *parts, configured, *more)


class Big(bsp.Protector):
    """Makes segments above the limit of 1020 bytes."""

    def encrypted(self, tag: int, data: bytes) -> list[bytes]:
        return [self._segment(tag, self._encrypt(data[at : at + 1500])) for at in range(0, len(data), 1500)]


@dataclass
class Session:
    challenge: bytes
    signed1: bytes = b""
    euicc: Euicc | None = None
    signature1: bytes = b""
    signature2: bytes = b""


@dataclass
class Smdp:
    """`lies` maps the name of a value to what is made of it; `refusals` a function to subject and reason.

    `taken` holds notifications as (kind, event byte, sequence number), `cancelled` reasons, `asked` calls, in order.
    """

    folder: Path
    tls: tuple[Path, Path] | None = None
    lies: dict[str, Change] = field(default_factory=dict)
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)
    confirmation_code: str = ""
    deaf: bool = False
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    taken: list[tuple[str, int, int]] = field(default_factory=list)
    results: list[der.Tlv] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = CertificateStore.load(self.folder)
        self.trust = EuiccTrust(self.store)
        self.sessions: dict[bytes, Session] = {}
        self.bound: dict[str, bytes] = {}
        self.server: Server = self.store.servers[-1]
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found = self.store.tls
        assert found is not None
        context.load_cert_chain(*(self.tls or (found.certificate, found.key)))
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.address = f"127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def say(self, name: str, value: Any) -> Any:
        """The truth, or what the test makes of it."""
        return self.lies.get(name, lambda truth: truth)(value)

    # --- HTTP ----------------------------------------------------------------------------------------------------

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        smdp = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                function = self.path.rsplit("/", 1)[-1]
                smdp.asked.append(function)
                smdp.bodies.append(body)
                assert self.headers["User-Agent"] == "gsma-rsp-lpad"
                assert self.headers["X-Admin-Protocol"] == "gsma/rsp/v2.2.2"
                status, content = smdp.answer(function, body)
                content = smdp.say(f"{function}.content", content)
                self.send_response(smdp.say(f"{function}.status", status))
                self.send_header("X-Admin-Protocol", smdp.say("protocol", "gsma/rsp/v2.2.0"))
                if status != 204:
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def answer(self, function: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if function == "handleNotification":
            if self.deaf:
                return 503, b""
            self.take(der.read(base64.b64decode(body["pendingNotification"])))
            return 204, b""
        status: dict[str, Any] = {"status": "Executed-Success"}
        fields: dict[str, Any] = {}
        refusal = self.refusals.get(function) or getattr(self, function)(body, fields)
        if refusal:
            data = {"subjectCode": refusal[0], "reasonCode": refusal[1], "message": "Told by the server"}
            status = {"status": "Failed", "statusCodeData": data}
        document = self.say(function, {"header": {"functionExecutionStatus": status}, **fields})
        return 200, json.dumps(document).encode()

    # --- ES9+ ----------------------------------------------------------------------------------------------------

    def initiateAuthentication(self, body: dict[str, Any], fields: dict[str, Any]) -> None:
        transaction = os.urandom(16)
        session = Session(os.urandom(16))
        self.sessions[transaction] = session
        auth = self.say("auth", self.server.auth)
        session.signed1 = der.write(
            0x30,
            der.write(0x80, self.say("signed1.transaction", transaction)),
            der.write(0x81, self.say("signed1.challenge", base64.b64decode(body["euiccChallenge"]))),
            der.utf8(self.say("signed1.address", body["smdpAddress"]), 0x83),
            der.write(0x84, self.say("signed1.server_challenge", session.challenge)),
        )
        fields.update(
            transactionId=transaction.hex().upper(),
            serverSigned1=b64(session.signed1),
            serverSignature1=b64(der.write(0x5F37, self.say("signature1", auth.sign(session.signed1)))),
            euiccCiPKIdToBeUsed=b64(der.write(0x04, self.say("ci_key_id", self.server.ci.subject_key_id))),
            serverCertificate=b64(auth.certificate.der),
        )

    def authenticateClient(self, body: dict[str, Any], fields: dict[str, Any]) -> tuple[str, str] | None:
        transaction = bytes.fromhex(body["transactionId"])
        session = self.sessions[transaction]
        (answer,) = der.children(der.expect(base64.b64decode(body["authenticateServerResponse"]), 0xBF38))
        if answer.tag == 0xA1:
            self.errors.append(answer.raw)
            return "8.1", "4.2"
        signed, signature, euicc, eum = der.children(answer)
        session.euicc = self.trust.check(euicc.raw, eum.raw, datetime.now(UTC))
        assert crypto.verify(session.euicc.public_key, signature.value, signed.raw)
        assert der.one(signed, 0x80).value == transaction
        assert der.one(signed, 0x84).value == session.challenge
        session.signature1 = signature.raw
        pb = self.say("pb", self.server.pb)
        announced = self.metadata("offered")
        required = der.boolean(bool(self.confirmation_code))
        parts = [der.write(0x80, self.say("signed2.transaction", transaction)), required]
        if session.euicc.eid in self.bound:
            parts.append(der.write(0x5F49, self.bound[session.euicc.eid]))
        signed2 = der.write(0x30, *parts)
        session.signature2 = der.write(0x5F37, self.say("signature2", pb.sign(signed2 + session.signature1)))
        fields.update(
            transactionId=transaction.hex().upper(),
            profileMetadata=b64(announced),
            smdpSigned2=b64(self.say("signed2", signed2)),
            smdpSignature2=b64(session.signature2),
            smdpCertificate=b64(pb.certificate.der),
        )
        return None

    def metadata(self, where: str) -> bytes:
        truth = self.say("metadata", metadata(ICCID, self.address))
        return bytes(self.say(f"metadata.{where}", truth))

    def getBoundProfilePackage(self, body: dict[str, Any], fields: dict[str, Any]) -> tuple[str, str] | None:
        transaction = bytes.fromhex(body["transactionId"])
        session = self.sessions[transaction]
        (answer,) = der.children(der.expect(base64.b64decode(body["prepareDownloadResponse"]), 0xBF21))
        if answer.tag == 0xA1:
            self.errors.append(answer.raw)
            return "8.1", "4.2"
        signed, signature = der.children(answer)
        assert session.euicc is not None
        assert crypto.verify(session.euicc.public_key, signature.value, signed.raw + session.signature2)
        if self.confirmation_code:
            once = hashlib.sha256(self.confirmation_code.encode()).digest()
            if der.one(signed, 0x04).value != hashlib.sha256(once + transaction).digest():
                return "8.2.7", "3.8"
        otpk = der.one(signed, 0x5F49).value
        self.bound[session.euicc.eid] = otpk
        fields.update(
            transactionId=transaction.hex().upper(),
            boundProfilePackage=b64(self.say("bpp", self.bind(transaction, otpk, session.euicc.eid))),
        )
        return None

    def bind(self, transaction: bytes, euicc_otpk: bytes, eid: str) -> bytes:
        curve = self.server.pb.certificate.curve
        private, point = crypto.otpk_make(curve)
        secret = crypto.shared_secret(private, crypto.otpk_read(euicc_otpk, curve))
        keys = bsp.session_keys(secret, HOST_ID, self.say("bpp.eid", eid))
        key_type = der.write(0x80, self.say("bpp.key_type", b"\x88"))
        template = self.say("bpp.template", [key_type, der.write(0x81, b"\x10"), der.write(0x84, HOST_ID)])
        opening = [
            der.integer(self.say("bpp.operation", 1), 0x82),
            der.write(0x80, self.say("bpp.transaction", transaction)),
            der.write(0xA6, *template),
            der.write(0x5F49, self.say("bpp.otpk", point)),
        ]
        opening = self.say("bpp.opening", opening)
        covered = b"".join(opening) + der.write(0x5F49, euicc_otpk)
        signature = self.say("bpp.sign", self.server.pb.sign(covered))
        opening_ = der.write(0xBF23, *opening, der.write(0x5F37, signature))
        return der.write(0xBF36, opening_, *self._sequences(keys))

    def _sequences(self, keys: bsp.Keys) -> list[bytes]:
        protector = self.say("protector", bsp.Protector)(keys)
        own = bsp.Keys(os.urandom(16), os.urandom(16), os.urandom(16))
        configure = self.say("configure", der.write(0xBF24, der.write(0xB8, der.oid(self.server.oid))))
        replace = der.write(0xBF26, der.write(0x80, own.mcv), der.write(0x81, own.enc), der.write(0x82, own.mac))
        first = self.say("segments87", bsp.Protector.encrypted(protector, 0x87, configure))
        stored = self.say("segments88", protector.authenticated(0x88, self.metadata("bound")))
        second = self.say("segments87b", bsp.Protector.encrypted(protector, 0x87, self.say("replace_keys", replace)))
        protector.replace(own)
        elements = self.say("segments86", protector.encrypted(0x86, self.say("upp", upp())))
        sequences = zip((0xA0, 0xA1, 0xA2, 0xA3), (first, stored, second, elements), strict=True)
        return [der.write(tag, *segments) for tag, segments in sequences]

    def cancelSession(self, body: dict[str, Any], fields: dict[str, Any]) -> None:
        transaction = bytes.fromhex(body["transactionId"])
        (answer,) = der.children(der.expect(base64.b64decode(body["cancelSessionResponse"]), 0xBF41))
        signed, signature = der.children(answer)
        euicc = self.sessions[transaction].euicc
        assert euicc is not None
        assert crypto.verify(euicc.public_key, signature.value, signed.raw)
        own, oid, reason = der.children(signed)
        assert own.value == transaction
        assert der.to_oid(oid) == self.server.oid
        self.cancelled.append(der.to_integer(reason))

    def take(self, notification: der.Tlv) -> None:
        """Verify as a server must, and keep what it was."""
        if notification.tag == 0xBF37:
            data, signature = der.children(notification)
            euicc = self.sessions[der.one(data, 0x80).value].euicc
            assert euicc is not None
            assert crypto.verify(euicc.public_key, signature.value, data.raw)
            self.results.append(der.children(der.one(data, 0xA2))[0])
            told = der.one(data, 0xBF2F)
        else:
            told, signature, certificate, eum = der.children(notification)
            self.trust.check(certificate.raw, eum.raw, datetime.now(UTC))
            assert crypto.verify(read_certificate(certificate.raw).public_key, signature.value, told.raw)
        event = der.one(told, 0x81).value[1]
        kind = "result" if notification.tag == 0xBF37 else "other"
        self.taken.append((kind, event, der.to_integer(der.one(told, 0x80))))
