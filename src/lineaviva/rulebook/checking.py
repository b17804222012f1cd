"""Reads a rulebook file and says, by file and line, what is wrong with it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from lineaviva.rulebook.book import HERE, RulebookBroken
from lineaviva.rulebook.positions import Path, line_of, positions
from lineaviva.rulebook.semantics import findings
from lineaviva.rulebook.shape import keeps

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

DATE_KEYS = ("collected_on", "date", "on")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)|\s*\(at end of document\)")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake, in one sentence, at one line (from 1) of one file. `key` is the dotted way to it."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key or 'the file'} {self.message}."

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def checked(path: FilePath) -> dict[str, Any]:
    """The document of a file that has no mistake. RulebookBroken, with the first one, otherwise.

    What depends on today's date is not looked at, so that a file that was fine once always loads.
    """
    document, mistakes = read(path)
    if document is None or mistakes:
        raise RulebookBroken(str(mistakes[0]))
    return document


def check(paths: Iterable[FilePath], *, today: date) -> list[Mistake]:
    """All mistakes of all files, in order of file and line."""
    found: list[Mistake] = []
    for path in paths:
        found += read(path, today=today)[1]
    return sorted(found)


def read(path: FilePath, *, today: date | None = None) -> tuple[dict[str, Any] | None, list[Mistake]]:
    """The document, and its mistakes. Without a document there is at least one mistake."""
    try:
        text = path.read_text(encoding="utf-8")
        document = _dates_as_text(tomllib.loads(text))
    except tomllib.TOMLDecodeError as refusal:
        return None, [_unreadable(path, text, str(refusal))]
    except UnicodeDecodeError:
        return None, [Mistake(str(path), 1, "", "is not UTF-8 text")]
    except OSError as refusal:
        return None, [Mistake(str(path), 1, "", f"cannot be read ({refusal.strerror})")]
    wrong = list(_against_schema(document, path))
    if not wrong:
        wrong = list(findings(document, stem=path.stem, today=today))
    lines = positions(text) if wrong else {}
    return document, sorted({Mistake(str(path), line_of(lines, at), dotted(at), says) for at, says in wrong})


def _unreadable(path: FilePath, text: str, refusal: str) -> Mistake:
    where = _AT_LINE.search(refusal)
    line = int(where[1]) if where and where[1] else max(text.count("\n"), 1)
    return Mistake(str(path), line, "", f"is not TOML: {_AT_LINE.sub('', refusal)}")


def dotted(path: Path) -> str:
    """("plans", "offers", 0, "price") -> "plans.offers[1].price": entries are counted as people count them."""
    said = ""
    for part in path:
        said += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return said.lstrip(".")


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of operator or legal files, as shipped."""
    loaded: dict[str, Any] = json.loads((HERE / "schema" / f"{name}.schema.json").read_text(encoding="utf-8"))
    return loaded


@cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(name))


def _against_schema(document: dict[str, Any], path: FilePath) -> Iterator[tuple[Path, str]]:
    name = "legal" if path.stem == "legal" else "operator"
    if keeps(document, schema(name)):
        return
    for error in _validator(name).iter_errors(document):
        yield from _sentences(_Refusal.of(error))


def _dates_as_text(value: Any, key: str = "") -> Any:
    """JSON Schema knows no dates: where one is wanted it is text, quoted or not. Elsewhere it stays wrong."""
    if isinstance(value, dict):
        return {name: _dates_as_text(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) and key in DATE_KEYS else value


@dataclass(frozen=True)
class _Refusal:
    """What the schema refused: which rule of it, what that rule wants, and what stands there."""

    path: Path
    rule: str
    wants: Any
    value: Any
    schema: dict[str, Any]
    of_a_name: bool

    @classmethod
    def of(cls, error: ValidationError) -> _Refusal:
        return cls(
            path=tuple(error.absolute_path),
            rule=str(error.validator),
            wants=error.validator_value,
            value=error.instance,
            schema=error.schema if isinstance(error.schema, dict) else {},
            of_a_name="propertyNames" in error.absolute_schema_path,
        )


def _sentences(refusal: _Refusal) -> Iterator[tuple[Path, str]]:
    """What the schema found, in words for the person who writes the file."""
    path, value = refusal.path, refusal.value
    if refusal.of_a_name:
        yield (*path, str(value)), "must be named with lower-case letters, digits and dashes"
    elif refusal.rule == "required":
        yield from ((path, f'lacks "{key}"') for key in refusal.wants if key not in value)
    elif refusal.rule == "additionalProperties":
        known = refusal.schema["properties"]
        for key in value:
            if key not in known:
                yield (*path, key), "is not a key that is known here" + _meant(key, known)
    else:
        yield path, f"is {_shown(value)}; it must be {_wanted(refusal)}"


def _meant(key: str, known: Iterable[str]) -> str:
    near = get_close_matches(key, known, n=1)
    return f'; perhaps "{near[0]}"' if near else ""


def _wanted(refusal: _Refusal) -> str:
    if "description" in refusal.schema:
        return str(refusal.schema["description"])
    match refusal.rule:
        case "enum":
            return "one of " + ", ".join(json.dumps(one) for one in refusal.wants)
        case "const" if refusal.wants == "unknown":
            return 'a list of entries with their sources, or "unknown"'
        case "const":
            return json.dumps(refusal.wants)
        case "minItems":
            return 'at least one entry, or "unknown"'
    return {"object": "a table", "array": "a list"}.get(str(refusal.wants), str(refusal.wants))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"
