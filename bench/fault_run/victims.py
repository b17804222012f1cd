"""Who is killed with -9 and begun again until the run is over: the web server, workers, and people at their pages."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bench.fault_run import people
from lineaviva.cli.processes import is_listening

_forks = multiprocessing.get_context("forkserver")
# A fork that was just begun has nothing in hand yet.
_AT_WORK = 0.3


class Victim(Protocol):
    deaths: int

    def at_work(self) -> bool: ...

    def kill(self) -> None: ...

    def start(self) -> None: ...


class Server:
    """The web server, in a process group of its own."""

    def __init__(self, argv: list[str], log: Path, port: int) -> None:
        self.argv, self.log, self.port, self.deaths = argv, log, port, 0
        self.start()

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as file:
            self.process = subprocess.Popen(self.argv, stdout=file, stderr=file, start_new_session=True)

    def at_work(self) -> bool:
        return is_listening(self.port)

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.deaths += 1


class Fork:
    """A worker or a person: `task` with its arguments in a process of its own."""

    def __init__(self, task: Callable[..., None], *args: Any, log: Path) -> None:
        self.task, self.args, self.log, self.deaths = task, args, log, 0
        self.start()

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.process = _forks.Process(target=people.logged, args=(str(self.log), self.task, *self.args), daemon=True)
        self.process.start()
        self.since = time.monotonic()

    @property
    def finished(self) -> bool:
        return self.process.exitcode == 0

    @property
    def broken(self) -> bool:
        """It ended by itself, and not as it should."""
        return self.process.exitcode not in {None, 0, -signal.SIGKILL}

    def at_work(self) -> bool:
        return self.process.is_alive() and time.monotonic() - self.since > _AT_WORK

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.deaths += 1


def forks_ready(root: Path) -> None:
    """Once the environment says which program we are: what all of them need is loaded before they are forked."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    _forks.set_forkserver_preload(["bench.fault_run.warm"])


class Killer:
    """Kills one that is at work every `every` seconds, and begins it again."""

    def __init__(self, victims: list[Any], every: float, stop: threading.Event, chance: random.Random) -> None:
        self.victims, self._every, self._stop, self._chance = victims, every, stop, chance
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def kills(self) -> int:
        return sum(victim.deaths for victim in self.victims)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """After `stop` is set."""
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            if at_work := [victim for victim in self.victims if victim.at_work()]:
                victim = self._chance.choice(at_work)
                victim.kill()
                victim.start()


def check(victims: list[Any]) -> None:
    """Ends the run where one of them does not fall because it was killed: that is a mistake of this program."""
    for victim in victims:
        if isinstance(victim, Fork) and victim.broken:
            tail = victim.log.read_text(errors="replace")[-3000:]
            sys.exit(f"{victim.task.__name__} ended with {victim.process.exitcode}:\n{tail}")
