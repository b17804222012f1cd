"""The line of every key of a TOML text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import pytest

from lineaviva.rulebook.book import LEGAL, OPERATORS
from lineaviva.rulebook.positions import Path, line_of, positions

TEXT = """\
# a comment with [a.header] = "in it"
title = "x"   # and one behind
"quoted key" = 1

[one]
dotted.key = 2
list = [
    "a", # with ] in a comment
    "b]",
    [1, 2],
]
inline = { x = 1, y = { z = "}" } }

[[one.rows]]
name = "first"

[[one.rows]]
name = \"\"\"second
[not.a.header]
name = "not a key" \"\"\"
after = 'it''s' 

[[one.rows.inner]]
deep = 1

[[one.rows.inner]]
deep = 2

[one.rows.table]
flag = true

[two]
when = 2026-11-22
literal = '''
[no]
'''
last = -1.5e3
"""
TEXT = TEXT.replace("'it''s' ", "'its'")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("quoted key",), 3),
        (("one",), 5),
        (("one", "dotted"), 6),
        (("one", "dotted", "key"), 6),
        (("one", "list"), 7),
        (("one", "list", 0), 8),
        (("one", "list", 1), 9),
        (("one", "list", 2), 10),
        (("one", "list", 2, 1), 10),
        (("one", "inline", "y", "z"), 12),
        (("one", "rows"), 14),
        (("one", "rows", 0), 14),
        (("one", "rows", 0, "name"), 15),
        (("one", "rows", 1), 17),
        (("one", "rows", 1, "name"), 18),
        (("one", "rows", 1, "after"), 21),
        (("one", "rows", 1, "inner", 0, "deep"), 24),
        (("one", "rows", 1, "inner", 1), 26),
        (("one", "rows", 1, "inner", 1, "deep"), 27),
        (("one", "rows", 1, "table", "flag"), 30),
        (("two", "when"), 33),
        (("two", "literal"), 34),
        (("two", "last"), 37),
    ],
    ids=str,
)
def test_line_of_a_path(path: Path, line: int) -> None:
    assert positions(TEXT)[path] == line


def test_a_path_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    found = positions(TEXT)
    assert line_of(found, ("one", "rows", 1, "missing")) == 17
    assert line_of(found, ("one", "rows", 0, "inner")) == 14
    assert line_of(found, ("nowhere", "at", "all")) == 1


def test_an_empty_text_has_no_positions() -> None:
    assert positions("") == {}
    assert positions("# only this\n\n") == {}


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


def test_the_text_of_this_test_is_found_whole() -> None:
    assert set(positions(TEXT)) == set(paths(tomllib.loads(TEXT)))


@pytest.mark.parametrize("file", [*sorted(OPERATORS.glob("*.toml")), LEGAL], ids=lambda file: file.stem)
def test_every_key_of_the_rulebook_is_found_on_a_line_that_has_it(file: FilePath) -> None:
    text = file.read_text(encoding="utf-8")
    lines = text.split("\n")
    found = positions(text)
    assert set(found) == set(paths(tomllib.loads(text)))
    for path, line in found.items():
        named = [part for part in path if isinstance(part, str)][-1]
        assert named in lines[line - 1]
