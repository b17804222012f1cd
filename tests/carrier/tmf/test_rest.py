"""TMF630's common rules, as functions."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.filtering import alternatives, matches
from lineaviva.carrier.tmf.common import Money, Quantity, cents, dump
from lineaviva.carrier.tmf.rest import merged, number_of, shown, validated
from lineaviva.kernel.errors import InvalidInput

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


# --- filters ------------------------------------------------------------------------------------------------------

OFFER = {
    "id": "a",
    "name": "TIM 5,00 €",
    "isSellable": True,
    "statusReason": None,
    "lastUpdate": "2026-11-22T11:00:00Z",
    "category": [{"id": "plan", "name": "Plan"}, {"id": "new"}],
    "price": {"value": 7.99},
}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"id": ["a"]}, True),
        ({"id": ["b"]}, False),
        ({"id": ["b", "a"]}, True),
        ({"id": ["a"], "name": ["b"]}, False),
        ({"isSellable": ["true"]}, True),
        ({"isSellable": ["True"]}, False),
        ({"category.id": ["new"]}, True),
        ({"category.name": ["new"]}, False),
        ({"category": ["plan"]}, False),
        ({"id.deeper": ["a"]}, False),
        ({"statusReason": ["None"]}, False),
        ({"lastUpdate": ["2026-11-22T11:00:00Z"]}, True),
        ({"lastUpdate.gte": ["2026-11-22T12:00:00+01:00"]}, True),
        ({"lastUpdate.gt": ["2026-11-22T12:00:00+01:00"]}, False),
        ({"lastUpdate.gt": ["2026-11-21T00:00:00Z"], "lastUpdate.lt": ["2026-11-23T00:00:00Z"]}, True),
        ({"lastUpdate.lt": ["2026-11-22"]}, False),
        ({"lastUpdate.lt": ["soon"]}, False),
        ({"price.value.lte": ["7.99"]}, True),
        ({"price.value.lt": ["7.99"]}, False),
        ({"price.value.gt": ["1e1"]}, False),
        ({"price.value.gt": ["NaN"]}, False),
        ({"name.lt": ["zzz"]}, False),
        ({"nothing.gt": ["1"]}, False),
    ],
)
def test_attribute_filters(wanted: dict[str, list[str]], expected: bool) -> None:
    assert matches(OFFER, wanted) is expected


@pytest.mark.parametrize(
    ("values", "tried"),
    [
        ([], []),
        (["a"], ["a"]),
        (["a,b"], ["a,b", "a", "b"]),
        (["a", "b"], ["a", "b"]),
        (["a,b", "b"], ["a,b", "a", "b"]),
        (["TIM 5,00 €"], ["TIM 5,00 €", "TIM 5", "00 €"]),
    ],
)
def test_values_are_alternatives(values: list[str], tried: list[str]) -> None:
    assert alternatives(values) == tried


def test_a_name_with_a_comma_is_found_as_it_stands() -> None:
    assert matches(OFFER, {"name": alternatives(["TIM 5,00 €"])})


# --- patches ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        # The examples of RFC 7396, appendix A.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch(document: Any, patch: Any, result: Any) -> None:
    before = json.dumps(document)
    assert merged(document, patch) == result
    assert json.dumps(document) == before


VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=2), VALUES), st.dictionaries(st.text(max_size=2), VALUES | st.none()))
def test_a_patch_twice_is_a_patch_once(document: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merged(document, patch)
    assert merged(once, patch) == once


@pytest.mark.parametrize(
    ("document", "where", "says"),
    [
        ({"amount": 1}, "units", "Field required"),
        ({"amount": "x", "units": "EUR"}, "amount", "number"),
        ([], "body", "dictionary"),
        (None, "body", "dictionary"),
    ],
)
def test_what_is_not_valid_names_its_attribute(document: Any, where: str, says: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        validated(Quantity, document)
    assert refusal.value.field == where
    assert refusal.value.message.startswith(f"{where}: ")
    assert says in refusal.value.message
