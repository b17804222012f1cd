"""E-mail over SMTP: one connection a message, with the settings' time-out."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from lineaviva.keeper.reminders.ports import Message
from lineaviva.kernel.errors import Permanent, Temporary


class EmailChannel:
    def send(self, message: Message) -> None:
        """Temporary on 4xx, refused login, broken connection, time-out; Permanent on 5xx and impossible addresses."""
        with _translated():
            _letter(message).send()


def _letter(message: Message) -> EmailMultiAlternatives:
    headers = {
        "Message-ID": f"<{message.message_id}@{_host()}>",
        "Auto-Submitted": "auto-generated",  # keeps out-of-office programs from answering
    }
    if message.language:
        headers["Content-Language"] = message.language
    letter = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[message.to],
        headers=headers,
        connection=get_connection(),
    )
    if message.html:
        letter.attach_alternative(message.html, "text/html")
    for name, mime, content in message.attachments:
        letter.attach(name, content, mime)
    return letter


def _host() -> str:
    return urlsplit(settings.PUBLIC_URL).hostname or "localhost"


@contextmanager
def _translated() -> Iterator[None]:
    """What smtplib raises, as one of our kinds. Only codes are kept: a server's text may repeat the address."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        # A wrong password is put right by the owner, and then every message must still go out.
        raise Temporary(f"the SMTP server refused our login: {error.smtp_code}") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _by_code(min(codes, default=450), "recipient") from error
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code, "message") from error
    except (smtplib.SMTPException, OSError) as error:  # OSError: refused, unreachable, time-out
        raise Temporary(f"the SMTP server did not answer: {type(error).__name__}") from error
    except ValueError as error:  # Django's word for an address or header that cannot be written
        raise Permanent("the address or subject cannot be written in an e-mail", code="email_invalid") from error


def _by_code(code: int, what: str) -> Temporary | Permanent:
    if 500 <= code < 600:
        return Permanent(f"the SMTP server refused the {what}: {code}", code="smtp_refused")
    return Temporary(f"the SMTP server put the {what} off: {code}")
