"""One night on two hosts and one PostgreSQL: shared without overlap, and right whatever happens to one of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lineaviva.carrier.partitions import PARTS
from tests.carrier.nightly.hosts import (
    LINES,
    NIGHT,
    ROOT,
    Cable,
    Host,
    environment,
    has_namespaces,
    lease_seconds,
    state,
)
from tests.own_pgbouncer import own_pgbouncer
from tests.own_postgres import OwnPostgres, own_postgres
from tests.patience import PATIENCE, until
from tests.tcp_proxy import Mode, TcpProxy

pytestmark = [pytest.mark.postgres, pytest.mark.processes]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[OwnPostgres]:
    """With a database `lines`, in which a night is due."""
    with own_postgres() as server:
        server.execute("CREATE DATABASE lines")
        argv = [sys.executable, "-m", "tests.carrier.nightly.lines_build", str(LINES), NIGHT]
        subprocess.run(argv, check=True, cwd=ROOT, env=environment(server.url("lines"), home))
        yield server


@pytest.fixture(scope="module")
def undisturbed(server: OwnPostgres, home: Path) -> dict[str, Any]:
    """What the night leaves behind when one host does it in peace; its books are in order, so those like it are."""
    server.execute("CREATE DATABASE undisturbed TEMPLATE lines")
    host = Host("alone", server.url("undisturbed"), home)
    assert_right(host)
    audit = [sys.executable, "-m", "lineaviva.cli.main", "carrier", "audit", "--json"]
    env = environment(server.url("undisturbed"), home)
    said = json.loads(subprocess.run(audit, check=True, env=env, capture_output=True, text=True).stdout)
    assert (said["balanced"], len(said["operators"])) == (True, 5)
    twice = "FROM carrier_ledger_event WHERE origin = 'night' GROUP BY subscription_id, kind HAVING COUNT(*) > 1"
    assert server.rows(f"SELECT subscription_id, kind {twice}", "undisturbed") == []
    return state(server, "undisturbed")


@dataclass(frozen=True)
class Link:
    """A host's way to PostgreSQL; nothing comes through while it is pulled, and nobody is told."""

    host: Callable[[], Host]
    pull: Callable[[], None]
    plug: Callable[[], None]


class World:
    """A database of the test's own with the night still to come, and the hosts that do it."""

    def __init__(self, server: OwnPostgres, home: Path, name: str, stack: ExitStack) -> None:
        self.server, self.home, self.name, self._stack = server, home, name, stack
        server.execute(f"CREATE DATABASE {name} TEMPLATE lines")

    def proxy(self, **options: Any) -> TcpProxy:
        return self._stack.enter_context(TcpProxy(("127.0.0.1", self.server.port), **options))

    def link(self, name: str, place: int) -> Link:
        if not has_namespaces():
            proxy = self.proxy()
            start = partial(self.host, name, via=proxy.port)
            return Link(start, pull=lambda: proxy.set("stall"), plug=lambda: proxy.set("pass"))
        cable = Cable(name, place)
        self._stack.callback(cable.close)
        start = partial(self.host, name, at=cable.ours, inside=cable.inside)
        return Link(start, pull=cable.pull, plug=cable.plug)

    def host(self, name: str, *, via: int = 0, at: str = "127.0.0.1", url: str = "", **more: Any) -> Host:
        """A host that reaches PostgreSQL by that address and port."""
        here = self.server.url(self.name, host=at, port=via, connect_timeout=5 * lease_seconds())
        host = Host(name, url or here, self.home, **more)
        self._stack.callback(host.kill)
        return host

    @contextmanager
    def together(self, workers: int) -> Iterator[None]:
        """Hosts started in this block, of so many workers in all, begin their night at its end, at the same time."""
        with psycopg.connect(self.server.url(self.name)) as gate:
            assert gate.execute("SELECT part FROM carrier_nightly_shard FOR UPDATE").rowcount == PARTS
            yield
            # What a worker asks again and again that finds no part to take; a process that only came so far as to
            # connect would miss half of the night.
            waits = f"datname = '{self.name}' AND query LIKE '%lease_until < clock_timestamp()%'"
            there = f"SELECT COUNT(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {waits}"  # noqa: S608
            until(lambda: self.value(there) == workers, "all hosts are at the gate", every=0.01)

    def value(self, sql: str, server: OwnPostgres | None = None) -> Any:
        return (server or self.server).rows(sql, self.name)[0][0]

    def lines_done(self, server: OwnPostgres | None = None) -> int:
        return int(self.value("SELECT COALESCE(SUM(lines), 0) FROM carrier_nightly_count", server))

    def holders(self) -> set[str]:
        """Names of the hosts that hold a part at this moment."""
        found = self.server.rows("SELECT holder FROM carrier_nightly_shard WHERE holder <> ''", self.name)
        return {holder.partition(":")[0] for (holder,) in found}

    def state(self) -> dict[str, Any]:
        return state(self.server, self.name)


