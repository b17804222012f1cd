"""The number of a SIM card or eSIM profile (ITU-T E.118)."""

from __future__ import annotations

import re

from stdnum import luhn

from lineaviva.kernel.errors import InvalidInput

_WITHOUT_CHECK_DIGIT = 18


def parse_iccid(text: str, field: str = "iccid") -> str:
    """The 19 or 20 digits of an ICCID. Of 18 the check digit is added; of 19 and 20 it is verified.

    Spaces, hyphens and the F that fills the last half byte on the card are left out. Raises InvalidInput
    (iccid_invalid).
    """
    digits = re.sub(r"[\s-]", "", text)
    digits = digits[:-1] if len(digits) == 20 and digits[-1] in "Ff" else digits
    if not re.fullmatch(r"89[0-9]{16,18}", digits):
        raise InvalidInput("An ICCID has 18 to 20 digits and begins with 89.", code="iccid_invalid", field=field)
    if len(digits) == _WITHOUT_CHECK_DIGIT:
        return digits + str(luhn.calc_check_digit(digits))
    if not luhn.is_valid(digits):
        raise InvalidInput(
            "This ICCID's last digit does not fit the others; one digit was probably mistyped.",
            code="iccid_invalid",
            field=field,
        )
    return digits
