"""The docs name commands, options, settings, files: all of them must exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from lineaviva.cli.main import app

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"`(?:\.venv/bin/)?(lineaviva [^`]+)`|^ {4}(?:\$ )?(lineaviva .+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for inline, block in COMMAND.findall(page.read_text(encoding="utf-8")):
            found.append((page.name, (inline or block).split("  #")[0].strip()))
    return found


def resolve(words: list[str]) -> tuple[TyperCommand, list[str]]:
    """Walk the command tree as far as the words go; returns the command and the words that are left."""
    command: TyperCommand = typer.main.get_command(app)
    while words and isinstance(command, TyperGroup) and not words[0].startswith("-"):
        found = command.get_command(typer.Context(command), words[0])
        assert found is not None, f"there is no command '{words[0]}'"
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda value: value[:60])
def test_every_command_in_the_docs_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    if words[0].startswith("-"):
        return
    command, rest = resolve(words)
    options = {name for param in command.params for name in param.opts} | {"--help"}
    used = {word.split("=")[0] for word in rest if word.startswith("--")}
    assert used <= options, f"{page}: {line}: no option {sorted(used - options)}"


def test_docs_name_commands_at_all() -> None:
    assert {page for page, _line in commands()} >= {"README.md", "operations.md", "holder.md", "clerk.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_in_the_docs_leads_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`?make (\w+)", (ROOT / "README.md").read_text()))
    assert named == {"run", "test"}
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)


def test_ci_runs_what_the_readme_says() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert [line for line in script.splitlines() if line and not line.startswith("#")][-1] == "exec make test"


@pytest.mark.parametrize("tool", ["settings_page.py"])
def test_generated_pages_are_up_to_date(tool: str) -> None:
    done = subprocess.run([sys.executable, f"tools/{tool}", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(len(numbers)))
