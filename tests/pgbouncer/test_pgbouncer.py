"""Everything works behind PgBouncer in transaction mode: what a program leaves in a session is somebody else's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.db.backends.postgresql.base import DatabaseWrapper

from lineaviva.cli.demo import free_port
from lineaviva.config.settings import database
from tests.carrier.doors import NUMBER, TOPUP, topup_body
from tests.carrier_process import CarrierProcess
from tests.own_pgbouncer import OwnPgBouncer, own_pgbouncer
from tests.own_postgres import own_postgres
from tests.patience import PATIENCE, until

pytestmark = [pytest.mark.postgres, pytest.mark.processes]
ROOT = Path(__file__).resolve().parents[2]
AGENDA = {"DJANGO_SETTINGS_MODULE": "tests.pgbouncer.settings", "LINEAVIVA_PROGRAM": "carrier"}


@pytest.fixture(scope="module")
def bouncer() -> Iterator[OwnPgBouncer]:
    with own_postgres() as server, own_pgbouncer(server) as bouncer:
        yield bouncer


def environment(bouncer: OwnPgBouncer, name: str, home: Path, **settings: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LINEAVIVA_", "DJANGO_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
        "LINEAVIVA_HOME": str(home),
        "LINEAVIVA_SECRET_KEY": "a key for tests only, long enough to be taken",
        "LINEAVIVA_DATABASE_URL": bouncer.url(name),
        **settings,
    }


def run(env: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(env: dict[str, str], home: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    with open(home / "log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        # With what it started: a web server's workers would outlive it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_no_statement_is_prepared_and_no_cursor_stays() -> None:
    """psycopg prepares a statement that it has seen five times, in the session; Django's default says not to."""
    found = database("postgresql://postgres@127.0.0.1/x", Path("unused"))
    assert found["DISABLE_SERVER_SIDE_CURSORS"] is True
    defaults: dict[str, Any] = {"TIME_ZONE": None, "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "TEST": {}}
    assert DatabaseWrapper({**defaults, **found}).get_connection_params()["prepare_threshold"] is None


def test_what_the_url_says_counts_before_our_own_options() -> None:
    options = database("postgresql://postgres@127.0.0.1/x?connect_timeout=2", Path("unused"))["OPTIONS"]
    assert (options["connect_timeout"], options["tcp_user_timeout"]) == (2, 30_000)


class Pooled(CarrierProcess):
    """A carrier that knows no other way to its database than PgBouncer; its tables are made that way, too."""

    def __init__(self, bouncer: OwnPgBouncer, home: Path) -> None:
        self._bouncer = bouncer
        super().__init__("tim", home)

    def _make_database(self, home: Path) -> str:
        self._bouncer.server.execute("CREATE DATABASE carrier")
        self._bouncer.fill("carrier")
        run(environment(self._bouncer, "carrier", home, LINEAVIVA_PROGRAM="carrier"), "lineaviva.cli.main", "migrate")
        return self._bouncer.url("carrier")


def test_a_carrier_sells_a_topup(bouncer: OwnPgBouncer, tmp_path: Path) -> None:
    carrier = Pooled(bouncer, tmp_path).start()
    try:
        carrier.behave()
        for number in range(12):
            answer = carrier.post(TOPUP, topup_body(f"LV-{number}"))
            assert (answer.status_code, answer.json()["status"]) == (201, "completed"), answer.text
        assert carrier.post(TOPUP, topup_body("LV-1")).json()["status"] == "completed"
        assert carrier.credited("LV-1") == (1, 500)
        assert carrier.audit()["balanced"] is True
        credit = "SELECT credit_minor FROM carrier_subscriptions_subscription WHERE msisdn = "
        assert bouncer.server.rows(f"{credit}'{NUMBER}'", "carrier") == [(6000,)]
    finally:
        carrier.close()
    assert bouncer.left_behind("carrier") == []


# --- the agenda's worker ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tasks(bouncer: OwnPgBouncer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the tables of the agenda's tests."""
    bouncer.server.execute("CREATE DATABASE tasks")
    env = environment(bouncer, "tasks", tmp_path_factory.mktemp("tasks"), **AGENDA)
    run(env, "django", "migrate", "--run-syncdb", "--verbosity", "0")
    return "tasks"


class Tasks:
    """Tasks that others write, through the pooler."""

    def __init__(self, bouncer: OwnPgBouncer) -> None:
        self._url = bouncer.url("tasks")

    def write(self) -> int:
        columns = "look_at, wakes, failures, delays, leased_by, last_error, stuck_reason, state, reference, steps, note"
        with psycopg.connect(self._url, prepare_threshold=None) as connection:
            connection.execute("NOTIFY lineaviva_agenda")
            sql = f"INSERT INTO agenda_app_task ({columns}) VALUES (now(), 0, 0, 0, '', '', '', 'open', '', 0, '') RETURNING id"  # noqa: S608, E501
            row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def done(self, task: int) -> bool:
        with psycopg.connect(self._url, autocommit=True, prepare_threshold=None) as connection:
            return connection.execute("SELECT state FROM agenda_app_task WHERE id = %s", [task]).fetchone() == ("done",)


@pytest.mark.parametrize("direct", [True, False], ids=["round the pooler", "through it"])
def test_a_worker_hears_of_work_round_the_pooler_and_finds_it_without(
    bouncer: OwnPgBouncer, tasks: str, tmp_path: Path, direct: bool
) -> None:
    """One that hears need not look by itself for an hour; one that does not looks every two seconds."""
    url = bouncer.server.url(tasks) if direct else ""
    settings = {**AGENDA, "LINEAVIVA_DATABASE_DIRECT_URL": url}
    env, board = environment(bouncer, tasks, tmp_path, **settings), Tasks(bouncer)
    bouncer.fill(tasks)
    first = board.write()
    with running(env, tmp_path, "tests.pgbouncer.worker", "3600" if direct else "2"):
        until(lambda: board.done(first), "it is at work")
        listening = (
            "SELECT COUNT(*) FROM pg_stat_activity WHERE query = 'LISTEN lineaviva_agenda' AND datname = 'tasks'"
        )
        if direct:
            until(lambda: bouncer.server.rows(listening, tasks) == [(1,)], "it listens")
        for _ in range(3 if direct else 1):
            second = board.write()
            until(lambda task=second: board.done(task), "it saw the next one")  # type: ignore[misc]


# --- the keeper's pages -------------------------------------------------------------------------------------------


def test_pages_are_served(bouncer: OwnPgBouncer, tmp_path: Path) -> None:
    """Signing in, a form with its token, and a line that is written and shown."""
    bouncer.server.execute("CREATE DATABASE pages")
    port = free_port()
    env = environment(
        bouncer,
        "pages",
        tmp_path,
        LINEAVIVA_PUBLIC_URL=f"http://127.0.0.1:{port}",
        LINEAVIVA_DATABASE_DIRECT_URL=bouncer.server.url("pages"),
    )
    bouncer.fill("pages")
    run(env, "lineaviva.cli.main", "migrate")
    run(env, "lineaviva.cli.main", "users", "add", "anna@example.org", "--language", "en")
    link = re.search(r"/sign-in/\S+/", run(env, "lineaviva.cli.main", "users", "link", "anna@example.org"))
    assert link is not None
    with (
        running(env, tmp_path, "lineaviva.cli.main", "web", "--port", str(port)),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=PATIENCE) as anna,
    ):
        until(lambda: _is_up(anna), "the pages are up")
        signed_in = anna.get(link.group())
        if 'name="csrfmiddlewaretoken"' in signed_in.text and signed_in.url.path == link.group():
            signed_in = anna.post(link.group(), data={"csrfmiddlewaretoken": _token(signed_in.text)})
        assert signed_in.url.path == "/"
        form = anna.get("/lines/add/")
        assert form.status_code == 200
        line = {"msisdn": "347 123 4567", "operator": "tim", "sim_type": "physical", "label": "Anna's own"}
        added = anna.post("/lines/add/", data={**line, "csrfmiddlewaretoken": _token(form.text)})
        assert (added.status_code, "Anna&#x27;s own" in anna.get("/").text) == (200, True), added.text[:2000]
        for path in ("/settings/", "/receipts/", "/healthz", "/lines/export/"):
            assert anna.get(path).status_code == 200, path
    assert bouncer.left_behind("pages") == []
    assert database_check(env) == ("warn", True)
    bouncer.server.execute("ALTER DATABASE pages SET idle_in_transaction_session_timeout = '60s'")
    assert database_check({**env, "LINEAVIVA_DATABASE_URL": bouncer.server.url("pages")}) == ("ok", False)


def database_check(env: dict[str, str]) -> tuple[str, bool]:
    """What `lineaviva doctor` thinks of the database, and whether it speaks of transactions that are left open."""
    argv = [sys.executable, "-m", "lineaviva.cli.main", "doctor", "--json"]
    said = json.loads(subprocess.run(argv, env=env, capture_output=True, text=True).stdout)
    (check,) = (check for check in said["checks"] if check["name"] == "database")
    return check["state"], "idle_in_transaction_session_timeout" in check["do"]


def _is_up(pages: httpx.Client) -> bool:
    try:
        return pages.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def _token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)
