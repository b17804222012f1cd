"""TMF620 resources read liberally: v4.0 or v4.1, prices inline or referred to; what cannot be understood is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lineaviva.keeper.catalogue.ports import Listing, PromotionDraft
from lineaviva.keeper.catalogue.rules import CONDITIONS, Draft

Document = Mapping[str, Any]
LISTED = {"", "active", "launched"}
_MONTHS = {"month": 1, "months": 1, "monthly": 1, "year": 12, "years": 12, "yearly": 12, "annual": 12}
_DAYS = {"day": 1, "days": 1, "daily": 1, "week": 7, "weeks": 7, "weekly": 7}
_ALLOWANCES = {"data_mb", "minutes", "sms", "eu_roaming_mb", "calls_to_china"}


def listing(operator: str, offerings: list[dict[str, Any]], prices: Mapping[str, Document]) -> Listing:
    """What a carrier lists. `prices`: ProductOfferingPrice resources by id, for offerings that only refer to them."""
    drafts, promotions = {}, {}
    for document in offerings:
        draft = _draft(operator, document, prices)
        if draft is not None:
            drafts[draft.key] = draft
            for promotion in _promotions(draft, document, prices):
                promotions[promotion.key] = promotion
    return Listing(list(drafts.values()), list(promotions.values()))


def only_refers(document: Document) -> bool:
    """Whether one of the offering's prices is a bare reference, so that the price itself must be fetched."""
    return any("price" not in p and "percentage" not in p for p in _dicts(document.get("productOfferingPrice")))


def _draft(operator: str, document: Document, prices: Mapping[str, Document]) -> Draft | None:
    identity, name = _text(document.get("id")), _text(document.get("name"))
    if not identity or len(identity) > 60 or _text(document.get("lifecycleStatus")).lower() not in LISTED:
        return None
    charges = [p for p in _prices(document, prices) if not _is_discount(p)]
    price, currency = _sum(charges)
    months, days = _period(document, charges)
    kind = _kind(identity, document)
    begins, ends = _valid(document)
    return Draft(
        operator=operator,
        external_id=identity,
        kind=kind,
        name=(name or identity)[:120],
        source="tmf620",
        price_minor=price,
        currency=currency,
        period_months=None if kind == "topup" else months,
        period_days=None if kind == "topup" else days,
        allowances=_allowances(document),
        extends=_flag(_characteristics(document).get("extends")),
        sellable=document.get("isSellable") is not False,
        valid_from=begins,
        valid_until=ends,
    )


def _kind(identity: str, document: Document) -> str:
    words = [identity, _text(document.get("@type"))]
    words += [_text(c.get("name")) + _text(c.get("id")) for c in _dicts(document.get("category"))]
    plain = "".join(words).lower().replace("-", "").replace("_", "").replace(" ", "")
    return "topup" if "topup" in plain or "ricarica" in plain else "plan"


# --- prices -------------------------------------------------------------------------------------------------------


def _prices(document: Document, known: Mapping[str, Document]) -> Iterator[Document]:
    for entry in _dicts(document.get("productOfferingPrice")):
        yield known.get(_text(entry.get("id")), entry)


def _is_discount(price: Document) -> bool:
    return "discount" in _text(price.get("priceType")).lower()


def _sum(charges: list[Document]) -> tuple[int | None, str]:
    """The charges added up; None as soon as one of them cannot be read, or two currencies meet."""
    amounts = [_money(charge.get("price")) for charge in charges]
    currencies = {currency for _, currency in amounts}
    if not amounts or len(currencies) != 1 or any(minor is None for minor, _ in amounts):
        return None, "EUR"
    return sum(minor or 0 for minor, _ in amounts), currencies.pop()


def _money(price: Any) -> tuple[int | None, str]:
    if not isinstance(price, Mapping):
        return None, "EUR"
    inner = price.get("taxIncludedAmount")
    amount = inner if isinstance(inner, Mapping) else price
    currency = _text(amount.get("unit")) or "EUR"
    return _minor(amount.get("value"), currency), currency


def _minor(value: Any, currency: str) -> int | None:
    """Minor units of a two-place currency; None for anything that is not a plain amount of whole cents."""
    try:
        cents = Decimal(str(value)) * 100
    except InvalidOperation:
        return None
    readable = len(currency) == 3 and cents.is_finite() and cents == cents.to_integral_value()
    return int(cents) if readable and 0 <= cents < 10**9 else None


