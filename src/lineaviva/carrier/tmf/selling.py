"""From a ProductOffering as it was sent to the plan that is sold: what it costs, for how long, with what in it.

An offering is put on sale by its `lifecycleStatus` (Active or Launched) and a price. Then it must be one that we can
sell, or it is refused with the reason; as long as it is neither, anything may stand in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from lineaviva.carrier.catalogue.rules import PlanTerms
from lineaviva.carrier.subscriptions.rules import extends
from lineaviva.carrier.tmf.catalog_parts import Amount, InlinePrice, ProductOfferingPriceUpdate, ProductOfferingUpdate
from lineaviva.carrier.tmf.common import cents
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import InvalidInput, NotFound
from lineaviva.rulebook import Operator

ON_SALE = {"active", "launched"}
_MONTHS = {"month": 1, "months": 1, "monthly": 1, "year": 12, "years": 12, "yearly": 12}
_DAYS = {"day": 1, "days": 1, "daily": 1, "week": 7, "weeks": 7, "weekly": 7}
_LONGEST = 120  # months; 3,660 days
_DEAREST = 100_000_00
_PRICES = "productOfferingPrice"


@dataclass(frozen=True, slots=True)
class Charge:
    """What one period costs, from `starts` on where that is given."""

    price_minor: int
    months: int | None
    days: int | None
    starts: datetime | None = None


class Sale(NamedTuple):
    """`terms` as they are now, and the price that was announced with them: cents and the day it begins."""

    terms: PlanTerms
    later: tuple[int, date] | None
    has_present: bool


def wants_sale(body: ProductOfferingUpdate) -> bool:
    """Whether whoever sent this wants it sold."""
    launched = (body.lifecycle_status or "").lower() in ON_SALE
    return launched and body.is_sellable is not False and not body.is_bundle and bool(body.product_offering_price)


def sale_of(
    body: ProductOfferingUpdate, prices: Mapping[str, ProductOfferingPriceUpdate], operator: Operator, now: datetime
) -> Sale:
    """How it is sold. `prices`: the operator's own price resources by id, for offerings that only refer to them.

    Raises InvalidInput (offering_not_sellable, policy_unknown).
    """
    charges = [_charge(entry, prices) for entry in body.product_offering_price or [] if not is_discount(entry)]
    present = [one for one in charges if one.starts is None or one.starts <= now]
    later = [one for one in charges if one.starts is not None and one.starts > now]
    if len(present) > 1 or len(later) > 1 or not charges:
        raise _unsellable("There is one price at present, and at most one that follows.", _PRICES)
    charge = (present or later)[0]
    if len({(one.months, one.days) for one in charges}) > 1:
        raise _unsellable("A price that follows is for the same period.", _PRICES)
    announced = (later[0].price_minor, rome_date(later[0].starts)) if later and later[0].starts else None
    return Sale(_terms(body, charge, operator), announced, bool(present))


def is_discount(entry: InlinePrice) -> bool:
    return "discount" in (entry.price_type or "").lower()


def _charge(entry: InlinePrice, prices: Mapping[str, ProductOfferingPriceUpdate]) -> Charge:
    starts = entry.valid_for.start_date_time if entry.valid_for else None
    if entry.price is not None:
        kind, amount = entry.price_type, entry.price.tax_included_amount
        period, length = entry.recurring_charge_period, entry.recurring_charge_period_length
    else:
        known = prices.get(entry.id or "")
        if known is None:
            raise _unsellable(f"There is no price {entry.id!r} here.", f"{_PRICES}.id")
        kind, amount = known.price_type, known.price
        period, length = known.recurring_charge_period_type, known.recurring_charge_period_length
    if "recurring" not in (kind or "recurring").lower():
        raise _unsellable("A plan's price is recurring.", f"{_PRICES}.priceType")
    months, days = _period(period, 1 if length is None else length)
    return Charge(_minor(amount), months, days, starts)


def _minor(amount: Amount | None) -> int:
    if amount is None or amount.value is None:
        raise _unsellable("The price is missing: taxIncludedAmount, in euros.", f"{_PRICES}.price")
    if amount.unit not in {None, "EUR"}:
        raise _unsellable("Prices are in EUR.", f"{_PRICES}.price.unit")
    try:
        minor = int(cents(amount.value))
    except ValueError as error:
        raise _unsellable(f"The price {error}.", f"{_PRICES}.price.value") from None
    if not 0 < minor <= _DEAREST:
        raise _unsellable("A price is above zero and up to 100,000.", f"{_PRICES}.price.value")
    return minor


def _period(word: str | None, length: int) -> tuple[int | None, int | None]:
    unit = (word or "").lower()
    if unit in _MONTHS and 0 < length * _MONTHS[unit] <= _LONGEST:
        return length * _MONTHS[unit], None
    if unit in _DAYS and 0 < length * _DAYS[unit] <= _LONGEST * 30:
        return None, length * _DAYS[unit]
    raise _unsellable(
        "A price is for a period of days, weeks, months or years: recurringChargePeriod and its length.",
        f"{_PRICES}.recurringChargePeriod",
    )


def _terms(body: ProductOfferingUpdate, charge: Charge, operator: Operator) -> PlanTerms:
    values = _characteristics(body)
    policy = values.get("renewal_policy", "")
    try:
        operator.renewal_policy(str(policy))
    except NotFound as unknown:
        raise InvalidInput(f"{unknown.message}.", code="policy_unknown", field="prodSpecCharValueUse") from None
    moves = values.get("extends", extends(operator, "plan", 0))
    if not isinstance(moves, bool):
        raise _unsellable("extends is true or false.", "prodSpecCharValueUse")
    window = body.valid_for
    return PlanTerms(
        name=body.name or "",
        price_minor=charge.price_minor,
        period_months=charge.months,
        period_days=charge.days,
        extends=moves,
        data_mb=_allowance(values, "data_mb"),
        minutes=_allowance(values, "minutes"),
        sms=_allowance(values, "sms"),
        renewal_policy=str(policy),
        sold_from=window.start_date_time if window else None,
        sold_until=window.end_date_time if window else None,
    )


def _characteristics(body: ProductOfferingUpdate) -> dict[str, Any]:
    """The default, or else the first, value of each characteristic by name."""
    found: dict[str, Any] = {}
    for use in body.prod_spec_char_value_use or []:
        choices = use.product_spec_characteristic_value or []
        chosen = next((one for one in choices if one.is_default), choices[0] if choices else None)
        if chosen is not None and chosen.value is not None:
            found.setdefault(use.name, chosen.value)
    return found


def _allowance(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or not -1 <= value < 10**12:
        raise _unsellable(f"{name} is a whole number, or -1 for no limit.", "prodSpecCharValueUse")
    return int(value)


def _unsellable(why: str, field: str) -> InvalidInput:
    return InvalidInput(why, code="offering_not_sellable", field=field)