@pytest.fixture
def world(server: OwnPostgres, home: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as stack:
        name = "w" + "".join(letter for letter in request.node.name.lower() if letter.isalnum())[-40:]
        yield World(server, home, name, stack)


def assert_right(host: Host) -> None:
    """The host says that the night is done, and that its summary is what the ledger says."""
    done = host.end()
    assert done.code == 0, done.errors
    assert (done.said["done"], done.said["stuck"], done.said["ledger_agrees"]) == (True, 0, True)
    assert done.said["money"] == done.said["ledger"]


def test_two_hosts_share_a_night_and_a_cable_is_pulled(world: World, undisturbed: dict[str, Any]) -> None:
    """Two network namespaces where the machine has them, else two proxies; the one that is pulled says nothing more."""
    left, right = world.link("left", 1), world.link("right", 2)
    with world.together(2):
        pulled, other = left.host(), right.host()
    until(lambda: world.holders() == {"left", "right"}, "both have a part", every=0.01)
    left.pull()
    assert_right(other)
    assert pulled.process.poll() is None
    assert world.state() == undisturbed
    left.plug()
    assert_right(pulled)
    assert world.state() == undisturbed


@pytest.mark.parametrize(
    ("mode", "words"),
    [("stall", b"COMMIT"), ("reset", b"SET turn = turn + 1"), ("half-open", b"COMMIT")],
    ids=["stall", "reset", "half-open"],
)
def test_a_host_is_cut_off_and_comes_back(world: World, undisturbed: dict[str, Any], mode: Mode, words: bytes) -> None:
    """The other ends the night without it; it ends, too, as soon as it reaches the database again."""
    network = world.proxy()
    network.when(words, 2, mode)
    with world.together(2):
        cut_off, other = world.host("left", via=network.port), world.host("right")
    assert network.struck.wait(PATIENCE)
    # Without a limit of its own it would wait for two hours, much longer than anybody here.
    assert_right(other)
    assert cut_off.process.poll() is None
    assert world.state() == undisturbed
    network.set("pass")
    assert_right(cut_off)
    assert world.state() == undisturbed


def test_a_host_that_stays_cut_off_gives_up(world: World, undisturbed: dict[str, Any]) -> None:
    """It says why. The other ends the night without it."""
    network = world.proxy()
    network.when(b"WITH cases", 2, "cut")
    with world.together(2):
        cut_off = world.host("left", via=network.port, LINEAVIVA_NIGHT_PATIENCE_SECONDS=str(lease_seconds()))
        other = world.host("right")
    assert network.struck.wait(PATIENCE)
    done = cut_off.end()
    assert (done.code, done.said["error"]["code"]) == (2, "database_away")
    assert_right(other)
    assert world.state() == undisturbed


def test_a_host_is_killed(world: World, undisturbed: dict[str, Any]) -> None:
    """With its workers, at once, as when its power fails."""
    with world.together(3):
        killed, other = world.host("left", workers=2), world.host("right")
    until(lambda: "left" in world.holders(), "the host that is killed has a part", every=0.01)
    killed.kill()
    assert_right(other)
    assert world.state() == undisturbed


def test_a_host_sleeps_and_wakes_in_the_middle_of_a_batch(world: World, undisturbed: dict[str, Any]) -> None:
    """As when a machine is moved: its part went to the other, and what it had begun is undone."""
    network = world.proxy()
    network.when(b"WITH cases", 2, "hold")
    with world.together(2):
        sleeper, other = world.host("left", via=network.port), world.host("right")
    assert network.struck.wait(PATIENCE)
    sleeper.signal(signal.SIGSTOP)
    assert_right(other)
    assert world.state() == undisturbed
    network.set("pass")
    sleeper.signal(signal.SIGCONT)
    assert_right(sleeper)
    assert world.state() == undisturbed


def test_postgresql_is_restarted_in_the_middle(world: World, undisturbed: dict[str, Any]) -> None:
    """At once, as when it crashes: the night goes on by itself when it is back."""
    host = world.host("left", workers=2)
    until(lambda: world.lines_done() > 0, "the night has begun", every=0.01)
    # It stands still while the server stops, so that the night is not over by then, and goes on without one.
    host.signal(signal.SIGSTOP)
    assert 0 < world.lines_done() < LINES
    world.server.control("-m", "immediate", "stop")
    host.signal(signal.SIGCONT)
    world.server.control("start")
    assert_right(host)
    assert world.state() == undisturbed


def test_two_hosts_behind_pgbouncer(world: World, undisturbed: dict[str, Any]) -> None:
    """In transaction mode: nothing that a batch sets outlives it."""
    with own_pgbouncer(world.server) as bouncer:
        bouncer.fill(world.name)
        left, right = (world.host(name, via=bouncer.port) for name in ("left", "right"))
        assert_right(left)
        assert_right(right)
        assert world.state() == undisturbed
        assert bouncer.left_behind(world.name) == []


def test_a_standby_takes_over_in_the_middle(world: World, undisturbed: dict[str, Any]) -> None:
    """As docs/operating.md has it: nothing is committed that the standby does not have, and the URL names both."""
    with own_postgres(world.server) as standby, standing_by(world.server):
        both = {"host": "127.0.0.1,127.0.0.1", "port": f"{world.server.port},{standby.port}"}
        options = "&".join(f"{name}={value}" for name, value in both.items())
        host = world.host("left", url=f"postgresql://postgres@/{world.name}?{options}&target_session_attrs=read-write")
        until(lambda: world.lines_done() > 0, "the night has begun", every=0.01)
        host.signal(signal.SIGSTOP)
        world.server.control("-m", "immediate", "stop")
        host.signal(signal.SIGCONT)
        standby.control("promote")
        assert 0 < world.lines_done(standby) < LINES
        assert_right(host)
        assert state(standby, world.name) == undisturbed


@contextmanager
def standing_by(server: OwnPostgres) -> Iterator[None]:
    """Commits wait for the standby; afterwards the server is what it was before."""
    server.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    server.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        server.control("-m", "immediate", "-o", "-c synchronous_standby_names=", "restart")
        server.execute("ALTER SYSTEM RESET synchronous_standby_names")
