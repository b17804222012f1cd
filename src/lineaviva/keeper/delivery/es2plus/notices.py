"""Reads ES2+.HandleDownloadProgressInfo (SGP.22 5.3.5): what an SM-DP+ tells of a download.

What is not understood is said so to the sender; what is understood and means nothing here (a point that we do not know)
is taken quietly, since it would be sent again and again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lineaviva.keeper.delivery.rules import Point
from lineaviva.kernel.errors import InvalidInput

# With a ProfileInstallationResult in it, it has some 2 kB.
MOST_BYTES = 64 * 1024
_ICCID, _EID = re.compile(r"[0-9]{18,20}"), re.compile(r"[0-9]{32}")
_CODE = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,2}){0,4}")
_POINTS = {int(point) for point in Point}


@dataclass(frozen=True)
class Told:
    """`point` None: one that nobody here knows. `failure` is "subject/reason", empty where it went well or not said.

    `at` None: the server did not say when. `eid` may be empty: nothing depends on it.
    """

    iccid: str
    point: Point | None
    ok: bool
    eid: str = ""
    failure: str = ""
    at: datetime | None = None


def read(body: bytes) -> Told:
    """Raises InvalidInput (progress_invalid) naming the element, and never what is in it."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid("JSON") from None
    if not isinstance(document, dict):
        raise _invalid("JSON object")
    ok, failure = _status(document.get("notificationPointStatus"))
    return Told(
        iccid=_iccid(document),
        point=_point(document.get("notificationPointId")),
        ok=ok,
        eid=_digits(document, "eid", _EID),
        failure=failure,
        at=_instant(document.get("timestamp")),
    )


def _invalid(element: str) -> InvalidInput:
    return InvalidInput(f"This is no progress of a download: {element}.", code="progress_invalid", field=element)


def _iccid(document: dict[str, Any]) -> str:
    found = _digits(document, "iccid", _ICCID)
    if not found:
        raise _invalid("iccid")
    return found


def _digits(document: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    """Without the filler; empty for what is not of that form."""
    value = document.get(name)
    digits = value.rstrip("Ff") if isinstance(value, str) else ""
    return digits if form.fullmatch(digits) else ""


def _point(value: Any) -> Point | None:
    """Some send the number as text."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _invalid("notificationPointId")
    return Point(int(text)) if int(text) in _POINTS else None


def _status(value: Any) -> tuple[bool, str]:
    if not isinstance(value, dict) or not isinstance(value.get("status"), str):
        raise _invalid("notificationPointStatus")
    if value["status"] in ("Executed-Success", "Executed-WithWarning"):
        return True, ""
    if value["status"] not in ("Failed", "Expired"):
        raise _invalid("notificationPointStatus")
    data = value.get("statusCodeData")
    codes = [data.get(name) for name in ("subjectCode", "reasonCode")] if isinstance(data, dict) else []
    known = bool(codes) and all(isinstance(code, str) and _CODE.fullmatch(code) for code in codes)
    return False, f"{codes[0]}/{codes[1]}" if known else ""


def _instant(value: Any) -> datetime | None:
    """ISO 8601; without a zone it is UTC. A server whose clock cannot be read is believed all the same."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return found and (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
