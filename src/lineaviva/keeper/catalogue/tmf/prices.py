"""ProductOfferingPrice: what it costs and for how long, in the shapes of v4.0 and v4.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lineaviva.keeper.catalogue.tmf.values import Document, documents, text, valid_for
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

MOST = 10**9  # minor units; more is a slip of the carrier's
_MONTHS = {"month": 1, "months": 1, "monthly": 1, "year": 12, "years": 12, "yearly": 12, "annual": 12}
_DAYS = {"day": 1, "days": 1, "daily": 1, "week": 7, "weeks": 7, "weekly": 7}


def prices_of(offering: Document, known: Mapping[str, Document]) -> Iterator[Document]:
    """The offering's prices; where it only refers to one, the resource of that id if there is one."""
    for entry in documents(offering.get("productOfferingPrice")):
        yield known.get(text(entry.get("id")), entry)


def is_discount(price: Document) -> bool:
    return "discount" in text(price.get("priceType")).lower()


def is_charged(price: Document, now: datetime) -> bool:
    """Whether it is a charge that counts at `now`: a carrier announces its next price beside the present one."""
    begins, ends = valid_for(price)
    return not is_discount(price) and (begins is None or begins <= now) and (ends is None or now < ends)


def total(charges: list[Document]) -> tuple[int | None, str]:
    """The charges added up; None as soon as one of them cannot be read, or two currencies meet."""
    amounts = [_money(charge.get("price")) for charge in charges]
    currencies = {currency for _, currency in amounts}
    if not amounts or len(currencies) != 1 or any(minor is None for minor, _ in amounts):
        return None, "EUR"
    return sum(minor or 0 for minor, _ in amounts), currencies.pop()


def absolute(price: Any, currency: str) -> int:
    """A discount's amount in minor units; some carriers write it below zero, some above.

    0 for what cannot be read or is of another currency.
    """
    amount = _amount(price)
    unit = text(amount.get("unit")) or "EUR"
    return (_minor(str(amount.get("value")).lstrip("-"), unit) or 0) if unit == currency else 0


def period(offering: Document, charges: list[Document]) -> tuple[int | None, int | None]:
    """(months, days) of a recurring charge, or else of the first term with a duration."""
    for charge in charges:
        unit = charge.get("recurringChargePeriodType") or charge.get("recurringChargePeriod")
        found = _length(charge.get("recurringChargePeriodLength") or 1, unit)
        if found != (None, None):
            return found
    for term in documents(offering.get("productOfferingTerm")):
        duration = term.get("duration")
        if isinstance(duration, Mapping):
            return _length(duration.get("amount"), duration.get("units"))
    return None, None


def _money(price: Any) -> tuple[int | None, str]:
    amount = _amount(price)
    currency = text(amount.get("unit")) or "EUR"
    return _minor(amount.get("value"), currency), currency


def _amount(price: Any) -> Document:
    """The Money inside a price of v4.1, or the price itself, which is a Money in v4.0."""
    if not isinstance(price, Mapping):
        return {}
    inner = price.get("taxIncludedAmount")
    return inner if isinstance(inner, Mapping) else price


def _minor(value: Any, currency: str) -> int | None:
    """Minor units of the currency; None for anything that is not a plain amount in whole ones of a real currency."""
    try:
        found = Money.parse(f"{Decimal(str(value)).normalize():f}", currency)
    except (InvalidOperation, InvalidInput):
        return None
    return found.minor if 0 <= found.minor < MOST else None


def _length(amount: Any, unit: Any) -> tuple[int | None, int | None]:
    word = text(unit).lower()
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= 3650:
        return None, None
    return (amount * _MONTHS[word] if word in _MONTHS else None, amount * _DAYS[word] if word in _DAYS else None)
