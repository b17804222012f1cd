"""Running the command: as its user does, in another process with its own home; or in this one, many times faster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lineaviva.cli import main as command_line
from lineaviva.cli import output
from tests import migrated
from tests.patience import PATIENCE

Command = Callable[..., "Ran"]


@dataclass(frozen=True)
class Ran:
    """What a command said, and the code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def command_env(home: Path) -> dict[str, str]:
    """The environment of a command that lives in `home`, on SQLite, as a user's own shell would have it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LINEAVIVA_", "DJANGO_"))}
    return {**kept, "LINEAVIVA_HOME": str(home), "COLUMNS": "160", "NO_COLOR": "1"}


def typed(*words: str, env: dict[str, str]) -> Ran:
    """`lineaviva` with these words, in a process of its own."""
    argv = [sys.executable, "-m", "lineaviva.cli.main", *words]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=PATIENCE)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def lineaviva(tmp_path: Path) -> Command:
    """Run `lineaviva` with these words; the home is the test's own, and empty at first."""
    return lambda *words, **env: typed(*words, env={**command_env(tmp_path), **env})


@pytest.fixture
def installed(lineaviva: Command, tmp_path: Path) -> Command:
    """The same in a home that has its database."""
    migrated.home("keeper", tmp_path)
    return lineaviva


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `lineaviva` with these words in this process, on the test's own database; nobody answers its questions."""
    # Django is there already.
    monkeypatch.setattr(output, "setup_django", lambda: None)

    def run(*words: str, width: int = 180) -> Ran:
        monkeypatch.setattr(output, "console", Console(width=width))
        monkeypatch.setattr(output, "errors", Console(width=width, stderr=True))
        monkeypatch.setattr(sys, "argv", ["lineaviva", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            command_line.main()
        said = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Ran(end.value.code, said.out, said.err)

    return run
