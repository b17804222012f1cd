"""The e-mail channel against a real SMTP server, and against every way in which one says no."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from lineaviva.cli.demo import free_port
from lineaviva.keeper.reminders.email import adapter
from lineaviva.keeper.reminders.ports import Message, channel, sending_channels
from lineaviva.kernel.errors import NotFound, Permanent, Temporary

HELLO = Message(
    to="anna@example.org",
    subject="妈妈 · TIM …4567：请续期",
    text="可正常使用至2026年12月8日。\n",
    html="<p>可正常使用至2026年12月8日。</p>",
    language="zh-hans",
    message_id="reminder.7.limited.2026-12-08.14.email",
    attachments=[("LV-2026-000001.pdf", "application/pdf", b"%PDF-1.7")],
)


class Server:
    """An SMTP server that keeps what it gets, and answers as told."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.says = {"RCPT": "250 OK", "DATA": "250 OK", "MAIL": "250 OK"}

    async def handle_MAIL(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.says["MAIL"]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self.says["RCPT"]

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.says["DATA"].startswith("250"):
            content = cast(bytes, envelope.content)
            self.got.append(cast(EmailMessage, message_from_bytes(content, policy=policy.default)))  # type: ignore[arg-type]
        return self.says["DATA"]


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    found = Server()
    controller = Controller(found, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = False
    yield found
    controller.stop()


def test_a_message_arrives_as_it_was_written(server: Server) -> None:
    channel("email").send(HELLO)
    (got,) = server.got
    assert (got["To"], got["Subject"]) == (HELLO.to, HELLO.subject)
    assert got["Message-ID"] == "<reminder.7.limited.2026-12-08.14.email@127.0.0.1>"
    assert (got["Auto-Submitted"], got["Content-Language"]) == ("auto-generated", "zh-hans")
    plain, html = got.get_body(("plain",)), got.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert (plain.get_content().split("\r\n"), html.get_content().strip()) == ([HELLO.text.strip(), ""], HELLO.html)
    (attached,) = got.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("LV-2026-000001.pdf", "application/pdf")
    assert attached.get_payload(decode=True) == b"%PDF-1.7"


def test_plain_text_alone(server: Server) -> None:
    channel("email").send(Message(to="bo@example.org", subject="x", text="y\n", message_id="a.b"))
    assert server.got[0].get_content_type() == "text/plain"
    assert server.got[0]["Content-Language"] is None


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("550 No such person", Permanent),
        ("554 Refused", Permanent),
        ("421 Shutting down", Temporary),
        ("451 Try later", Temporary),
        ("452 Full", Temporary),
    ],
)
def test_what_the_server_says(server: Server, step: str, answer: str, kind: type[Exception]) -> None:
    server.says[step] = answer
    with pytest.raises(kind) as refusal:
        channel("email").send(HELLO)
    assert answer[:3] in str(refusal.value)
    assert HELLO.to not in str(refusal.value)
    assert server.got == []


def test_nobody_listens(server: Server, settings: Any) -> None:
    settings.EMAIL_PORT = free_port()
    with pytest.raises(Temporary, match="ConnectionRefusedError"):
        channel("email").send(HELLO)


def test_a_server_that_never_answers(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        with pytest.raises(Temporary, match="did not answer"):
            channel("email").send(HELLO)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        pytest.param(smtplib.SMTPAuthenticationError(535, b"no"), Temporary, id="wrong password: its owner repairs it"),
        pytest.param(smtplib.SMTPServerDisconnected("gone"), Temporary, id="hung up"),
        pytest.param(smtplib.SMTPRecipientsRefused({"a@b.c": (450, b"")}), Temporary, id="greylisted"),
        pytest.param(smtplib.SMTPRecipientsRefused({"a@b.c": (550, b"")}), Permanent, id="nobody there"),
        pytest.param(smtplib.SMTPHeloError(501, b""), Permanent, id="refused at hello"),
        pytest.param(smtplib.SMTPNotSupportedError("STARTTLS"), Temporary, id="no STARTTLS"),
        pytest.param(OSError("network is unreachable"), Temporary, id="no network"),
    ],
)
def test_what_the_library_raises(raised: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def send(self: Any) -> Callable[[], None]:
        raise raised

    monkeypatch.setattr(adapter.EmailMultiAlternatives, "send", send)
    with pytest.raises(kind):
        channel("email").send(HELLO)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"subject": "a\nBcc: eve@example.org"}, id="a line break in the subject"),
        pytest.param({"to": "anna@example.org\nBcc: eve@example.org"}, id="a line break in the address"),
    ],
)
def test_what_cannot_be_written_is_refused_for_good(server: Server, bad: dict[str, str]) -> None:
    facts = {"to": HELLO.to, "subject": "x", "text": "y", "message_id": "z", **bad}
    with pytest.raises(Permanent):
        channel("email").send(Message(**facts))
    assert server.got == []


def test_channels_come_from_the_wiring() -> None:
    assert sending_channels() == ["email"]
    assert channel("email") is channel("email")
    with pytest.raises(NotFound):
        channel("pigeon")
