"""TMF630's common rules, as functions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.tmf.common import Money, Quantity, cents, dump
from lineaviva.carrier.tmf.rest import number_of, shown

RESOURCE = {"id": "1", "href": "h", "@type": "T", "name": "n", "price": {"unit": "EUR"}}


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ("", {"id", "href", "@type", "name", "price"}),
        ("none", {"id", "href", "@type"}),
        ("name", {"id", "href", "@type", "name"}),
        ("name, price", {"id", "href", "@type", "name", "price"}),
        ("price.unit", {"id", "href", "@type", "price"}),
        ("unknown", {"id", "href", "@type"}),
        (",,", {"id", "href", "@type", "name", "price"}),
    ],
)
def test_fields(fields: str, kept: set[str]) -> None:
    assert set(shown(RESOURCE, fields)) == kept


@pytest.mark.parametrize(
    ("prefix", "identity", "number"),
    [
        ("line-", "line-12", 12),
        ("", "12", 12),
        ("line-", "plan-12", None),
        ("line-", "line-", None),
        ("line-", "line--1", None),
        ("line-", "line-1 ", None),
        ("", "١٢", None),
        ("", "9" * 19, None),
    ],
)
def test_numbers_of_resources(prefix: str, identity: str, number: int | None) -> None:
    assert number_of(prefix, identity) == number


@given(st.integers(min_value=0, max_value=10**10))
def test_cents_go_over_the_wire_and_back_exactly(minor: int) -> None:
    assert cents(Money.of(minor).value) == minor
    assert cents(Quantity.of_money(minor, "EUR").amount) == minor


@pytest.mark.parametrize(
    ("value", "minor"), [(5, 500), (4.99, 499), (0.1, 10), (0, 0), (-3, -300), (Decimal("1.5"), 150)]
)
def test_cents(value: Any, minor: int) -> None:
    assert cents(value) == minor


@pytest.mark.parametrize("value", ["5", True, None, 0.001, 4.9999, float("inf"), float("nan"), 1e12])
def test_what_is_no_amount(value: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        cents(value)


def test_attributes_without_a_value_are_left_out() -> None:
    assert dump(Quantity(amount=1, units="MB")) == {"amount": 1.0, "units": "MB"}
