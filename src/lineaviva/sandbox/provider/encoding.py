"""The API's requests: forms whose keys are nested, as in line_items[0][price_data][currency]."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lineaviva.sandbox.provider.errors import ApiError, param_missing, param_unknown, param_wrong

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST = 6


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Key-value pairs as nested dicts; a list is a dict of "0", "1" ...

    . Raises ApiError on a key that makes no sense.
    """
    found: dict[str, Any] = {}
    for place, (key, value) in enumerate(pairs):
        match = _KEY.fullmatch(key)
        if not match:
            raise param_unknown(key)
        # An empty bracket appends, whatever its number.
        parts = [match[1], *(part or str(place) for part in _PART.findall(match[2]))]
        if len(parts) > _DEEPEST:
            raise param_unknown(key)
        here = found
        for part in parts[:-1]:
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                raise param_wrong(key, "is both a value and an object")
        here[parts[-1]] = value
    return found


def items(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


class Params:
    """Takes known names out of a nested request; `end` refuses what is left."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._left = dict(values)
        self._path = path

    def name(self, name: str) -> str:
        return f"{self._path}[{name}]" if self._path else name

    def text(self, name: str, default: str | None = None, most: int = 5000) -> str:
        value = self._left.pop(name, default)
        if value is None or value == "":
            if default is None:
                raise param_missing(self.name(name))
            return default
        if not isinstance(value, str) or len(value) > most:
            raise param_wrong(self.name(name), f"must be a string of at most {most} characters")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        text = self.text(name, None if default is None else str(default))
        if not re.fullmatch(r"-?\d{1,18}", text):
            raise param_wrong(self.name(name), "must be an integer", "parameter_invalid_integer")
        return int(text)

    def choice(self, name: str, choices: Iterable[str], default: str | None = None) -> str:
        value, known = self.text(name, default), list(choices)
        if value not in known:
            raise param_wrong(self.name(name), f"must be one of {', '.join(known)}")
        return value

    def inner(self, name: str) -> Params:
        value = self._left.pop(name, {})
        if not isinstance(value, dict):
            raise param_wrong(self.name(name), "must be an object", "parameter_invalid_object")
        return Params(value, self.name(name))

    def list(self, name: str) -> list[Any]:
        return items(self._left.pop(name, {}))

    def metadata(self, name: str = "metadata") -> dict[str, str]:
        value = self._left.pop(name, {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise param_wrong(self.name(name), "must be an object of strings", "parameter_invalid_object")
        if len(value) > 50 or any(len(key) > 40 or len(text) > 500 for key, text in value.items()):
            raise ApiError("Metadata has at most 50 keys of 40 characters and values of 500.", param=self.name(name))
        return value

    def end(self) -> None:
        for name in self._left:
            raise param_unknown(self.name(name))
