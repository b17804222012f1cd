"""The command as a whole: help everywhere, one sentence for every mistake, no traceback ever."""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from lineaviva.cli.main import AREAS, app
from tests.cli.conftest import Command


def leaves(command: TyperCommand, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], TyperCommand]]:
    if not isinstance(command, TyperGroup):
        return [(path, command)]
    context = typer.Context(command)
    found = []
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        found += leaves(child, (*path, name))
    return found


LEAVES = leaves(typer.main.get_command(app))
# They never end by themselves, or hand over to another program.
RUNNERS = {("web",), ("worker",)}


def test_every_area_has_a_command() -> None:
    assert {path[0] for path, _command in LEAVES} == set(AREAS)


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _command in LEAVES])
def test_every_command_takes_json_and_shows_an_example(path: tuple[str, ...], command: TyperCommand) -> None:
    text = (command.help or "") + (command.epilog or "")
    assert f"lineaviva {' '.join(path)}" in text, "help without an example"
    if path not in RUNNERS:
        assert "--json" in {name for param in command.params for name in param.opts}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["linse"], "No such command 'linse'."),
        (["serve", "--port", "80"], "Invalid value for '--port': Input should be greater than or equal to 1024"),
        (["deadlines"], "Missing option '--operator'."),
        (["sandbox", "faults", "iliad"], "The parts are tim, vodafone, windtre and provider, not 'iliad'."),
        (["sandbox", "faults", "tim", "x"], "Each knob is written knob=value."),
        (["serve", "--sandbox", "--language", "fr"], "Language must be one of zh-hans, zh-hant, it, en, not 'fr'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_sentence_and_exit_code_2(here: Command, words: list[str], sentence: str) -> None:
    ran = here(*words)
    assert ran.code == 2
    assert f"Error: {sentence}" in ran.err.replace("\n", " ")
    assert "Traceback" not in ran.err + ran.out


def test_it_is_the_same_in_a_process_of_its_own(lineaviva: Command) -> None:
    ran = lineaviva("linse")
    assert (ran.code, ran.out, ran.err) == (
        2,
        "",
        "Error: No such command 'linse'.\nSee: lineaviva --help\n",
    )


def test_a_mistake_with_json_is_one_document(here: Command) -> None:
    ran = here("sandbox", "faults", "iliad", "--json")
    assert (ran.code, ran.json["error"]["field"]) == (2, "part")


def test_version_of_the_database_is_made_by_migrate_once(lineaviva: Command) -> None:
    first, second = lineaviva("migrate", "--json"), lineaviva("migrate", "--json")
    assert (first.code, second.code) == (0, 0)
    assert any("lines.0001" in name for name in first.json["applied"])
    assert second.json == {"applied": []}


def test_nothing_is_stuck_in_a_new_database(here: Command, db: None) -> None:
    ran = here("stuck", "--json")
    assert (ran.code, ran.json) == (0, {"stuck": []})


def test_a_row_that_is_not_stuck_cannot_be_released(here: Command, db: None) -> None:
    ran = here("stuck", "--release", "activation:9")
    assert (ran.code, "Nothing stuck is called 'activation:9'." in ran.err) == (2, True)


def test_a_database_without_tables_is_said_with_what_to_do(lineaviva: Command) -> None:
    ran = lineaviva("lines", "list")
    assert ran.code == 2
    assert "The database cannot be used: no such table" in ran.err
    assert "Try: lineaviva migrate" in ran.err
    assert "Traceback" not in ran.err


def test_a_wrong_setting_is_said_by_its_name(lineaviva: Command) -> None:
    ran = lineaviva("lines", "list", LINEAVIVA_SMTP_PORT="many")
    assert (ran.code, "Error: LINEAVIVA_SMTP_PORT must be a whole number, not 'many'." in ran.err) == (2, True)
