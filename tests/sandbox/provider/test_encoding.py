"""Nested forms as the API sends them, against the library's own encoder."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.sandbox.provider.encoding import Params, items, nested
from lineaviva.sandbox.provider.errors import ApiError


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([], {}),
        ([("a", "1")], {"a": "1"}),
        ([("a[b]", "1"), ("a[c]", "2")], {"a": {"b": "1", "c": "2"}}),
        ([("a[0][b]", "1"), ("a[1][b]", "2")], {"a": {"0": {"b": "1"}, "1": {"b": "2"}}}),
        ([("a[]", "1"), ("a[]", "2")], {"a": {"0": "1", "1": "2"}}),
        ([("a[b][c][d]", "1")], {"a": {"b": {"c": {"d": "1"}}}}),
    ],
)
def test_pairs_become_objects(pairs: list[tuple[str, str]], found: dict[str, Any]) -> None:
    assert nested(pairs) == found


@pytest.mark.parametrize("key", ["", "[a]", "a[b", "a]b", "a[b]c", "a[[b]]", "a[b][c][d][e][f][g]"])
def test_a_key_that_makes_no_sense(key: str) -> None:
    with pytest.raises(ApiError):
        nested([(key, "1")])


def test_a_value_is_not_an_object_too() -> None:
    with pytest.raises(ApiError):
        nested([("a", "1"), ("a[b]", "2")])


_names = st.text("abcdefgh_", min_size=1, max_size=8)
_texts = st.text("a1 é中[]=&%", min_size=1, max_size=8)
_objects = st.recursive(_texts, lambda inner: st.dictionaries(_names, inner, min_size=1, max_size=3), max_leaves=6)


def _depth(value: Any) -> int:
    return 1 + max(map(_depth, value.values())) if isinstance(value, dict) else 0


@given(st.dictionaries(_names, _objects, min_size=1, max_size=4))
def test_what_the_library_encodes_is_read_as_it_was(sent: dict[str, Any]) -> None:
    from stripe._encode import _api_encode

    if _depth(sent) <= 6:
        assert nested(list(_api_encode(sent))) == sent


def test_lists_come_back_as_lists() -> None:
    from stripe._encode import _api_encode

    found = nested(list(_api_encode({"a": [{"b": 1}, {"b": 2}]})))
    assert [item["b"] for item in items(found["a"])] == [1, 2] or items(found["a"]) == [{"b": "1"}, {"b": "2"}]
    assert items("x") == []


@given(st.text("ab[]0. é", max_size=12))
def test_any_key_is_read_or_refused(key: str) -> None:
    with suppress(ApiError):
        assert isinstance(nested([(key, "1")]), dict)


def test_what_is_not_taken_out_is_refused_by_its_whole_name() -> None:
    params = Params({"a": {"b": "1", "c": "2"}})
    inner = params.inner("a")
    assert inner.text("b") == "1"
    params.end()
    with pytest.raises(ApiError) as refusal:
        inner.end()
    assert refusal.value.body["error"]["param"] == "a[c]"
