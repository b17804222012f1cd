"""A network of its own for the whole run, so that it can be cut without anybody else noticing."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import struct
import subprocess
import sys
import threading

INSIDE = "LINEAVIVA_FAULTS_NETWORK"
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_ROOT = ["unshare", "--net"]
_OTHERS = ["unshare", "--net", "--map-root-user"]


def enter() -> None:
    """Begin this program again in a network namespace, where the system lets us; else go on without."""
    if os.environ.get(INSIDE):
        loopback(up=True)
        return
    for way in (_ROOT, _OTHERS):
        try:
            allowed = subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return
        if allowed:
            os.environ[INSIDE] = "own"
            os.execvp(way[0], [*way, sys.executable, *sys.argv])  # noqa: S606 - this very program


def is_own() -> bool:
    return bool(os.environ.get(INSIDE))


def loopback(*, up: bool) -> None:
    """Switch the only way between the programs on or off: what is on its way is lost, and nobody is told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", answer)[1]
        wanted = flags | _UP if up else flags & ~_UP
        fcntl.ioctl(asking, _SET_FLAGS, struct.pack("16sh14x", b"lo", wanted))


class Cutter:
    """Cuts the network every `every` seconds or so, for up to three seconds; `cuts` counts."""

    def __init__(self, every: float, stop: threading.Event, chance: random.Random) -> None:
        self.cuts = 0
        self._every, self._stop, self._chance = every, stop, chance
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        if is_own() and self._every:
            self._thread.start()

    def end(self) -> None:
        """After `stop` is set; the network is whole again."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._chance.uniform(0.5, 1.5) * self._every):
            loopback(up=False)
            try:
                self.cuts += 1
                self._stop.wait(self._chance.uniform(0.3, 3.0))
            finally:
                loopback(up=True)
