"""Discounts that a carrier lists, as promotions; one that is not wholly understood is not given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from lineaviva.keeper.catalogue.ports import PromotionDraft
from lineaviva.keeper.catalogue.rules import CONDITIONS, Draft
from lineaviva.keeper.catalogue.tmf.prices import absolute, is_discount, prices_of
from lineaviva.keeper.catalogue.tmf.values import Document, documents, text, valid_for


def promotions_of(draft: Draft, offering: Document, known: Mapping[str, Document]) -> Iterator[PromotionDraft]:
    """Prices that are discounts (v4.0 and ours), and alterations inside a price (v4.1)."""
    for price in prices_of(offering, known):
        found = [price] if is_discount(price) else documents(price.get("priceAlteration"))
        for number, discount in enumerate(found):
            identity = text(discount.get("id")) or f"{text(price.get('id'))}-{number}"
            promotion = _promotion(draft, identity, discount)
            if promotion is not None:
                yield promotion


def _promotion(draft: Draft, identity: str, discount: Document) -> PromotionDraft | None:
    """None where what it takes off, its end or one of its conditions is not understood: better the full price."""
    off_minor, off_percent = _off(discount, draft.currency)
    conditions = _conditions(discount)
    begins, ends = valid_for(discount)
    unread_end = ends is None and bool(text((discount.get("validFor") or {}).get("endDateTime")))
    if conditions is None or unread_end or off_percent > 100 or (not off_percent and not off_minor):
        return None
    return PromotionDraft(
        key=f"{draft.external_id}:{identity}"[:90],
        external_id=draft.external_id,
        name=(text(discount.get("name")) or draft.name)[:120],
        off_minor=off_minor,
        off_percent=off_percent,
        valid_from=begins,
        valid_until=ends,
        conditions=conditions,
    )


def _off(discount: Document, currency: str) -> tuple[int, int]:
    """(minor units, percent), of which one is zero."""
    price = discount.get("price")
    inner = price if isinstance(price, Mapping) else {}
    percent = discount.get("percentage", inner.get("percentage"))
    if percent is None:
        return absolute(price, currency), 0
    whole = isinstance(percent, int | Decimal) and percent == int(percent)
    return 0, abs(int(percent)) if whole else 0


def _conditions(discount: Document) -> dict[str, Any] | None:
    """Constraints by name, as `sim_type=esim`, `minimum_minor=1000`, `once_per_line`; None if one is not understood."""
    conditions: dict[str, Any] = {}
    for constraint in documents(discount.get("constraint")):
        name, _, value = text(constraint.get("name")).partition("=")
        if name not in CONDITIONS or (name == "minimum_minor" and not value.isdecimal()):
            return None
        conditions[name] = int(value) if name == "minimum_minor" else value or True
    return conditions
