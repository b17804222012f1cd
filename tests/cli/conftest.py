"""Running the command as its user does: another process, its own home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., "Ran"]


class Ran:
    """One finished command."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def command_env(home: Path) -> dict[str, str]:
    """The environment of a command that lives in `home`, on SQLite, as a user's own shell would have it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LINEAVIVA_", "DJANGO_"))}
    return {**kept, "LINEAVIVA_HOME": str(home), "COLUMNS": "160", "NO_COLOR": "1"}


@pytest.fixture
def lineaviva(tmp_path: Path) -> Command:
    """Run `lineaviva` with these words; the home is the test's own."""

    def run(*words: str, **env: str) -> Ran:
        argv = [sys.executable, "-m", "lineaviva.cli.main", *words]
        done = subprocess.run(argv, env={**command_env(tmp_path), **env}, capture_output=True, text=True, timeout=120)
        return Ran(done)

    return run
