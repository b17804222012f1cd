"""Attribute filters of TMF630 on resources that are at hand as JSON: `name=x`, `category.id=plan`, `lastUpdate.gt=...`.

Several values of one attribute are alternatives, by comma or by naming it again. A value is also tried as it stands,
since names have commas too.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def alternatives(values: Iterable[str]) -> list[str]:
    """Each value, and its parts where it is a list by comma."""
    found = {part: None for value in values for part in (value, *(value.split(",") if "," in value else ()))}
    return list(found)


def matches(resource: Mapping[str, Any], wanted: Mapping[str, Sequence[str]]) -> bool:
    """Whether each attribute has one of its values."""
    return all(_has(resource, name, values) for name, values in wanted.items())


def _has(resource: Mapping[str, Any], name: str, values: Sequence[str]) -> bool:
    path = name.split(".")
    found = values_at(resource, path)
    if any(value in found for value in values):
        return True
    compare = _ORDER.get(path[-1])
    if compare is None:
        return False
    return any(_ordered(one, value, compare) for one in values_at(resource, path[:-1]) for value in values)


def values_at(found: Any, path: Sequence[str]) -> list[str]:
    """What the path leads to, as text; through each element where it meets a list."""
    if isinstance(found, list):
        return [value for one in found for value in values_at(one, path)]
    if path:
        return values_at(found.get(path[0]), path[1:]) if isinstance(found, dict) else []
    return [] if found is None else [json.dumps(found) if isinstance(found, bool) else str(found)]


def _ordered(one: str, other: str, compare: Callable[[Any, Any], bool]) -> bool:
    """Compared as instants or as numbers, whichever both are; nothing else has an order here."""
    for reading in (_instant, _number):
        left, right = reading(one), reading(other)
        if left is not None and right is not None:
            return compare(left, right)
    return False


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
