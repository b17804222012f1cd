"""Small readers of JSON values that may be anything; what is not what it should be is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Document = Mapping[str, Any]


def text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""


def documents(value: Any) -> list[Document]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "false": False, "no": False}.get(text(value).lower())


def quantity(value: Any) -> int | None:
    """A whole number, -1 for what is without limit."""
    if isinstance(value, bool):
        return None
    plain = str(value).strip().lower()
    if plain in {"unlimited", "-1"}:
        return -1
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) <= 9 else None


def valid_for(document: Document) -> tuple[datetime | None, datetime | None]:
    """Begin and end of a TimePeriod; None where it has none that can be read."""
    period = document.get("validFor")
    if not isinstance(period, Mapping):
        return None, None
    return _instant(period.get("startDateTime")), _instant(period.get("endDateTime"))


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
