"""Says of a document, at once, that it keeps a JSON Schema. Why another one does not is for a whole validator to say.

Nearly every file that is ever read is right, and to import the validator takes longer than to look at all of them. It
knows the keywords that the rulebook's schemas use; by a schema with another one nothing is ever right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Schema = Mapping[str, Any]


class _Unsure(Exception):
    """Something that is not known here."""


def keeps(document: Any, schema: Schema) -> bool:
    """Whether the document keeps the schema, for certain. False: it does not, or nobody here can tell."""
    try:
        return _keeps(schema, document, schema)
    except _Unsure:
        return False


def _keeps(schema: Schema | bool, value: Any, root: Schema) -> bool:
    if isinstance(schema, bool):
        return schema
    for keyword, wants in schema.items():
        if keyword in _SAYS_NOTHING:
            continue
        if keyword not in _CHECKS:
            raise _Unsure(keyword)
        if not _CHECKS[keyword](wants, value, schema, root):
            return False
    return True


Check = Callable[[Any, Any, Schema, Schema], bool]
# Looked at by their neighbours, or meant for people.
_SAYS_NOTHING = frozenset({"$schema", "$id", "$defs", "title", "description", "then", "else"})
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
    "number": lambda value: _is_number(value),
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _type(wants: Any, value: Any, schema: Schema, root: Schema) -> bool:
    if not isinstance(wants, str) or wants not in _TYPES:
        raise _Unsure(wants)
    return _TYPES[wants](value)


def _ref(wants: str, value: Any, schema: Schema, root: Schema) -> bool:
    place, _, name = wants.rpartition("/")
    if place != "#/$defs":
        raise _Unsure(wants)
    return _keeps(root["$defs"][name], value, root)


def _if(wants: Any, value: Any, schema: Schema, root: Schema) -> bool:
    then = "then" if _keeps(wants, value, root) else "else"
    return _keeps(schema.get(then, True), value, root)


def _properties(wants: Schema, value: Any, schema: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(
        _keeps(inner, value[name], root) for name, inner in wants.items() if name in value
    )


def _additional(wants: Any, value: Any, schema: Schema, root: Schema) -> bool:
    known = schema.get("properties", {})
    return not isinstance(value, dict) or all(
        _keeps(wants, inner, root) for name, inner in value.items() if name not in known
    )


def _one_of(wants: list[Any], value: Any) -> bool:
    """Whether it is one of these texts or numbers; true and false are no numbers."""
    if any(isinstance(one, dict | list) for one in wants):
        raise _Unsure("enum")
    return any(one == value and isinstance(one, bool) == isinstance(value, bool) for one in wants)


def _unique(wants: bool, value: Any, schema: Schema, root: Schema) -> bool:
    if not wants or not isinstance(value, list):
        return True
    if any(isinstance(one, dict | list) for one in value):
        raise _Unsure("uniqueItems")
    return len({(isinstance(one, bool), one) for one in value}) == len(value)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _of(kind: Callable[[Any], bool], holds: Callable[[Any, Any], bool]) -> Check:
    """A keyword that says something of one kind of value only."""
    return lambda wants, value, schema, root: not kind(value) or holds(wants, value)


_CHECKS: dict[str, Check] = {
    "type": _type,
    "$ref": _ref,
    "if": _if,
    "anyOf": lambda wants, value, schema, root: any([_keeps(one, value, root) for one in wants]),
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": lambda wants, value, schema, root: (
        not isinstance(value, dict) or all(_keeps(wants, name, root) for name in value)
    ),
    "items": lambda wants, value, schema, root: (
        not isinstance(value, list) or all(_keeps(wants, one, root) for one in value)
    ),
    "uniqueItems": _unique,
    "enum": lambda wants, value, schema, root: _one_of(wants, value),
    "const": lambda wants, value, schema, root: _one_of([wants], value),
    "required": _of(_TYPES["object"], lambda wants, value: all(name in value for name in wants)),
    "minProperties": _of(_TYPES["object"], lambda wants, value: len(value) >= wants),
    "minItems": _of(_TYPES["array"], lambda wants, value: len(value) >= wants),
    "maxItems": _of(_TYPES["array"], lambda wants, value: len(value) <= wants),
    "minLength": _of(_TYPES["string"], lambda wants, value: len(value) >= wants),
    "pattern": _of(_TYPES["string"], lambda wants, value: _pattern(wants).search(value) is not None),
    "minimum": _of(_is_number, lambda wants, value: value >= wants),
    "maximum": _of(_is_number, lambda wants, value: value <= wants),
}
