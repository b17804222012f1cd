"""`lineaviva serve` and `demo`: real processes, watched from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lineaviva.cli.demo import free_port
from lineaviva.cli.processes import is_listening
from tests import migrated
from tests.cli.conftest import Command, command_env
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.processes
PARTS = (0, 1, 2, 3, 4, 5, 6, 9)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], int]]:
    migrated.world(tmp_path)
    port = free_port()
    argv = [sys.executable, "-m", "lineaviva.cli.main", "serve", "--sandbox", "--port", str(port), "--json"]
    process = subprocess.Popen(
        argv, env=command_env(tmp_path), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    yield process, json.loads(process.stdout.readline()), port
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def test_serve_signs_in_by_its_link_starts_again_what_falls_and_stops_on_ctrl_c(
    serving: tuple[subprocess.Popen[str], dict[str, str], int],
) -> None:
    process, said, port = serving
    assert all(is_listening(port + part) for part in PARTS)
    with httpx.Client(follow_redirects=True) as client:
        assert client.get(f"{said['address']}/healthz").status_code == 200
        assert client.get(said["sign_in_link"]).status_code == 200
        assert client.get(said["phone"]).status_code == 200
    starts_again_what_falls(process, port)
    # Ctrl-C reaches the whole foreground group at once, as a terminal sends it.
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert not any(is_listening(port + part) for part in PARTS)


def starts_again_what_falls(process: subprocess.Popen[str], port: int) -> None:
    children = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "sandbox.mail"], capture_output=True, text=True)
    os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
    until(lambda: not is_listening(port + 9))
    until(lambda: is_listening(port + 9))


@contextmanager
def heard() -> Iterator[None]:
    """A program begun meanwhile heeds SIGHUP, also where these tests run under nohup, which it would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_stop_while_starting_leaves_nothing_running(tmp_path: Path, told: signal.Signals) -> None:
    migrated.world(tmp_path)
    port = free_port()
    argv = [sys.executable, "-m", "lineaviva.cli.main", "serve", "--sandbox", "--port", str(port), "--json"]
    with open(tmp_path / "said", "w") as said, heard():
        process = subprocess.Popen(argv, env=command_env(tmp_path), stdout=said, stderr=said, start_new_session=True)
    until(lambda: is_listening(port + 9) or process.poll() is not None, every=0.01)
    assert process.poll() is None, (tmp_path / "said").read_text()
    process.send_signal(told)
    assert process.wait(PATIENCE) == 130
    assert not any(is_listening(port + part) for part in PARTS)
    assert subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True).stdout == b""
    assert "address" not in (tmp_path / "said").read_text()


def test_a_busy_port_is_said_with_what_to_do(lineaviva: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = lineaviva("serve", "--port", str(port))
    assert ran.code == 2
    assert f"Port {port} is in use." in ran.err


def test_the_demo_goes_the_whole_way(lineaviva: Command) -> None:
    ran = lineaviva("demo", "--json")
    assert ran.code == 0, ran.out + ran.err
    assert [step["ok"] for step in ran.json["steps"]] == [True] * 16
    assert ran.json["ledger_balanced"] is True
    assert [order["state"] for order in ran.json["orders"]] == ["active"] * 3
    assert [order["receipt"][-6:] for order in ran.json["orders"]] == ["000001", "000002", "000003"]
    assert [order["esim"] and (order["esim"]["state"], order["esim"]["phone"]) for order in ran.json["orders"]] == [
        *(None, None),
        ("installed", "enabled"),
    ]
    # Whoever reads an activation code has the line: none is printed, nor a whole ICCID.
    assert not re.search(r"LPA:|\d{15}", ran.out)
