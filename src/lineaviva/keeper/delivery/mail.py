"""The e-mail with the way to install a profile: its link first, the QR code attached, the code as text.

It goes to the line's holder alone, in their language. The phone number in it is masked: mail passes through many hands.
"""

from __future__ import annotations

from dataclasses import asdict

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import override

from lineaviva.keeper.delivery.install import qr_png
from lineaviva.keeper.delivery.links import install_link
from lineaviva.keeper.delivery.models import DeliveryMail
from lineaviva.keeper.delivery.queries import activation_code
from lineaviva.keeper.delivery.texts import Words, words
from lineaviva.keeper.reminders.ports import Message

QR_NAME = "esim-qr.png"


def message(mail: DeliveryMail) -> Message:
    """The message of this row; sent again after a crash it carries the same link and the same Message-ID.

    Where the profile can no longer be installed there is only the link: its page says what to do.
    """
    delivery = mail.delivery
    language, code = delivery.line.holder.language, activation_code(delivery)
    link = settings.PUBLIC_URL + install_link(delivery=delivery, user=delivery.line.holder, now=mail.created_at)
    with override(language):
        said = words(mail, code, language)
        page = {**asdict(said), "language": language, "link": link}
        html = render_to_string("delivery/email.html", page)
    return Message(
        to=mail.to,
        subject=said.subject,
        text=_text(said, link),
        html=html,
        message_id=f"esim-{mail.pk}-{delivery.code.lower()}",
        language=language,
        attachments=[(QR_NAME, "image/png", qr_png(code))] if code else [],
    )


def _text(said: Words, link: str) -> str:
    """The same as plain text. Each value of the code stands alone on its line, so that it can be copied whole."""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(said.steps, 1))
    code = "\n".join(f"{label}\n{value}" for label, value in said.code)
    parts = [
        *said.intro,
        f"{said.invitation}\n{link}\n{said.until}",
        steps,
        f"{said.by_hand}\n{code}".strip(),
        *said.notes,
        said.why,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
