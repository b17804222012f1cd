"""Pure: what a voucher's PIN looks like and how it is kept, what may be made, and how often may be guessed."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from ipaddress import IPv6Address, ip_address

from stdnum import luhn

from lineaviva.kernel.calendar import add_months

PIN_LENGTH = 16
LIFE_MONTHS = 24
LONGEST_LIFE = timedelta(days=3660)
MOST_VOUCHERS = 10_000
MOST_MINOR = 50_000  # of one voucher: whoever finds it has it
MOST_MOVED_MINOR = 100_000_000  # by staff, in one movement: what is more is mistyped, and postings stay
_LONGEST_NAME = 80
_DIGITS = "0123456789"
_SEPARATORS = re.compile(r"[\s\-–—.·_]+")


@dataclass(frozen=True)
class Guesses:
    """So many wrong PINs at once, and so many more an hour."""

    burst: int
    per_hour: int

    @property
    def per_minute(self) -> float:
        return self.per_hour / 60


# A PIN has 15 free digits: at these rates nobody meets one. A family, or a shop, is behind one address.
BY_ACCOUNT, BY_ADDRESS = Guesses(burst=5, per_hour=5), Guesses(burst=20, per_hour=20)


def pin_make(choose: Callable[[Sequence[str]], str]) -> str:
    """A new PIN of 16 digits; `choose` picks one of a sequence (`secrets.choice`). The last digit proves the others."""
    digits = "".join(choose(_DIGITS) for _place in range(PIN_LENGTH - 1))
    return digits + str(luhn.calc_check_digit(digits))


def pin_read(text: str) -> str:
    """The PIN as typed by a person, also with spaces, dashes or full-width digits; "" where it cannot be one.

    A slip of the finger is told from a guess by the last digit.
    """
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    right = len(digits) == PIN_LENGTH and digits.isascii() and digits.isdigit()
    return digits if right and luhn.is_valid(digits) else ""


def pin_grouped(pin: str) -> str:
    """In groups of four, as it is printed."""
    return " ".join(pin[at : at + 4] for at in range(0, len(pin), 4))


def pin_hash(pin: str, key: str) -> str:
    """What is kept of a PIN: 64 hex digits that nobody without `key` can try PINs against."""
    return hmac.new(key.encode(), f"voucher:{pin}".encode(), hashlib.sha256).hexdigest()


def life_default(today: date) -> date:
    """The last good day of a voucher for which nobody said another."""
    return add_months(today, LIFE_MONTHS)


def is_over(expires_on: date, today: date) -> bool:
    """Whether a voucher's last good day lies behind; the day itself is good."""
    return expires_on < today


def guesser(address: str) -> str:
    """Whom guesses from an address count for: whoever has one IPv6 address has all that begin as it does."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:40]
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or f"{found.exploded[:19]}::/64")
    return str(found)


def credit_key(user_id: int, signed_minor: int, reason: str) -> str:
    """What makes two credits (or two debits) by staff the same one, where nobody named them apart."""
    digest = hashlib.sha256(reason.encode()).hexdigest()[:24]
    return f"staff:{user_id}:{signed_minor}:{digest}"


def named_key(user_id: int, name: str) -> str:
    """The same where somebody did. A long name, as a transfer's text, is kept whole by its digest: two that begin alike
    are two.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()[:24]
    return f"staff:{user_id}:key:{name}" if len(name) <= _LONGEST_NAME else f"staff:{user_id}:key:{name[:50]}:{digest}"
