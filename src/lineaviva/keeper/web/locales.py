"""Dates, times, amounts and numbers as readers of the four languages write them."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import cache
from typing import Any

from babel.core import Locale
from babel.dates import format_skeleton, format_time
from babel.numbers import format_decimal
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, gettext_noop, ngettext

from lineaviva.keeper.accounts.rules import DEFAULT_LANGUAGE, language_of
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.money import Money
from lineaviva.kernel.phone import national

# English readers in Italy write the day before the month.
_LOCALES = {"zh-hans": "zh_Hans_CN", "zh-hant": "zh_Hant_TW", "it": "it_IT", "en": "en_GB"}
# The subtag a page's lang attribute carries; "zh-Hans" and not "zh-hans" by BCP 47.
HTML_LANG = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant", "it": "it", "en": "en"}


def language() -> str:
    """The language of ours in which this page is being written."""
    return language_of(get_language()) or DEFAULT_LANGUAGE


def locale() -> Locale:
    return _locale(language())


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_LOCALES[language])


def day(value: date) -> str:
    """A calendar day with its weekday and year: Fri 4 Dec 2026, 2026年12月4日周五."""
    return format_skeleton("yMMMEd", _noon(value), locale=locale()).replace(",", "")


def _noon(value: date) -> datetime:
    return datetime.combine(value, time(12), ROME)


def short_day(value: date) -> str:
    """A calendar day with its year: 4 Dec 2026."""
    return format_skeleton("yMMMd", _noon(value), locale=locale())


def moment(value: datetime) -> str:
    """A day and a time of day in Rome: Fri 4 Dec 2026, 14:20."""
    at = value.astimezone(ROME)
    return f"{day(at.date())} {clock_time(value)}"


def clock_time(value: datetime, *, seconds: bool = False) -> str:
    at = value.astimezone(ROME)
    return str(format_time(at, "HH:mm:ss" if seconds else "HH:mm", locale=locale()))


def relative(days: int) -> str:
    """How far away a day is: today, tomorrow, in 12 days, 3 days ago."""
    if days in _NEAR:
        return gettext(_NEAR[days])
    if days > 0:
        return ngettext("in %(days)s day", "in %(days)s days", days) % {"days": grouped(days)}
    return ngettext("%(days)s day ago", "%(days)s days ago", -days) % {"days": grouped(-days)}


_NEAR = {0: gettext_noop("today"), 1: gettext_noop("tomorrow"), -1: gettext_noop("yesterday")}


def grouped(value: int) -> str:
    """A whole number with its thousands apart."""
    return str(format_decimal(value, locale=locale()))


def time_tag(machine: str, words: str) -> SafeString:
    """A day or an instant that a program can read, too."""
    return format_html('<time datetime="{}" class="nowrap">{}</time>', machine, words)


def money(minor: int, currency: str = "EUR") -> str:
    return Money(minor, currency).format(language())


def data_volume(megabytes: Any) -> str:
    """5120 -> 5 GB, 500 -> 500 MB; a gigabyte is 1,000 MB when it divides so, else 1,024 MB."""
    amount = int(megabytes)
    for size in (1000, 1024):
        if amount >= size and amount % size == 0:
            return f"{grouped(amount // size)} GB"
    if amount >= 1024:
        return f"{format_decimal(round(amount / 1024, 1), locale=locale())} GB"
    return f"{grouped(amount)} MB"


def phone(msisdn: str) -> str:
    """A number in groups that can be read aloud: +39 347 123 4567."""
    return national(msisdn)


def spaced(code: str) -> str:
    """A short code in two groups that stay on one line: ABCD EFGH."""
    half = (len(code) + 1) // 2
    return f"{code[:half]}\u00a0{code[half:]}" if len(code) > 5 else code
