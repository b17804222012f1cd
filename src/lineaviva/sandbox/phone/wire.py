"""ES9+ over HTTPS as a phone speaks it: JSON binding, time-outs, a limit on what is read (SGP.22 6.3, 6.5)."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from lineaviva.sandbox.phone.errors import Cheated, OperatorRefused, PhoneError, Unreachable
from lineaviva.sandbox.phone.words import meaning

PATH = "/gsma/rsp2/es9plus/"
PROTOCOL = "gsma/rsp/v2.2.2"
# A profile package is some tens of kilobytes; base64 and a picture come on top.
LARGEST_ANSWER = 2_000_000
_TIMEOUT = httpx.Timeout(20, connect=5)
_CONNECTS = 2


def trust(authorities: str) -> ssl.SSLContext:
    """TLS 1.2 or 1.3 with servers whose certificate leads to one of `authorities` (PEM), and to nobody else's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError):
        raise PhoneError(
            "The authority's file holds no certificate in PEM form; give another with --ca.", code="ca_invalid"
        ) from None
    return context


class Server:
    """One SM-DP+ at `address` (host, with a port where it is not 443). Close it, or use it in a `with` block."""

    def __init__(self, address: str, trusted: ssl.SSLContext) -> None:
        self.address = address
        transport = httpx.HTTPTransport(verify=trusted, retries=_CONNECTS, trust_env=False)
        headers = {"User-Agent": "gsma-rsp-lpad", "X-Admin-Protocol": PROTOCOL}
        self._client = httpx.Client(
            base_url=f"https://{address}", transport=transport, timeout=_TIMEOUT, headers=headers, trust_env=False
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, function: str, body: dict[str, Any]) -> Answer:
        """Ask for `function`. Raises Unreachable, OperatorRefused with the server's codes, or Cheated."""
        status, content = self._post(function, body)
        if status >= 500:
            raise Unreachable(f"{self.address} is out of order (HTTP status {status}); try again later.")
        try:
            document = json.loads(content)
            state = document["header"]["functionExecutionStatus"]
            ended = str(state["status"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Unreachable(f"{self.address} did not answer as an SM-DP+ does; check the activation code.") from None
        if ended not in {"Executed-Success", "Executed-WithWarning"}:
            raise _refusal(state)
        return Answer(document)

    def notify(self, notification: bytes) -> None:
        """Hand over one notification; returns when the server has taken it. Raises Unreachable."""
        status, _ = self._post("handleNotification", {"pendingNotification": encoded(notification)})
        if not 200 <= status < 300:
            raise Unreachable(f"{self.address} did not take the notification: HTTP status {status}.")

    def _post(self, function: str, body: dict[str, Any]) -> tuple[int, bytes]:
        with self._told(), self._client.stream("POST", PATH + function, json=body) as reply:
            if not reply.headers.get("X-Admin-Protocol", "").startswith("gsma/rsp/v2."):
                raise Unreachable(f"{self.address} does not speak version 2 of the standard, as an SM-DP+ would.")
            content = bytearray()
            for piece in reply.iter_bytes():
                content += piece
                if len(content) > LARGEST_ANSWER:
                    raise Cheated("answer_size", f"{self.address} sends more than any profile needs; nothing was kept.")
            return reply.status_code, bytes(content)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise Unreachable(f"{self.address} did not answer in time; try again later.") from None
        except httpx.HTTPError as failure:
            if certificate := _certificate_fault(failure):
                raise Unreachable(
                    f"{self.address} is not who it says: its TLS certificate does not fit ({certificate}). "
                    "If you trust it, give its authority with --ca.",
                    code="smdp_certificate",
                ) from None
            raise Unreachable(
                f"{self.address} cannot be reached; check the address and the connection, then try again."
            ) from None
        except httpx.InvalidURL:
            raise Unreachable(f"{self.address} is not an address; check the activation code.") from None


class Answer:
    """The fields of a reply, read strictly."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def transaction_id(self) -> bytes:
        """Its bytes, whatever the case of the hexadecimal digits."""
        try:
            value = bytes.fromhex(self._text("transactionId"))
        except ValueError:
            raise self._broken("transactionId") from None
        if not 1 <= len(value) <= 16:
            raise self._broken("transactionId")
        return value

    def der(self, name: str) -> bytes:
        """A field that carries DER in base64."""
        try:
            return base64.b64decode(self._text(name), validate=True)
        except ValueError:
            raise self._broken(name) from None

    def _text(self, name: str) -> str:
        value = self._document.get(name)
        if not isinstance(value, str):
            raise self._broken(name)
        return value

    def _broken(self, name: str) -> Cheated:
        return Cheated("answer", f"The server's answer is damaged: {name} is missing or cannot be read.")


def encoded(der: bytes) -> str:
    """DER as the JSON binding carries it."""
    return base64.b64encode(der).decode()


def _refusal(state: Any) -> OperatorRefused:
    data = state.get("statusCodeData")
    told = data if isinstance(data, dict) else {}
    subject, reason, message = (str(told.get(name) or "")[:200] for name in ("subjectCode", "reasonCode", "message"))
    return OperatorRefused(meaning(subject, reason, message), subject=subject, reason=reason)


def _certificate_fault(failure: BaseException | None) -> str:
    while failure is not None:
        if isinstance(failure, ssl.SSLCertVerificationError):
            return failure.verify_message or "not trusted"
        failure = failure.__cause__ or failure.__context__
    return ""