def _period(document: Document, charges: list[Document]) -> tuple[int | None, int | None]:
    """(months, days) of a recurring charge, or else of the first term with a duration."""
    for charge in charges:
        unit = charge.get("recurringChargePeriodType") or charge.get("recurringChargePeriod")
        found = _length(charge.get("recurringChargePeriodLength") or 1, unit)
        if found != (None, None):
            return found
    for term in _dicts(document.get("productOfferingTerm")):
        duration = term.get("duration")
        if isinstance(duration, Mapping):
            return _length(duration.get("amount"), duration.get("units"))
    return None, None


def _length(amount: Any, unit: Any) -> tuple[int | None, int | None]:
    word = _text(unit).lower()
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= 3650:
        return None, None
    return (amount * _MONTHS[word] if word in _MONTHS else None, amount * _DAYS[word] if word in _DAYS else None)


# --- discounts ----------------------------------------------------------------------------------------------------


def _promotions(draft: Draft, document: Document, prices: Mapping[str, Document]) -> Iterator[PromotionDraft]:
    for price in _prices(document, prices):
        found = [price] if _is_discount(price) else _dicts(price.get("priceAlteration"))
        for number, discount in enumerate(found):
            identity = _text(discount.get("id")) or f"{_text(price.get('id'))}-{number}"
            promotion = _promotion(draft, identity, discount)
            if promotion is not None:
                yield promotion


def _promotion(draft: Draft, identity: str, document: Document) -> PromotionDraft | None:
    """None where the discount or one of its conditions cannot be understood: better the full price than a wrong one."""
    value = document.get("price")
    inner = value if isinstance(value, Mapping) else {}
    percent = document.get("percentage", inner.get("percentage"))
    off_percent = abs(int(percent)) if isinstance(percent, int | Decimal) and percent == int(percent) else 0
    off_minor = 0 if percent is not None else _absolute(value)
    conditions = _conditions(document)
    begins, ends = _valid(document)
    endless = ends is None and _text((document.get("validFor") or {}).get("endDateTime")) != ""
    if conditions is None or endless or off_percent > 100 or (not off_percent and not off_minor):
        return None
    return PromotionDraft(
        key=f"{draft.external_id}:{identity}"[:90],
        external_id=draft.external_id,
        name=(_text(document.get("name")) or draft.name)[:120],
        off_minor=off_minor,
        off_percent=off_percent,
        valid_from=begins,
        valid_until=ends,
        conditions=conditions,
    )


def _absolute(price: Any) -> int:
    """A discount's amount: some carriers write it below zero, some above."""
    if not isinstance(price, Mapping):
        return 0
    inner = price.get("taxIncludedAmount")
    amount = inner if isinstance(inner, Mapping) else price
    text = str(amount.get("value")).lstrip("-")
    return _minor(text, _text(amount.get("unit")) or "EUR") or 0


def _conditions(document: Document) -> dict[str, Any] | None:
    """Constraints by name, as `sim_type=esim`, `minimum_minor=1000`, `once_per_line`; None if one is not understood."""
    conditions: dict[str, Any] = {}
    for constraint in _dicts(document.get("constraint")):
        name, _, value = _text(constraint.get("name")).partition("=")
        if name not in CONDITIONS or (name == "minimum_minor" and not value.isdecimal()):
            return None
        conditions[name] = int(value) if name == "minimum_minor" else value or True
    return conditions


# --- characteristics ----------------------------------------------------------------------------------------------


def _characteristics(document: Document) -> dict[str, Any]:
    found = {}
    for use in _dicts(document.get("prodSpecCharValueUse")):
        values = [v.get("value") for v in _dicts(use.get("productSpecCharacteristicValue"))]
        if values:
            found[_text(use.get("name")).lower()] = values[0]
    return found


def _allowances(document: Document) -> dict[str, Any]:
    found = {}
    for name, value in _characteristics(document).items():
        plain = value.get("value") if isinstance(value, Mapping) and "value" in value else value
        if name == "calls_to_china":
            found[name] = _china(plain)
        elif name in _ALLOWANCES:
            found[name] = _quantity(plain)
    return {name: value for name, value in found.items() if value is not None}


def _china(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): str(v) for k, v in value.items()}
    flag = _flag(value)
    return {"en": str(value)} if flag is None and _text(value) else ({"en": "yes"} if flag else flag)


def _quantity(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    text = str(value).strip().lower()
    if text in {"unlimited", "-1"}:
        return -1
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "false": False, "no": False}.get(_text(value).lower())


# --- small readers ------------------------------------------------------------------------------------------------


def _valid(document: Document) -> tuple[datetime | None, datetime | None]:
    period = document.get("validFor")
    if not isinstance(period, Mapping):
        return None, None
    return _instant(period.get("startDateTime")), _instant(period.get("endDateTime"))


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
