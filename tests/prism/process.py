"""Prism, Stoplight's server of API descriptions, as a process: npm brings it, package-lock.json names every part."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from lineaviva.cli.demo import free_port
from tests.patience import until
from tests.sandbox.provider.process import http

FOLDER = Path(__file__).parent
PROGRAM = FOLDER / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
MISSING = (
    "Prism is not there, by which PayPal's messages are held to PayPal's published description. `make test` brings it "
    "with `npm ci --prefix tests/prism`, which needs Node 20, npm and its registry."
)


class Prism:
    """`mock` answers by the description alone; `proxy` asks `upstream`, and looks at both directions."""

    def __init__(
        self, how: Literal["mock", "proxy"], document: dict[str, Any], folder: Path, upstream: str = ""
    ) -> None:
        node = shutil.which("node")
        if node is None or not PROGRAM.exists():
            pytest.fail(MISSING)
        file = folder / "description.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        self.port, self._log = free_port(), open(folder / "prism.log", "ab")
        self.url = f"http://127.0.0.1:{self.port}"
        # What the mock answers is its own affair; it refuses a wrong question with or without this.
        where = [*(["--errors"] if how == "proxy" else []), "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [node, str(PROGRAM), how, *where, str(file), *([upstream] if upstream else [])],
            env={**os.environ, "NODE_ENV": "test"},
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def wait(self) -> None:
        until(self._is_up, "Prism is up")

    def _is_up(self) -> bool:
        try:
            return http.get(f"{self.url}/").status_code > 0
        except httpx.TransportError:
            assert self.process.poll() is None, Path(self._log.name).read_text(encoding="utf-8")
            return False

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()
