"""Whatever it says is right, a whole validator says is right; of the book's files it is sure."""

from __future__ import annotations

import copy
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lineaviva.rulebook import checking
from lineaviva.rulebook.book import LEGAL, OPERATORS
from lineaviva.rulebook.shape import keeps

FILES = [LEGAL, *sorted(OPERATORS.glob("*.toml"))]
WRONG: tuple[Any, ...] = (
    "",
    "x",
    "unknown",
    "no such thing",
    -1,
    0,
    1,
    1.0,
    0.5,
    10**9,
    True,
    [],
    {},
    ["x", "x"],
    [1],
    {"unknown": ""},
)


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = checking._dates_as_text(tomllib.loads(path.read_text(encoding="utf-8")))
    return found


def schema_of(path: Path) -> dict[str, Any]:
    return checking.schema("legal" if path == LEGAL else "operator")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_of_every_file_of_the_book_it_is_sure(path: Path) -> None:
    assert keeps(document(path), schema_of(path))


def test_the_book_is_read_without_the_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_validator", lambda name: pytest.fail("asked"))
    assert [checking.checked(path)["collected_on"] for path in FILES] == [
        document(path)["collected_on"] for path in FILES
    ]


# --- the same answer as the validator's ----------------------------------------------------------------------------


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*at, key)
        yield from places(inner, (*at, key))


def changed(whole: dict[str, Any], at: tuple[Any, ...], luck: random.Random) -> dict[str, Any]:
    """One thing in it is missing, is something else, or has a neighbour that nobody asked for."""
    found = copy.deepcopy(whole)
    holder: Any = found
    for key in at[:-1]:
        holder = holder[key]
    match luck.choice(("out", "other", "other", "other", "more", "twice")):
        case "out":
            del holder[at[-1]]
        case "more" if isinstance(holder, dict):
            holder[luck.choice(("odd", "Odd name", "note", "unknown"))] = luck.choice(WRONG)
        case "twice" if isinstance(holder, list):
            holder.append(holder[at[-1]])
        case _:
            holder[at[-1]] = copy.deepcopy(luck.choice(WRONG))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_answers_as_the_validator_does(path: Path) -> None:
    whole, schema, luck = document(path), schema_of(path), random.Random(path.stem)
    validator, ways = jsonschema.Draft202012Validator(schema), list(places(document(path)))
    answers = []
    for at in luck.choices(ways, k=25):
        one = changed(whole, at, luck)
        answers.append((keeps(one, schema), validator.is_valid(one)))
    assert [ours for ours, _ in answers] == [theirs for _, theirs in answers]
    assert {ours for ours, _ in answers} >= {False}


SCHEMAS: dict[str, dict[str, Any]] = {
    "object": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}, "minProperties": 1},
    "closed": {"type": "object", "additionalProperties": False, "properties": {"a": True}},
    "others": {"properties": {"a": False}, "additionalProperties": {"type": "string"}},
    "names": {"propertyNames": {"pattern": "^[a-z]+$"}},
    "list": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2, "uniqueItems": True},
    "number": {"minimum": 0, "maximum": 1},
    "text": {"minLength": 1, "pattern": "x"},
    "one of": {"enum": ["x", 1, True]},
    "the one": {"const": "unknown"},
    "either": {"anyOf": [{"type": "string"}, {"minimum": 1}]},
    "if": {"if": {"type": "array"}, "then": {"minItems": 1}, "else": {"type": "string"}},
    "if only": {"if": {"type": "boolean"}, "then": False},
    "by name": {"$ref": "#/$defs/a", "minLength": 1, "$defs": {"a": {"type": "string"}}},
    "truth": {"type": "boolean"},
    "amount": {"type": "number"},
}
VALUES: tuple[Any, ...] = (
    *WRONG,
    {"a": 1},
    {"a": 1.5},
    {"A": "x"},
    {"b": "x"},
    {"b": 1},
    ["x"],
    ["x", "y", "z"],
    False,
    1.5,
    2,
)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_keyword_means_what_it_means_to_the_validator(name: str) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMAS[name])
    wrong = [value for value in VALUES if keeps(value, SCHEMAS[name]) != validator.is_valid(value)]
    assert wrong == []
    assert {validator.is_valid(value) for value in VALUES} == {True, False}


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [True]},
        {"type": ["string", "null"]},
        {"$ref": "https://example.org"},
        {"enum": [["x"]]},
        {"format": "date"},
    ],
    ids=lambda schema: next(iter(schema)),
)
def test_by_a_schema_that_it_does_not_know_nothing_is_right(schema: dict[str, Any]) -> None:
    assert not keeps("x", schema)
    assert not keeps({"a": ["x"]}, {"properties": {"a": {"items": schema}}})
