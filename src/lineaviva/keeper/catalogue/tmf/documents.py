"""TMF620 resources read liberally: v4.0 or v4.1, prices inline or referred to; what cannot be understood is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lineaviva.keeper.catalogue.ports import Listing
from lineaviva.keeper.catalogue.rules import Draft
from lineaviva.keeper.catalogue.tmf import prices
from lineaviva.keeper.catalogue.tmf.discounts import promotions_of
from lineaviva.keeper.catalogue.tmf.values import Document, documents, flag, quantity, text, valid_for

LISTED = {"", "active", "launched"}
_ALLOWANCES = {"data_mb", "minutes", "sms", "eu_roaming_mb"}


def listing(operator: str, offerings: list[dict[str, Any]], known: Mapping[str, Document], *, now: datetime) -> Listing:
    """What a carrier lists at `now`.

    `known`: ProductOfferingPrice resources by id, for offerings that only refer to them.
    """
    drafts, promotions = {}, {}
    for document in offerings:
        draft = _draft(operator, document, known, now)
        if draft is not None:
            drafts[draft.key] = draft
            promotions.update({found.key: found for found in promotions_of(draft, document, known)})
    return Listing(list(drafts.values()), list(promotions.values()))


def only_refers(document: Document) -> bool:
    """Whether one of the offering's prices is a bare reference, so that the price itself must be fetched."""
    return any("price" not in p and "percentage" not in p for p in documents(document.get("productOfferingPrice")))


def _draft(operator: str, document: Document, known: Mapping[str, Document], now: datetime) -> Draft | None:
    """None for what is not on sale, or has no id that we could order it by."""
    identity, name = text(document.get("id")), text(document.get("name"))
    if not identity or len(identity) > 60 or text(document.get("lifecycleStatus")).lower() not in LISTED:
        return None
    charges = [price for price in prices.prices_of(document, known) if prices.is_charged(price, now)]
    price, currency = prices.total(charges)
    kind = _kind(identity, document)
    months, days = (None, None) if kind == "topup" else prices.period(document, charges)
    begins, ends = valid_for(document)
    values = _characteristics(document)
    return Draft(
        operator=operator,
        external_id=identity,
        kind=kind,
        name=(name or identity)[:120],
        source="tmf620",
        price_minor=price,
        currency=currency,
        period_months=months,
        period_days=days,
        allowances=_allowances(values),
        extends=flag(values.get("extends")),
        sellable=document.get("isSellable") is not False,
        valid_from=begins,
        valid_until=ends,
    )


def _kind(identity: str, document: Document) -> str:
    words = [identity, text(document.get("@type"))]
    words += [text(category.get("name")) + text(category.get("id")) for category in documents(document.get("category"))]
    plain = "".join(words).lower().replace("-", "").replace("_", "").replace(" ", "")
    return "topup" if "topup" in plain or "ricarica" in plain else "plan"


def _characteristics(document: Document) -> dict[str, Any]:
    """The first value of each prodSpecCharValueUse, by name."""
    found = {}
    for use in documents(document.get("prodSpecCharValueUse")):
        values = [value.get("value") for value in documents(use.get("productSpecCharacteristicValue"))]
        if values:
            first = values[0]
            found[text(use.get("name")).lower()] = first.get("value", first) if isinstance(first, Mapping) else first
    return found


def _allowances(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: quantity(value) for name, value in values.items() if name in _ALLOWANCES}
    known: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    china = _china(values.get("calls_to_china"))
    return known if china is None else {**known, "calls_to_china": china}


def _china(value: Any) -> dict[str, str] | bool | None:
    """Texts by language, False for none, None for not known."""
    if isinstance(value, Mapping):
        return {str(language): str(words) for language, words in value.items()}
    said = flag(value)
    if said is None:
        return {"en": str(value)} if text(value) else None
    return {"en": "yes"} if said else False
