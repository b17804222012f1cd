"""`lineaviva migrate` on a PostgreSQL where others work on the very table that is to be changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.own_postgres import OwnPostgres, own_postgres
from tests.patience import PATIENCE, slower

pytestmark = [pytest.mark.postgres, pytest.mark.processes]
ROOT = Path(__file__).resolve().parents[2]
LOCK_SECONDS = 0.4
# What a reader may wait beyond the migration's limit on a loaded machine.
SLACK = 1.5 * slower()
APPLIED = [f"migrating_app.{name}" for name in ("0001_initial", "0002_debt", "0003_index")]


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


@pytest.fixture
def name(server: OwnPostgres, request: pytest.FixtureRequest) -> str:
    """An empty database."""
    name = request.node.name.lower()[-60:].replace("[", "_").replace("]", "")
    server.execute(f"CREATE DATABASE {name}")
    return str(name)


@pytest.fixture
def hot(server: OwnPostgres, name: str) -> str:
    """A database whose hot table is still to get a column."""
    server.execute("CREATE TABLE migrating_app_hot (id bigserial PRIMARY KEY, credit bigint NOT NULL)", name)
    server.execute("CREATE TABLE django_migrations (id bigserial, app text, name text, applied timestamptz)", name)
    server.execute("INSERT INTO django_migrations (app, name) VALUES ('migrating_app', '0001_initial')", name)
    return name


class Migrate:
    """The command on that database, in a process of its own."""

    def __init__(self, server: OwnPostgres, name: str, home: Path, tries: int = 3, **settings: str) -> None:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("LINEAVIVA_", "DJANGO_"))}
        env |= {
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.migrating_app.settings",
            "LINEAVIVA_HOME": str(home),
            "LINEAVIVA_SECRET_KEY": "for tests",
            "LINEAVIVA_DATABASE_URL": server.url(name),
            **settings,
        }
        argv = [sys.executable, "-m", "lineaviva.cli.main", "migrate", "--json"]
        argv += ["--lock-seconds", str(LOCK_SECONDS), "--tries", str(tries)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)

    def heard(self) -> str:
        """The next line for people."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().strip()

    def end(self) -> tuple[int, Any, str]:
        """Exit code, what was said as JSON, and the lines for people."""
        said, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, json.loads(said), " ".join(errors.split())


@contextmanager
def held(server: OwnPostgres, name: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody reads the table and does not end their transaction."""
    url = server.url(name, application_name="somebody")
    with psycopg.connect(url) as holder:
        holder.execute("SELECT COUNT(*) FROM migrating_app_hot")
        yield holder


class Readers(threading.Thread):
    """Somebody who goes on reading the table; the longest wait of theirs, in seconds."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._over, self.longest, self.reads = url, threading.Event(), 0.0, 0

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as reader:
            while not self._over.wait(0.01):
                begun = time.monotonic()
                reader.execute("SELECT COUNT(*) FROM migrating_app_hot")
                self.longest = max(self.longest, time.monotonic() - begun)
                self.reads += 1

    def __enter__(self) -> Readers:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def has_column(server: OwnPostgres, name: str) -> bool:
    sql = "SELECT column_name FROM information_schema.columns WHERE table_name = 'migrating_app_hot'"
    return ("debt",) in server.rows(sql, name)


def recorded(server: OwnPostgres, name: str) -> list[str]:
    sql = "SELECT app || '.' || name FROM django_migrations WHERE app = 'migrating_app' ORDER BY id"
    return [row for (row,) in server.rows(sql, name)]


def test_it_gives_up_in_time_and_others_never_wait_for_longer_than_its_limit(
    server: OwnPostgres, hot: str, tmp_path: Path
) -> None:
    with held(server, hot), Readers(server.url(hot)) as readers:
        begun = time.monotonic()
        code, said, told = Migrate(server, hot, tmp_path).end()
        took = time.monotonic() - begun
    assert (code, said["error"]["code"]) == (2, "tables_busy")
    assert "migrating_app.0002_debt was given up" in said["error"]["message"]
    assert "migrating_app_hot, held by session" in said["error"]["message"]
    assert "(somebody, idle in transaction, for" in told
    assert told.count("Again in") == 2
    assert took < 3 * LOCK_SECONDS + 1 + 2 + 15 * slower()
    # They did wait behind it, and no longer than it said.
    assert LOCK_SECONDS / 2 < readers.longest < LOCK_SECONDS + SLACK
    assert readers.reads > 20
    assert (has_column(server, hot), recorded(server, hot)) == (False, APPLIED[:1])


def test_it_goes_on_when_the_lock_is_given_back(server: OwnPostgres, hot: str, tmp_path: Path) -> None:
    with held(server, hot) as holder:
        migrate = Migrate(server, hot, tmp_path, tries=20)
        assert "migrating_app.0002_debt waits for" in migrate.heard()
        holder.rollback()
        code, said, _ = migrate.end()
    assert (code, said) == (0, {"applied": APPLIED[1:]})
    assert (has_column(server, hot), recorded(server, hot)) == (True, APPLIED)
    code, said, _ = Migrate(server, hot, tmp_path).end()
    assert (code, said) == (0, {"applied": []})


def test_two_hosts_may_migrate_at_once(server: OwnPostgres, name: str, tmp_path: Path) -> None:
    """An empty database, which each of them finds empty: one migrates, the other waits for it."""
    with psycopg.connect(server.url(name)) as gate:
        gate.execute("SELECT pg_advisory_xact_lock(5418227301)")
        hosts = [Migrate(server, name, tmp_path, tries=20) for _ in range(2)]
        assert [host.heard() for host in hosts] == ["Another lineaviva migrate is at work; waiting for it."] * 2
    done = [host.end() for host in hosts]
    assert [code for code, _said, _told in done] == [0, 0], done
    assert sorted((said["applied"] for _code, said, _told in done), key=len) == [[], APPLIED]
    assert recorded(server, name) == APPLIED


def test_it_goes_round_the_pooler(server: OwnPostgres, hot: str, tmp_path: Path) -> None:
    """LINEAVIVA_DATABASE_URL names a place where nobody is; the direct one is where the tables are."""
    nobody = "postgresql://postgres@127.0.0.1:1/none"
    migrate = Migrate(
        server, hot, tmp_path, LINEAVIVA_DATABASE_URL=nobody, LINEAVIVA_DATABASE_DIRECT_URL=server.url(hot)
    )
    code, said, _ = migrate.end()
    assert (code, said) == (0, {"applied": APPLIED[1:]})
