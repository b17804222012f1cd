"""Pure: what eSIM Go's API sends and takes (v2.4, https://docs.esim-go.com)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lineaviva.keeper.delivery.ports import Seen, SeenState
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import InvalidInput

# profileStatus, in small letters. What is not here says nothing new: it waits for a phone.
_STATES: Mapping[str, SeenState] = {
    "downloaded": "downloaded",
    "installed": "installed",
    "enabled": "enabled",
    "disabled": "disabled",
    "deleted": "deleted",
    "error": "failed",
    "unavailable": "failed",
}


@dataclass(frozen=True)
class Esim:
    """An eSIM of ours there. `reference` is what we have called it by, empty where nobody has."""

    iccid: str
    code: ActivationCode | None
    status: str
    reference: str
    assigned_at: datetime | None
    installed_at: datetime | None

    @property
    def seen(self) -> Seen:
        state = _STATES.get(self.status.lower(), "released")
        failure = self.status if state == "failed" else ""
        at = self.installed_at if state == "installed" else None
        return Seen(state, iccid=self.iccid, activation_code=self.code, failure=failure, at=at)


def order_body(bundle: str) -> dict[str, Any]:
    """One bundle on a new eSIM: `assign` without any ICCID takes one."""
    item = {"type": "bundle", "quantity": 1, "item": bundle}
    return {"type": "transaction", "assign": True, "order": [item]}


def esims_of(document: Any) -> list[Esim]:
    """Those of a list of eSIMs or assignments, or of an order's lines."""
    lines = document.get("order") if isinstance(document, dict) else None
    parts = [document, *(lines if isinstance(lines, list) else [])]
    return [found for part in parts for found in _esims(part)]


def esim(document: Any) -> Esim | None:
    """None for what is no eSIM."""
    if not isinstance(document, dict) or not _digits(document.get("iccid")):
        return None
    return Esim(
        iccid=_digits(document["iccid"]),
        code=_code(document),
        status=_text(document, "profileStatus"),
        reference=_text(document, "customerRef"),
        assigned_at=instant(document.get("assignedDate")),
        installed_at=instant(document.get("firstInstalledDateTime")),
    )


def instant(value: Any) -> datetime | None:
    """ISO 8601, or milliseconds since 1970 as some of their answers have them; None for neither, and for nothing."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return datetime.fromtimestamp(value / 1000, UTC) if is_number and value > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _esims(part: Any) -> Iterator[Esim]:
    found = part.get("esims") if isinstance(part, dict) else part
    for document in found if isinstance(found, list) else []:
        one = esim(document)
        if one is not None:
            yield one


def _code(document: dict[str, Any]) -> ActivationCode | None:
    try:
        if _text(document, "smdpAddress") and _text(document, "matchingId"):
            return ActivationCode(_text(document, "smdpAddress"), _text(document, "matchingId"))
        return ActivationCode.parse(_text(document, "rspUrl"))
    except InvalidInput:
        return None


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value.strip() if isinstance(value, str) else ""


def _digits(value: Any) -> str:
    digits = value.rstrip("Ff") if isinstance(value, str) else ""
    return digits if digits.isascii() and digits.isdecimal() and 18 <= len(digits) <= 20 else ""
