"""The code from which a phone downloads an eSIM profile (GSMA SGP.22, 4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lineaviva.kernel.errors import InvalidInput

_HOST = re.compile(r"(?=.{1,253}(?::|$))[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
# Visible ASCII without the separator: the standard's own set (capitals, digits, hyphen) is narrower than what is used.
_MATCHING_ID = re.compile(r"[!-#%-~]{0,255}")
_OID = re.compile(r"(?:[0-2](?:\.[0-9]+)+)?")
_FORMAT = "1"


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """Where the profile waits, which one it is (may be empty), who must sign it, if a confirmation code is asked for.

    Raises InvalidInput (activation_code_invalid), and never repeats the code in it: whoever has it has the line.
    """

    host: str
    matching_id: str = field(default="", repr=False)
    oid: str = ""
    needs_confirmation: bool = False

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host) or ".." in self.host:
            raise _invalid("The activation code's server is not a host name.")
        if not _MATCHING_ID.fullmatch(self.matching_id):
            raise _invalid("The activation code's matching ID has a character that is not allowed.")
        if not _OID.fullmatch(self.oid):
            raise _invalid("The activation code's object identifier is not one.")

    @classmethod
    def parse(cls, text: str) -> ActivationCode:
        """Read `LPA:1$host$matchingId[$OID][$1]`, with or without the prefix, which may be in any case."""
        plain = text.strip()
        body = plain[4:] if plain[:4].upper() == "LPA:" else plain
        form, *parts = body.split("$")
        if form != _FORMAT or not 2 <= len(parts) <= 4:
            raise _invalid("An activation code looks like LPA:1$server$matching-id.")
        host, matching_id, oid, flag = (*parts, "", "")[:4]
        if flag not in {"", "1"}:
            raise _invalid("The activation code's last part must be 1 or be left out.")
        return cls(host, matching_id, oid, flag == "1")

    @property
    def typed(self) -> str:
        """The form for typing in by hand, without the prefix that only the QR code has."""
        parts = [_FORMAT, self.host, self.matching_id]
        if self.oid or self.needs_confirmation:
            parts.append(self.oid)
        if self.needs_confirmation:
            parts.append("1")
        return "$".join(parts)

    def __str__(self) -> str:
        return f"LPA:{self.typed}"


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(message, code="activation_code_invalid", field="activation_code")
