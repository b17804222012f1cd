"""An amount in one currency: whole minor units (cents), never a float."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache

from babel.core import get_global
from babel.numbers import format_currency, get_currency_precision

from lineaviva.kernel.errors import InvalidInput

# The reader's language code -> the locale by whose customs amounts are written.
_LOCALES = {"zh-hans": "zh_Hans_CN", "zh-hant": "zh_Hant_TW", "it": "it_IT", "en": "en_IE"}

_PLAIN = re.compile(r"([+-]?)(\d+)(?:[.,](\d+))?")
# Thousands are only believed when a decimal mark of the other kind follows: "1.234" alone could mean two things.
_GROUPED = re.compile(r"([+-]?)(\d{1,3}(?:\.\d{3})+),(\d+)|([+-]?)(\d{1,3}(?:,\d{3})+)\.(\d+)")
# What a BigInteger column can hold.
_LARGEST = 2**63 - 1


@lru_cache(maxsize=1024)
def _formatted(money: Money, language: str) -> str:
    """A price list has few amounts, and a page shows them many times."""
    locale = _LOCALES.get(language.lower()) or _LOCALES.get(language.lower().partition("-")[0], "en_IE")
    return str(format_currency(money.decimal, money.currency, locale=locale))


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units of `currency` (ISO 4217). Only amounts of one currency add up or compare."""

    minor: int
    currency: str = "EUR"

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"Money counts whole minor units, not {type(self.minor).__name__}")
        if self.currency not in _currencies():
            raise InvalidInput("This is not the code of a currency.", code="currency_unknown", field="currency")

    @classmethod
    def parse(cls, text: str, currency: str = "EUR", field: str = "amount") -> Money:
        """Read "12,50", "12.50", "12" or "1.234,50". Raises InvalidInput on anything else, and on too many decimals."""
        sign, whole, decimals = _parts(unicodedata.normalize("NFKC", text).strip(), field)
        places = _places(currency)
        if len(decimals) > places:
            raise InvalidInput(
                f"An amount in {currency} has at most {places} decimals.", code="amount_invalid", field=field
            )
        minor = int(f"{sign}{whole}{decimals.ljust(places, '0')}")
        if abs(minor) > _LARGEST:
            raise InvalidInput("This amount is too large.", code="amount_invalid", field=field)
        return cls(minor, currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.minor).scaleb(-_places(self.currency))

    def format(self, language: str) -> str:
        """As a reader of `language` (zh-hans, zh-hant, it, en) writes it."""
        return _formatted(self, language)

    def __str__(self) -> str:
        return f"{self.decimal:.{_places(self.currency)}f} {self.currency}"

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __mul__(self, times: int) -> Money:
        if type(times) is not int:
            raise TypeError("Money is multiplied by whole numbers; round other shares where the rule says how")
        return Money(self.minor * times, self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.minor), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other).minor

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other).minor

    def _same(self, other: object) -> Money:
        if not isinstance(other, Money):
            raise TypeError(f"Money and {type(other).__name__} do not go together")
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not go together")
        return other


@cache
def _currencies() -> frozenset[str]:
    return frozenset(get_global("all_currencies"))


def _places(currency: str) -> int:
    return int(get_currency_precision(currency))


def _parts(text: str, field: str) -> tuple[str, str, str]:
    """Sign, whole digits and decimal digits of an amount."""
    if plain := _PLAIN.fullmatch(text):
        return plain[1], plain[2], plain[3] or ""
    if grouped := _GROUPED.fullmatch(text):
        sign, whole, decimals = (
            found or "" for found in (grouped.groups()[:3] if grouped[2] else grouped.groups()[3:])
        )
        return sign, whole.replace(".", "").replace(",", ""), decimals
    raise InvalidInput("Write the amount like 12.50 or 12,50.", code="amount_invalid", field=field)
