"""Pure decisions about receipts: which number and year, what may be shown of a phone number, what can be printed."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from datetime import datetime

from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import NotFound
from lineaviva.kernel.phone import national

MISSING = "□"
# They change how the character before them looks and take no room of their own.
_MODIFIERS = {0x200D, *range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)}


def numbering_year(issued_at: datetime) -> int:
    """The year in which a receipt is numbered: the calendar's in Rome at the instant of issue."""
    return rome_date(issued_at).year


def parse_number(text: str) -> tuple[str, int, int]:
    """Issuer, year and number of "LV-2026-000123". Raises NotFound for what is no receipt number."""
    issuer, _, rest = text.strip().upper().partition("-")
    year, _, number = rest.partition("-")
    if not (issuer and len(rest) <= 20 and _digits(year) and _digits(number)):
        raise NotFound("A receipt number looks like LV-2026-000123.", code="receipt_unknown", field="number")
    return issuer, int(year), int(number)


def parse_credit_number(text: str) -> tuple[str, int, int]:
    """Issuer, year and number of "LV-NC-2026-000001". Raises NotFound for what is no credit note's number."""
    issuer, series, rest = text.strip().upper().partition("-NC-")
    try:
        return parse_number(f"{issuer}-{rest}" if series else "")
    except NotFound:
        message = "A credit note's number looks like LV-NC-2026-000001."
        raise NotFound(message, code="receipt_unknown", field="number") from None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def shown_phone(msisdn: str, *, own: bool) -> str:
    """The whole number for its holder, the last four digits for everybody else."""
    return national(msisdn) if own else f"••• {msisdn[-4:]}"


def printable(text: str, coverage: Container[int]) -> str:
    """`text` on one line, with □ for each character that none of the fonts has."""
    kept = []
    for char in unicodedata.normalize("NFC", text):
        if ord(char) in _MODIFIERS:
            continue
        if char.isspace() or unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}:
            kept.append(" ")
        else:
            kept.append(char if ord(char) in coverage else MISSING)
    return " ".join("".join(kept).split())
