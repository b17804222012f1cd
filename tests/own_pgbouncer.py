"""Debian's PgBouncer in transaction mode in front of a test's PostgreSQL, as unkind as it can be.

Two connections to the server for everybody, used in turn: two transactions in a row of one client are never on one
connection, so whatever outlives a transaction is somebody else's.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from lineaviva.cli.demo import free_port
from tests.own_postgres import OwnPostgres
from tests.patience import PATIENCE

_CONFIG = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 2
server_round_robin = 1
max_client_conn = 200
"""


class OwnPgBouncer:
    def __init__(self, server: OwnPostgres, port: int) -> None:
        self.server, self.port = server, port

    def url(self, database: str) -> str:
        return self.server.url(database, port=self.port)

    def fill(self, database: str) -> None:
        """Have both connections to the server made; from then on they are used in turn."""
        with self._both(database):
            pass

    def left_behind(self, database: str) -> list[tuple[Any, ...]]:
        """What the sessions of both connections to the server have that is not as PostgreSQL has it."""
        sql = """
            SELECT name, setting FROM pg_settings WHERE source = 'session'
                   AND name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'TimeZone')
            UNION ALL SELECT 'statement', name FROM pg_prepared_statements
            UNION ALL SELECT 'temporary', relname FROM pg_class WHERE relpersistence = 't'
        """
        with self._both(database) as both:
            return [row for connection in both for row in connection.execute(sql.encode()).fetchall()]

    @contextmanager
    def _both(self, database: str) -> Iterator[list[psycopg.Connection[Any]]]:
        """Two clients in a transaction each: so each has another of the two connections to the server."""
        with ExitStack() as stack:
            options: dict[str, Any] = {"prepare_threshold": None}
            both = [stack.enter_context(psycopg.connect(self.url(database), **options)) for _ in range(2)]
            assert len({connection.execute("SELECT pg_backend_pid()").fetchone() for connection in both}) == 2
            yield both


@contextmanager
def own_pgbouncer(server: OwnPostgres) -> Iterator[OwnPgBouncer]:
    """Started on a free port, as the user that PostgreSQL runs as; tools/test.py installs it."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    folder, port = Path(tempfile.mkdtemp(prefix="lineaviva-bouncer-")), free_port()
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "ini").write_text(_CONFIG.format(server=server.port, port=port, folder=folder))
    if server.user:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, server.user)
    user = ["-u", server.user] if server.user else []
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, "-q", *user, str(folder / "ini")], stdout=log, stderr=log)
    try:
        bouncer = OwnPgBouncer(server, port)
        _wait_until_up(bouncer, process, folder / "log")
        yield bouncer
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _wait_until_up(bouncer: OwnPgBouncer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(bouncer.url("postgres")).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.02)
