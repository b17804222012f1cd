"""The operator's commands, `lineaviva smdp …`, in one process that stays: each takes milliseconds, not seconds.

Reads a JSON list of words a line, answers the command's document a line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.patience import PATIENCE


class Desk:
    """Its process, with the environment of the SM-DP+."""

    def __init__(self, env: dict[str, str]) -> None:
        argv = [sys.executable, "-m", "tests.sandbox.phone.desk"]
        self._process = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *words: str) -> Any:
        """The document of `lineaviva smdp <words> --json`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([*words, "--json"]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["error"] is None, answer
        return json.loads(answer["out"])

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


def main() -> None:
    from typer.testing import CliRunner

    from lineaviva.cli.smdp import app

    for line in sys.stdin:
        ran = CliRunner().invoke(app, json.loads(line))
        error = None if ran.exit_code == 0 else repr(ran.exception) + ran.output
        sys.stdout.write(json.dumps({"out": ran.stdout, "error": error}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
