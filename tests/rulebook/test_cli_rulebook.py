"""`lineaviva rulebook` as people and programs call it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lineaviva import rulebook
from lineaviva.rulebook.page import page
from tests.rulebook.conftest import Changed, Command

pytestmark = pytest.mark.usefixtures("clock")


def test_list_as_json(lineaviva: Command) -> None:
    ran = lineaviva("rulebook", "list", "--json")
    assert ran.code == 0
    assert [row["slug"] for row in ran.json] == list(rulebook.slugs())
    by_slug = {row["slug"]: row for row in ran.json}
    assert by_slug["vodafone"] == {
        "slug": "vodafone",
        "name": "Vodafone",
        "full_service": "11 / 12",
        "receive_only": "12 / 13",
        "number_kept": "24 / no limit stated",
        "smallest_topup": "5.00 EUR",
        "colour": "#a3262a",
    }
    assert by_slug["noitel"]["full_service"] is None
    assert by_slug["noitel"]["smallest_topup"] is None


def test_list_for_people(lineaviva: Command) -> None:
    ran = lineaviva("rulebook", "list")
    assert ran.code == 0
    row = next(line for line in ran.out.split("\n") if "windtre" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "windtre",
        "WindTre",
        "12",
        "13 / 12 + 30 days",
        "24 / 25",
        "5.00 EUR",
    ]
    assert "None" not in ran.out


def test_show_as_json_is_the_file(lineaviva: Command) -> None:
    ran = lineaviva("rulebook", "show", "tim", "--json")
    assert ran.code == 0
    assert ran.json["validity"]["full_service"][0]["months"] == 12
    assert ran.json["collected_on"] == "2026-11-22"
    assert ran.json["sources"]["tim-riattivare"]["kind"] == "official"


def test_show_for_people(lineaviva: Command) -> None:
    ran = lineaviva("rulebook", "show", "vodafone")
    assert ran.code == 0
    for piece in ("Full service", "11 months", "settimocell-2014", "Care from abroad", "unknown (no number of"):
        assert piece in ran.out


def test_show_of_an_operator_that_is_not_there(lineaviva: Command) -> None:
    ran = lineaviva("rulebook", "show", "telecom")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence.startswith("Error: operator 'telecom' is not in the rulebook; known are tim,")


def test_check_of_the_whole_book(lineaviva: Command) -> None:
    ran = lineaviva("rulebook", "check")
    assert (ran.code, ran.out) == (0, "19 files, no mistakes.\n")
    assert lineaviva("rulebook", "check", "--json").json == {"ok": True, "files": 19, "mistakes": []}


def test_check_names_file_and_line_and_exits_with_1(lineaviva: Command, changed: Callable[..., Changed]) -> None:
    file = changed("months = 12\n", "months = 121\n")
    line = file.line_of("months = 121")
    sentence = "is 121; it must be a whole number of months from 1 to 120"
    ran = lineaviva("rulebook", "check", str(file.path))
    assert ran.code == 1
    assert ran.out == f"{file.path}:{line}: validity.full_service[1].months {sentence}.\n1 file, 1 mistake.\n"
    program = lineaviva("rulebook", "check", "--json", str(file.path))
    assert program.code == 1
    assert program.json == {
        "ok": False,
        "files": 1,
        "mistakes": [
            {"file": str(file.path), "line": line, "key": "validity.full_service[1].months", "message": sentence}
        ],
    }


def test_check_of_a_folder_and_a_file(lineaviva: Command, changed: Callable[..., Changed], tmp_path: Path) -> None:
    file = changed("months = 12\n", "months = 12\n", slug="iliad")
    (tmp_path / "notes.txt").write_text("not a rulebook file")
    ran = lineaviva("rulebook", "check", str(tmp_path), str(file.path))
    assert (ran.code, ran.out) == (0, "2 files, no mistakes.\n")


def test_check_of_facts_that_were_collected_in_the_future(lineaviva: Command, changed: Callable[..., Changed]) -> None:
    file = changed("collected_on = 2026-11-22", "collected_on = 2026-11-23")
    ran = lineaviva("rulebook", "check", str(file.path))
    assert ran.code == 1
    assert ": collected_on is 2026-11-23, which has not come yet.\n" in ran.out


@pytest.mark.parametrize(("made", "said"), [("gone.toml", "there is no file"), ("", "there is no .toml file in")])
def test_check_of_what_is_not_there(lineaviva: Command, tmp_path: Path, made: str, said: str) -> None:
    ran = lineaviva("rulebook", "check", str(tmp_path / made))
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.sentence


def test_docs_writes_the_page_and_only_when_it_changed(lineaviva: Command, tmp_path: Path) -> None:
    out = tmp_path / "operators.md"
    first = lineaviva("rulebook", "docs", "--out", str(out), "--json")
    assert (first.code, first.json) == (0, {"ok": True, "file": str(out), "changed": True})
    assert out.read_text(encoding="utf-8") == page(rulebook.load())
    again = lineaviva("rulebook", "docs", "--out", str(out), "--json")
    assert (again.code, again.json["changed"]) == (0, False)


def test_docs_check_writes_nothing(lineaviva: Command, tmp_path: Path) -> None:
    out = tmp_path / "operators.md"
    out.write_text("old")
    ran = lineaviva("rulebook", "docs", "--check", "--out", str(out))
    assert (ran.code, ran.out) == (1, f"{out} is out of date: run lineaviva rulebook docs.\n")
    assert out.read_text() == "old"


def test_docs_into_a_folder_that_is_not_there(lineaviva: Command, tmp_path: Path) -> None:
    ran = lineaviva("rulebook", "docs", "--out", str(tmp_path / "no" / "page.md"))
    assert ran.code == 2
    assert "--out: there is no folder" in ran.sentence
