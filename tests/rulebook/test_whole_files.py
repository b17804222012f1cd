"""The checker against every key of a whole file: whatever is taken out or spoilt is found, on its line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path as FilePath
from typing import Any

import pytest

from lineaviva.rulebook import checking
from lineaviva.rulebook.book import OPERATORS
from lineaviva.rulebook.positions import Path, positions
from tests.rulebook.conftest import SAMPLE

TODAY = date(2026, 11, 22)
# What may be left out of the sample.
OPTIONAL = {
    "validity.full_service[1].days",
    "validity.full_service[1].text",
    "validity.full_service[1].note",
    "validity.smallest_topup[1].amount",
    "topup.denominations[1].name",
    "topup.denominations[1].credit",
    "esim.price[1].text",
    "esim.redownload[1].times",
    "esim.redownload[2].times",
    "plans.offers[1].renewal_policy",
    "renewal.late[3].note",
    "renewal.suspended[1].removed_after_days",
    "renewal.suspended[2].removed_after_days",
    "renewal.hour[1].attempts_before_days",
    "risks.warnings[1].on",
    "sources.two.note",
}


def single_lines(text: str) -> Iterator[tuple[int, Path]]:
    """Line and path of every key that stands alone on its line."""
    lines: dict[int, list[Path]] = {}
    for path, line in positions(text).items():
        lines.setdefault(line, []).append(path)
    for line, paths in lines.items():
        shortest = min(paths, key=len)
        if not text.split("\n")[line - 1].startswith("["):
            yield line, shortest


KEYS = list(single_lines(SAMPLE))
EVERY_KEY = pytest.mark.parametrize(("line", "path"), KEYS, ids=[checking.dotted(path) for _, path in KEYS])


def mistakes(folder: FilePath, lines: list[str]) -> list[checking.Mistake]:
    path = folder / "sample.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return checking.check([path], today=TODAY)


@EVERY_KEY
def test_a_key_that_is_taken_out_is_missed(tmp_path: FilePath, line: int, path: Path) -> None:
    lines = SAMPLE.split("\n")
    del lines[line - 1]
    found = mistakes(tmp_path, lines)
    said = " ".join(one.message for one in found)
    if checking.dotted(path) in OPTIONAL:
        assert said == ""
    else:
        assert f'lacks "{path[-1]}"' in said or "must have e" in said or "must name" in said


@EVERY_KEY
def test_a_key_that_is_misspelt_is_named_on_its_line(tmp_path: FilePath, line: int, path: Path) -> None:
    lines = SAMPLE.split("\n")
    lines[line - 1] = "x" + lines[line - 1]
    named = [str(one) for one in mistakes(tmp_path, lines) if one.line == line]
    assert f"x{path[-1]} is not a key that is known here" in named[0]


@EVERY_KEY
def test_a_value_of_another_kind_is_found_on_its_line(tmp_path: FilePath, line: int, path: Path) -> None:
    for value in ("-1", "1979-05-27", '{ no = "way" }'):
        lines = SAMPLE.split("\n")
        lines[line - 1] = f"{path[-1]} = {value}"
        found = [one for one in mistakes(tmp_path, lines) if one.line == line]
        assert found or fits(path, value), f"{path[-1]} = {value}"


def fits(path: Path, value: str) -> bool:
    """A TOML date is a good value where a date is wanted."""
    return value.startswith("1979") and path[-1] in ("collected_on", "on", "date")


@pytest.mark.parametrize("file", sorted(OPERATORS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_file_says_at_its_head_how_to_correct_it(file: FilePath) -> None:
    head = "".join(file.read_text(encoding="utf-8").split("\n")[:3])
    assert "lineaviva rulebook check" in head
    assert "lineaviva rulebook docs" in head


def sections(document: dict[str, Any]) -> dict[str, list[str]]:
    return {name: list(value) for name, value in document.items() if isinstance(value, dict) and name != "sources"}


@pytest.mark.parametrize("file", sorted(OPERATORS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_file_has_every_field_known_or_unknown(file: FilePath) -> None:
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    wanted = checking.schema("operator")["properties"]
    for name, keys in sections(document).items():
        assert sorted(keys) == sorted(wanted[name]["required"])
