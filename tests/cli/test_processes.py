"""Several programs in one foreground group: what a signal does before and while they are watched."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineaviva.cli.processes import Group, Program
from lineaviva.kernel.errors import Conflict
from tests.patience import PATIENCE

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def group() -> Iterator[Group]:
    before = {name: signal.getsignal(name) for name in SIGNALS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where these tests run under nohup
    found = Group()
    yield found
    found.stop()
    for name, handler in before.items():
        signal.signal(name, handler)


def program(code: str, name: str = "part", port: int | None = None, output: Path | None = None) -> Program:
    return Program(name, [sys.executable, "-c", code], port=port, output=output)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("told", SIGNALS)
def test_a_signal_before_the_watch_breaks_off_once(group: Group, told: signal.Signals) -> None:
    group.heed_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(told)
    assert group.stopping is True
    # While what was begun is being ended, nothing breaks off again.
    signal.raise_signal(told)


@pytest.mark.parametrize("told", SIGNALS)
def test_a_signal_ends_the_watch(group: Group, told: signal.Signals) -> None:
    group.heed_signals()
    group.start(program("import time; time.sleep(60)"))
    pid, looks = group.pid_of("part"), iter(range(100))

    def told_at_the_second_look() -> bool:
        if next(looks) == 1:
            signal.raise_signal(told)
        return True

    assert group.watch(told_at_the_second_look) == 0
    group.stop()
    assert not is_running(pid)


def test_a_signal_that_was_swallowed_still_ends_the_watch(group: Group) -> None:
    group.heed_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert group.watch() == 0


def test_who_outlives_the_terminal_by_nohup_goes_on(group: Group) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    group.heed_signals()
    signal.raise_signal(signal.SIGHUP)
    assert group.stopping is False


def test_the_terminals_ctrl_c_is_for_the_supervisor_alone(group: Group) -> None:
    group.start(program("import time; time.sleep(60)"))
    pid = group.pid_of("part")
    assert os.getpgid(pid) == pid != os.getpgid(0)


def test_what_ends_by_itself_is_waited_for(group: Group) -> None:
    group.start(program("pass", "good"), program("raise SystemExit(3)", "bad"))
    assert group.wait_until_done(PATIENCE) == 3


def test_what_does_not_end_by_itself_is_ended(group: Group) -> None:
    group.start(program("import time; time.sleep(60)"))
    pid = group.pid_of("part")
    assert group.wait_until_done(0.2) == 1
    assert not is_running(pid)


def test_what_falls_while_it_starts_is_named(group: Group) -> None:
    group.start(program("raise SystemExit(3)", "carrier", port=1))
    with pytest.raises(Conflict) as fallen:
        group.wait_until_up(PATIENCE)
    assert fallen.value.code == "not_started"
    assert "carrier" in fallen.value.message


def test_what_falls_is_started_again_until_it_is_broken(group: Group, tmp_path: Path) -> None:
    group.start(program("print('here', flush=True)", output=tmp_path / "said"))
    assert group.watch() == 1
    assert (tmp_path / "said").read_text() == "here\n" * 6
