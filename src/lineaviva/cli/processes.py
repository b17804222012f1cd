"""Several programs in one foreground group: started together, watched, stopped together."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from lineaviva.kernel.errors import Conflict

log = structlog.get_logger()
STOP_SECONDS = 8.0
# As a shell says that Ctrl-C ended a command before it did what it was asked for.
INTERRUPTED = 130
# A program that falls this often in a row is broken, not unlucky.
MOST_RESTARTS = 5
STEADY_SECONDS = 30.0


@dataclass
class Program:
    """One child: its command line, what is added to its environment, and the file its output goes to (None: ours)."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    output: Path | None = None
    port: int | None = None


class _Child:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.restarts = 0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.started_at = time.monotonic()
        output = self.program.output
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
        with open(output or os.devnull, "ab") as file:
            sink = file if output else None
            return subprocess.Popen(  # noqa: S603 - our own programs only
                self.program.argv,
                env={**os.environ, **self.program.env},
                stdout=sink,
                stderr=sink,
                stdin=subprocess.DEVNULL,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
                # Ctrl-C is for us: told twice, by the terminal and by us, a web server takes seconds to end.
                process_group=0,
            )

    def restart(self) -> None:
        steady = time.monotonic() - self.started_at > STEADY_SECONDS
        self.restarts = 1 if steady else self.restarts + 1
        self.process = self._start()


def _die_with_parent() -> None:
    """A supervisor killed with -9 must not leave its children holding the ports."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class Group:
    """The programs of one `lineaviva serve`."""

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self._watching = False
        self.stopping = False

    def heed_signals(self) -> None:
        """Ctrl-C, SIGTERM and a terminal that closes: `watch` returns, and what comes before it is broken off.

        By KeyboardInterrupt, or what a module that is being imported makes of it: `stopping` tells it from a mishap.
        """
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Who starts us by nohup wants us to outlive the terminal.
            if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:
                signal.signal(name, self._told_to_stop)

    def _told_to_stop(self, *_: object) -> None:
        is_first, self.stopping = not self.stopping, True
        if is_first and not self._watching:
            raise KeyboardInterrupt

    def start(self, *programs: Program) -> None:
        for program in programs:
            self._children.append(_Child(program))

    def pid_of(self, name: str) -> int:
        return next(child.process.pid for child in self._children if child.program.name == name)

    def wait_until_up(self, seconds: float = 120.0) -> None:
        """Return when every program with a port takes connections. Raises Conflict when one falls or does not.

        The time is what an old machine with much else to do may need for all of them.
        """
        deadline = time.monotonic() + seconds
        waiting = [child for child in self._children if child.program.port]
        while waiting:
            waiting = [child for child in waiting if not is_listening(child.program.port or 0)]
            fallen = next((child for child in waiting if child.process.poll() is not None), None)
            if fallen or time.monotonic() > deadline:
                name = (fallen or waiting[0]).program.name
                raise Conflict(f"The program '{name}' did not start; its output says why.", code="not_started")
            time.sleep(0.03)

    def watch(self, while_running: Callable[[], bool] = lambda: True) -> int:
        """Stay until told to stop; start again what falls. Returns the exit code for the command."""
        self._watching = True
        while while_running() and not self.stopping:
            for child in self._children:
                code = child.process.poll()
                if code is None or self.stopping:
                    continue
                if child.restarts >= MOST_RESTARTS:
                    log.error("program_keeps_falling", program=child.program.name, exit_code=code)
                    return 1
                log.warning("program_restarted", program=child.program.name, exit_code=code)
                child.restart()
            time.sleep(0.2)
        return 0

    def wait_until_done(self, seconds: float) -> int:
        """Wait for programs that end by themselves; returns the worst exit code."""
        deadline = time.monotonic() + seconds
        try:
            return max(abs(child.process.wait(max(0.05, deadline - time.monotonic()))) for child in self._children)
        except subprocess.TimeoutExpired:
            return 1
        finally:
            self.stop()

    def stop(self) -> None:
        """Ask all to finish what they have in hand, then end those that do not."""
        self.stopping = True
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            try:
                child.process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()


def is_listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
    except OSError:
        return False


def refuse_busy(ports: Sequence[int], command: str = "serve") -> None:
    """Raise Conflict, with what to do, when one of the ports is taken."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                other = ports[0] + 100
                raise Conflict(
                    f"Port {port} is in use. Stop what uses it, or choose others: lineaviva {command} --port {other}",
                    code="port_in_use",
                    field="port",
                ) from None
