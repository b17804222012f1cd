"""The mailbox: real SMTP in, files kept, pages and JSON out."""

from __future__ import annotations

import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from lineaviva.cli.demo import free_port
from lineaviva.cli.processes import is_listening
from lineaviva.sandbox.mail.store import keep, newest, one
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.urls("lineaviva.sandbox.provider.urls")


def a_mail(
    subject: str = "还有 5 天 · 5 days", text: str = "Open http://127.0.0.1:8000/r/abc/ <b>now</b>"
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "lineaviva@localhost", "anna@example.org", subject
    message.set_content(text)
    message.add_alternative("<script>alert(1)</script>", subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="LV-2026-000001.pdf")
    return message


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SANDBOX_MAIL = str(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def sink(folder: Path) -> Iterator[int]:
    port = free_port()
    argv = [sys.executable, "-m", "lineaviva.sandbox.mail", "--port", str(port), "--folder", str(folder)]
    process = subprocess.Popen(argv)
    until(lambda: is_listening(port) or process.poll() is not None)
    assert process.poll() is None
    yield port
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_a_mail_sent_by_smtp_is_read_in_the_mailbox(sink: int, folder: Path) -> None:
    with smtplib.SMTP("127.0.0.1", sink) as smtp:
        smtp.send_message(a_mail())
    (kept,) = newest(folder)
    assert (kept.to, kept.subject, kept.attachments) == (
        "anna@example.org",
        "还有 5 天 · 5 days",
        ["LV-2026-000001.pdf"],
    )
    assert one(folder, kept.name) == kept


@pytest.mark.parametrize(("address", "code"), [("anna@refused.test", 550), ("Anna@BUSY.test", 451)])
def test_some_addresses_cannot_be_reached(sink: int, folder: Path, address: str, code: int) -> None:
    with smtplib.SMTP("127.0.0.1", sink) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        smtp.send_message(a_mail(), to_addrs=[address])
    assert [found[0] for found in refusal.value.recipients.values()] == [code]
    assert newest(folder) == []


def test_it_listens_on_loopback_only(sink: int) -> None:
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert f"0100007F:{sink:04X}" in listening
    assert f"00000000:{sink:04X}" not in listening


def test_a_mail_that_is_too_large_is_refused_and_nothing_is_kept(sink: int, folder: Path) -> None:
    with smtplib.SMTP("127.0.0.1", sink) as smtp, pytest.raises(smtplib.SMTPException) as refusal:
        smtp.send_message(a_mail(text="x" * 70 + "\n" + ("y" * 70 + "\n") * 160_000))
    assert "552" in str(refusal.value.args) or "too" in str(refusal.value).lower()
    assert newest(folder) == []


def test_the_pages_show_text_as_text_and_links_as_links(folder: Path) -> None:
    name = keep(folder, a_mail().as_bytes())
    listed = Client().get("/mail/").content.decode()
    assert "还有 5 天 · 5 days" in listed
    page = Client().get(f"/mail/{name}/").content.decode()
    assert 'href="http://127.0.0.1:8000/r/abc/"' in page
    assert "&lt;b&gt;now&lt;/b&gt;" in page
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert f'<a href="/mail/{name}/0/">LV-2026-000001.pdf</a>' in page


def test_an_attachment_is_a_download(folder: Path) -> None:
    name = keep(folder, a_mail().as_bytes())
    found = Client().get(f"/mail/{name}/0/")
    assert (found.status_code, b"".join(found)) == (200, b"%PDF-1.7")  # type: ignore[arg-type]
    assert found.headers["Content-Disposition"] == 'attachment; filename="LV-2026-000001.pdf"'
    assert found.headers["Content-Type"] == "application/octet-stream"
    assert Client().get(f"/mail/{name}/1/").status_code == 404
    assert Client().get(f"/mail/{'1' * 20}-aaaaaaaa/0/").status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe\x00", id="no mail at all"),
        pytest.param(b"Content-Type: text/plain; charset=klingon\n\nQapla", id="a charset that is none"),
        pytest.param(b"Content-Type: text/plain; charset=utf-8\n\n\xff\xfe", id="bytes that are no UTF-8"),
        pytest.param(b"Content-Type: multipart/mixed; boundary=x\n\n--x\n", id="cut short"),
        pytest.param(b"Content-Type: message/rfc822\n\nSubject: inner\n\nx", id="a mail in a mail"),
        pytest.param(b"Subject: =?utf-8?b?////?=\nTo: <<>>\n\nx", id="headers that are broken"),
    ],
)
def test_whatever_was_sent_can_be_looked_at(folder: Path, content: bytes) -> None:
    name = keep(folder, content)
    assert Client().get(f"/mail/{name}/").status_code == 200
    assert Client().get("/mail/").status_code == 200
    assert [mail["name"] for mail in Client().get("/mail/messages.json").json()["messages"]] == [name]


def test_the_newest_comes_first_in_json(folder: Path) -> None:
    for number in range(3):
        keep(folder, a_mail(f"Mail {number}").as_bytes())
    found = Client().get("/mail/messages.json").json()["messages"]
    assert [mail["subject"] for mail in found] == ["Mail 2", "Mail 1", "Mail 0"]


def test_an_empty_mailbox_says_so(folder: Path) -> None:
    assert "No mail has come yet." in Client().get("/mail/").content.decode()


@pytest.mark.parametrize("name", ["x", "..%2F..%2Fsecrets", "1" * 20, "../secrets"])
def test_a_name_that_is_not_a_mails_is_not_found(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    (folder.parent / "secrets.eml").write_text("Subject: secret\n\n")
    assert Client().get(f"/mail/{name}/").status_code == 404
    assert one(folder, name) is None
