"""What a channel must speak. A channel is one folder here and one line in config/wiring.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from lineaviva.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person. `message_id` is kept when it is sent again; `attachments`: name, type, bytes."""

    to: str
    subject: str
    text: str
    message_id: str
    html: str = ""
    language: str = ""
    attachments: list[tuple[str, str, bytes]] = field(default_factory=list)


class Channel(Protocol):
    def send(self, message: Message) -> None:
        """Hand the message over; may be called twice for one. Temporary: not sent, try later. Permanent: never."""
        ...


@lru_cache
def _made(path: str) -> Channel:
    return cast(Channel, import_string(path)())


def channel(name: str) -> Channel:
    """The channel of this name from config/wiring.py. NotFound (channel_unknown) when it has none."""
    if name not in settings.CHANNELS:
        raise NotFound(f"There is no channel {name!r}.", code="channel_unknown")
    return _made(settings.CHANNELS[name])


def sending_channels() -> list[str]:
    return list(settings.CHANNELS)
