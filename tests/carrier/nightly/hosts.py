"""Hosts that do a night: processes that differ in name, each with a network of its own to one PostgreSQL.

Where this machine lets us, a host is a network namespace with a cable that can be pulled; everywhere it can be a
process behind a proxy of its own (tests/tcp_proxy.py).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

from lineaviva.kernel.errors import LineavivaError
from tests.own_postgres import OwnPostgres
from tests.patience import PATIENCE, slower

ROOT = Path(__file__).resolve().parents[3]
NIGHT = "2026-11-22"
LINES = 600
BATCH = 20


def lease_seconds() -> int:
    """Of a worker: as short as this machine lets a batch, which others wait for when its host is gone."""
    return ceil(slower())


def environment(url: str, home: Path, **more: str) -> dict[str, str]:
    """That of a carrier's process which has nothing of the test run's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LINEAVIVA_", "DJANGO_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
        "LINEAVIVA_PROGRAM": "carrier",
        "LINEAVIVA_HOME": str(home),
        "LINEAVIVA_DATABASE_URL": url,
        "LINEAVIVA_SECRET_KEY": "for tests",
        "LINEAVIVA_NIGHT_LEASE_SECONDS": str(lease_seconds()),
        "LINEAVIVA_NIGHT_PATIENCE_SECONDS": str(PATIENCE),
        "LINEAVIVA_CLOCK": f"{NIGHT}T02:00:00+01:00",
        **more,
    }


@dataclass(frozen=True)
class Done:
    """How a host's command ended."""

    code: int
    said: dict[str, Any]
    errors: str


class Host:
    """`lineaviva carrier nightly` on a host of that name; `inside` is what its command line begins with."""

    def __init__(
        self, name: str, url: str, home: Path, *, workers: int = 1, inside: tuple[str, ...] = (), **settings: str
    ) -> None:
        self.name = name
        argv = [*inside, sys.executable, "-m", "tests.carrier.nightly.host", "carrier", "nightly", "--as-of", NIGHT]
        argv += ["--json", "--workers", str(workers), "--batch", str(BATCH)]
        self._log = open(home / f"{name}.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=environment(url, home, NIGHT_TEST_HOST=name, **settings),
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )

    def signal(self, number: signal.Signals) -> None:
        """To the command and to its workers."""
        os.killpg(self.process.pid, number)

    def end(self) -> Done:
        """Wait until the night is over on this host."""
        try:
            said, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end: {self.errors()}") from None
        return Done(self.process.returncode, json.loads(said or "{}"), self.errors())

    def errors(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait()
        self._log.close()


# --- network namespaces -----------------------------------------------------------------------------------------------


class Cable:
    """A namespace with a name of its own, and a cable from it to us; both go when its only process does."""

    def __init__(self, name: str, place: int) -> None:
        self._end = f"lv{os.getpid() % 100_000}{place}"
        net = f"198.18.{os.getpid() % 64 * 4 + place}"
        self.ours, self._theirs = f"{net}.1", f"{net}.2"
        keep = ["unshare", "--net", "--uts", "--", "sh", "-c", f"hostname {name} && echo up && exec sleep 3600"]
        self._keeper = subprocess.Popen(keep, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != "up\n":
            raise Unable("no namespaces here")
        self.inside = ("nsenter", "--target", str(self._keeper.pid), "--net", "--uts", "--")
        try:
            self._lay()
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            raise Unable("no cables here") from error

    def _lay(self) -> None:
        pid = str(self._keeper.pid)
        _ip("link", "add", self._end, "type", "veth", "peer", "name", "eth0", "netns", pid)
        _ip("addr", "add", f"{self.ours}/30", "dev", self._end)
        _ip("link", "set", self._end, "up")
        for words in (("addr", "add", f"{self._theirs}/30", "dev", "eth0"), ("link", "set", "eth0", "up")):
            _ip(*words, inside=self.inside)

    def pull(self) -> None:
        _ip("link", "set", self._end, "down")

    def plug(self) -> None:
        _ip("link", "set", self._end, "up")

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.wait()


class Unable(LineavivaError):
    """This machine does not let us."""


def _ip(*words: str, inside: tuple[str, ...] = ()) -> None:
    subprocess.run([*inside, "ip", *words], check=True, capture_output=True)


@cache
def has_namespaces() -> bool:
    """Whether a namespace with a cable can be made here: as root with the right to, and with Debian's iproute2."""
    if not (shutil.which("ip") and shutil.which("unshare") and shutil.which("nsenter")):
        return False
    try:
        Cable("probe", 3).close()
    except Unable:
        return False
    return True


# --- what is left behind ----------------------------------------------------------------------------------------------

# Everything of a line but the instants.
_STATE = {
    "subscriptions_subscription": "s.*",
    "subscriptions_plan": "s.*",
    "subscriptions_number": "s.operator, s.msisdn, s.subscription_id",
    "ledger_event": 's.subscription_id, s.number, s.kind, s.origin, s."on", s.plan_number, s.offering_id, '
    "s.amount_minor, s.until",
    "ledger_entry": "s.*",
}


def state(server: OwnPostgres, database: str) -> dict[str, Any]:
    """All rows that a night writes, each table as a digest, and the night's counts."""
    found: dict[str, Any] = {}
    for name, columns in _STATE.items():
        rows = f"SELECT ROW({columns})::text AS t FROM carrier_{name} s"  # noqa: S608 - names of ours
        digest = f"SELECT COUNT(*), md5(string_agg(t, '|' ORDER BY t)) FROM ({rows}) x"  # noqa: S608
        found[name] = server.rows(digest, database)[0]
    counts = "SELECT operator, outcome, SUM(lines), SUM(credit_minor), SUM(debt_minor), SUM(discount_minor)"
    found["counts"] = server.rows(f"{counts} FROM carrier_nightly_count GROUP BY 1, 2 ORDER BY 1, 2", database)
    return found
