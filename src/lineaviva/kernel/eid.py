"""The number of an eUICC, the chip that holds eSIM profiles (GSMA SGP.29)."""

from __future__ import annotations

import re

from stdnum.iso7064 import mod_97_10

from lineaviva.kernel.errors import InvalidInput


def parse_eid(text: str, field: str = "eid") -> str:
    """The 32 digits of an EID, its check digits (ISO 7064 mod 97-10) verified. Raises InvalidInput (eid_invalid)."""
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"89[0-9]{30}", digits):
        raise InvalidInput("An EID has 32 digits and begins with 89.", code="eid_invalid", field=field)
    if not mod_97_10.is_valid(digits):
        raise InvalidInput(
            "This EID's check digits do not fit the others; one digit was probably mistyped.",
            code="eid_invalid",
            field=field,
        )
    return digits
