"""Italian mobile numbers, as people write them, to E.164 and back."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from lineaviva.kernel.errors import InvalidInput

_ITALY = 39
_WRITTEN = re.compile(r"\+?[\d\s().\-/]+")
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


def parse_msisdn(text: str, field: str = "msisdn") -> str:
    """The E.164 form ("+393471234567") of an Italian mobile number with or without +39 or 0039, spaced or not.

    Raises InvalidInput: msisdn_invalid (not a number, or none that is given out), msisdn_foreign, msisdn_fixed_line.
    """
    number = _read(text, field)
    if number.country_code != _ITALY:
        raise InvalidInput(
            "This is not an Italian number; it must begin with +39 or with a mobile prefix such as 347.",
            code="msisdn_foreign",
            field=field,
        )
    kind = phonenumbers.number_type(number)
    # With too many digits a mobile number may pass for a mailbox, which is no fixed line either.
    if kind == PhoneNumberType.UNKNOWN or (kind not in _MOBILE and str(number.national_number).startswith("3")):
        raise InvalidInput(
            "This is not an Italian mobile number; one has 9 or 10 digits after +39 and begins with 3.",
            code="msisdn_invalid",
            field=field,
        )
    if kind not in _MOBILE:
        raise InvalidInput(
            "This is a fixed line or a service number; only Italian mobile numbers can be kept.",
            code="msisdn_fixed_line",
            field=field,
        )
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def national(msisdn: str) -> str:
    """An E.164 number as Italians write it at home: "347 123 4567"."""
    return phonenumbers.format_number(phonenumbers.parse(msisdn, None), PhoneNumberFormat.NATIONAL)


def _read(text: str, field: str) -> PhoneNumber:
    plain = unicodedata.normalize("NFKC", text).strip()
    if not _WRITTEN.fullmatch(plain):
        raise InvalidInput(
            "A phone number has only digits, spaces and a leading +.", code="msisdn_invalid", field=field
        )
    try:
        return phonenumbers.parse(plain, "IT")
    except NumberParseException:
        raise InvalidInput("This is not a phone number.", code="msisdn_invalid", field=field) from None
