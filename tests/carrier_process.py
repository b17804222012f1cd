"""A real carrier in a process of its own, for tests that speak to it over HTTP and misuse its knobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg

from lineaviva.cli.demo import free_port
from tests import migrated
from tests.patience import PATIENCE

CLIENT_ID, SECRET = "partner", "5f1c" * 4 + "09ab7e3d28c64f71b2a05d9e83c6f4171d3e5b79a0c2e4f6"


class CarrierProcess:
    """One operator's carrier side on a free port, with a database of its own.

    On PostgreSQL where the test run is on PostgreSQL, else on SQLite.
    """

    def __init__(self, operator: str, home: Path) -> None:
        self.operator, self.home = operator, home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._database = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LINEAVIVA_", "DJANGO_"))},
            "LINEAVIVA_PROGRAM": "carrier",
            "LINEAVIVA_HOME": str(home),
            "LINEAVIVA_DATABASE_URL": self._make_database(home),
            "LINEAVIVA_SECRET_KEY": "for tests",
            "LINEAVIVA_CARRIER_OPERATOR": operator,
            "LINEAVIVA_SANDBOX_CLIENT": f"{CLIENT_ID}:{SECRET}",
            "LINEAVIVA_PUBLIC_URL": self.url,
            "LINEAVIVA_SANDBOX": "yes",
            # It starts on the day on which the tests' own clock stands still.
            "LINEAVIVA_CLOCK": "2026-11-22T12:00:00+01:00",
            "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
        }

    def _make_database(self, home: Path) -> str:
        server = os.environ.get("LINEAVIVA_DATABASE_URL", "")
        if not server.startswith("postgres"):
            migrated.home("carrier", home)
            return ""
        self._database = f"lineaviva_carrier_{self.operator}_{os.getpid()}"
        return migrated.database("carrier", server, self._database)

    def start(self, workers: int = 1) -> CarrierProcess:
        argv = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--no-ws",
            "--http",
            "1",
            "--log-level",
            "error",
        ]
        argv += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", str(workers), "--blocking-threads", "8"]
        with open(self.home / "log", "ab") as log:
            self._process = subprocess.Popen(
                [*argv, "lineaviva.config.wsgi:application"], env=self.env, stdout=log, stderr=log
            )
        self._wait_until_up()
        return self

    def _wait_until_up(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                httpx.get(f"{self.url}/sandbox/knobs").raise_for_status()
                return
            except httpx.HTTPError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.home / "log").read_text()) from None
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def close(self) -> None:
        self.stop()
        if self._database:
            with psycopg.connect(os.environ["LINEAVIVA_DATABASE_URL"], autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {self._database} WITH (FORCE)")

    # --- what tests ask of it -----------------------------------------------------------------------------------------

    def knobs(self, **knobs: Any) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/sandbox/knobs", json=knobs)
        answer.raise_for_status()
        return dict(answer.json())

    def behave(self) -> None:
        """Every fault off, any number accepted."""
        self.knobs(
            latency_ms=0,
            latency_percent=100,
            error_percent=0,
            lost_answer_percent=0,
            cut_percent=0,
            refusal_percent=0,
            accept_unknown=True,
        )

    def audit(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/sandbox/audit").json())

    def credited(self, reference: str) -> tuple[int, int]:
        """How often our reference was carried out, and for how many cents; the books must balance."""
        audit = self.audit()
        assert audit["balanced"] is True, audit["problems"]
        found = audit["credited"].get(reference, {"times": 0, "minor": 0})
        return found["times"], found["minor"]

    def get(self, path: str, **params: str) -> httpx.Response:
        return httpx.get(self.url + path, params=params, headers=self.headers())

    def post(self, path: str, body: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, headers=self.headers())

    def let_in(self) -> dict[str, str]:
        """Headers of a client that may do everything, let in as an operator lets one in."""
        argv = [sys.executable, "-m", "lineaviva.cli.main", "carrier", "clients", "add", "Ours"]
        argv += ["--operator", self.operator, "--scope", "all", "--json"]
        made = json.loads(subprocess.run(argv, env=self.env, check=True, capture_output=True).stdout)
        form = {"grant_type": "client_credentials"}
        client = (made["client_id"], made["client_secret"])
        answer = httpx.post(f"{self.url}/oauth2/token", data=form, auth=client).raise_for_status()
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def headers(self) -> dict[str, str]:
        """Those of the partner's client, by one token for the whole run."""
        if not self._token:
            form = {"grant_type": "client_credentials"}
            answer = httpx.post(f"{self.url}/oauth2/token", data=form, auth=(CLIENT_ID, SECRET))
            self._token = answer.raise_for_status().json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}
