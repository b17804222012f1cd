"""Kept messages, one file each; the newest has the greatest name."""

from __future__ import annotations

import os
import re
import secrets
import time
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from pathlib import Path
from typing import Literal

NAME = re.compile(r"[0-9]{20}-[0-9a-f]{8}")
MOST_SHOWN = 200


@dataclass(frozen=True)
class Kept:
    """One message as a reader sees it."""

    name: str
    to: str
    subject: str
    date: str
    text: str
    html: str
    message_id: str
    attachments: list[str]


def keep(folder: Path, content: bytes) -> str:
    """Write a message under a name of its own; it is there whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    draft = folder / f".{name}.{os.getpid()}"
    draft.write_bytes(content)
    draft.replace(folder / f"{name}.eml")
    return name


def newest(folder: Path) -> list[Kept]:
    """The latest messages, newest first; an empty list where nothing has come yet."""
    files = sorted(folder.glob("[0-9]*.eml"), reverse=True)[:MOST_SHOWN] if folder.is_dir() else []
    return [_read(path) for path in files]


def one(folder: Path, name: str) -> Kept | None:
    """The message of that name; None for a name that is not one of ours, whatever it looks like."""
    path = _path(folder, name)
    return _read(path) if path else None


def attachment(folder: Path, name: str, number: int) -> tuple[str, bytes] | None:
    """File name and content of a message's attachment, counted from 0; None where there is none."""
    path = _path(folder, name)
    parts = list(_parsed(path).iter_attachments()) if path else []
    if not 0 <= number < len(parts):
        return None
    content = parts[number].get_payload(decode=True)
    return _title(parts[number]), content if isinstance(content, bytes) else parts[number].as_bytes()


def _path(folder: Path, name: str) -> Path | None:
    path = folder / f"{name}.eml"
    return path if NAME.fullmatch(name) and path.is_file() else None


def _parsed(path: Path) -> EmailMessage:
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(path.read_bytes())


def _read(path: Path) -> Kept:
    message = _parsed(path)
    plain = _body(message, "plain")
    html = _body(message, "html")
    return Kept(
        name=path.stem,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or "").strip(),
        date=str(message["Date"] or ""),
        text=plain or html,
        html=html,
        message_id=str(message["Message-ID"] or "").strip(),
        attachments=[_title(part) for part in message.iter_attachments()],
    )


def _body(message: EmailMessage, kind: Literal["plain", "html"]) -> str:
    """The text of that kind, empty where there is none; read as well as it can be when its charset is a wrong one."""
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        content = part.get_payload(decode=True)
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _title(part: Message) -> str:
    return part.get_filename() or part.get_content_type()
