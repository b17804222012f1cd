"""Pure: what one cell of a spreadsheet means, also after Excel had its way with it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

from lineaviva.keeper.lines import rules
from lineaviva.kernel.errors import InvalidInput

# What spreadsheets take for the start of a formula, also after apostrophes that guard it; the wide forms where input
# is Chinese or Japanese.
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r＝＋－＠]")
_AS_TEXT = re.compile(r'="([^"]*)"')
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+")
_TRAILING_ZEROS = re.compile(r"([+]?\d+)[.,]0+")
_LOST_PLUS = re.compile(r"39\d{9,10}")

_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_MIDNIGHT = re.compile(r"[ T]0?0:00(?::00)?(?:\.0+)?$")
_SERIAL = re.compile(r"(\d{5})(?:[.,]0+)?")
_SHORT_YEAR = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2}")
_SERIAL_ZERO = date(1899, 12, 30)  # Excel's day 0, which takes 1900 for a leap year into account

_YES = frozenset({"yes", "y", "si", "sì", "s", "true", "vero", "1", "是", "1.0"})
_NO = frozenset({"no", "n", "false", "falso", "0", "否", "0.0"})
_SIM_TYPES = {"sim": "physical", "usim": "physical", "e-sim": "esim"}


def guarded(text: str) -> str:
    """The text so that no spreadsheet runs it as a formula; `bare` takes the guard off again."""
    return f"'{text}" if _FORMULA.match(text) else text


def bare(cell: str) -> str:
    """The text of a cell without spaces around it, the guard of `guarded`, or Excel's ="…" around text."""
    text = cell.strip()
    as_text = _AS_TEXT.fullmatch(text)
    if as_text:
        return as_text[1].strip()
    return text[1:] if _GUARDED.match(text) else text


def number(cell: str, *, field: str) -> str:
    """The digits of a number that names something. InvalidInput (number_mangled) when a spreadsheet rounded it away."""
    text = bare(cell).lstrip("'")
    if _SCIENTIFIC.fullmatch(text):
        raise InvalidInput(
            f"A spreadsheet shortened this number to {text} and its last digits are lost; format the column as text "
            "and write the number again.",
            code="number_mangled",
            field=field,
        )
    whole = _TRAILING_ZEROS.fullmatch(text)
    return whole[1] if whole else text


def msisdn(cell: str) -> str:
    """A phone number as text; one that starts with 39 and is too long for a national one has lost its plus."""
    text = number(cell, field="msisdn")
    return f"+{text}" if _LOST_PLUS.fullmatch(text) else text


@lru_cache(maxsize=4096)
def day(cell: str, *, field: str) -> date | None:
    """A day: ISO, day first with / - or ., Chinese, or Excel's serial; None when empty. InvalidInput (date_invalid)."""
    text = _MIDNIGHT.sub("", bare(cell))
    if not text:
        return None
    serial = _SERIAL.fullmatch(text)
    if serial:
        return _SERIAL_ZERO + timedelta(days=int(serial[1]))
    found = _day_of(text)
    if found:
        return found
    hint = "write the year with four digits" if _SHORT_YEAR.fullmatch(text) else "write it as 2025-03-31 or 31/03/2025"
    raise InvalidInput(f"{text!r} is not a day: {hint}.", code="date_invalid", field=field)


def _day_of(text: str) -> date | None:
    for form, order in ((_YEAR_FIRST, (1, 2, 3)), (_CHINESE, (1, 2, 3)), (_DAY_FIRST, (3, 2, 1))):
        match = form.fullmatch(text)
        if match:
            year, month, of_month = (int(match[group]) for group in order)
            try:
                return date(year, month, of_month)
            except ValueError:
                return None
    return None


def yes(cell: str) -> bool | None:
    """Yes or no in the words of our languages; None when empty. InvalidInput (yes_no_invalid)."""
    text = bare(cell).casefold()
    if not text:
        return None
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise InvalidInput(f"{cell.strip()!r} is neither yes nor no.", code="yes_no_invalid", field="auto_renew")


def sim_type(cell: str) -> str | None:
    """physical or esim; None when empty. InvalidInput (sim_type_unknown)."""
    text = bare(cell).casefold()
    return rules.sim_type_checked(_SIM_TYPES.get(text, text)) if text else None
