"""The tests' own bad network is as bad as it says, and no worse."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.patience import PATIENCE
from tests.tcp_proxy import Mode, TcpProxy


class Echo(threading.Thread):
    """Says back what it hears, and keeps it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._door.getsockname()
        self.heard = b""
        self._something = threading.Condition()

    def run(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            while data := line.recv(65536):
                with self._something:
                    self.heard += data
                    self._something.notify_all()
                line.sendall(data)

    def hears(self, words: bytes, seconds: float = PATIENCE) -> bool:
        with self._something:
            return self._something.wait_for(lambda: words in self.heard, seconds)

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    echo.start()
    yield echo
    echo.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    with TcpProxy(echo.address) as proxy:
        yield proxy


def said(line: socket.socket, seconds: float = PATIENCE) -> bytes | str:
    """What comes next: bytes, the end of the connection (b""), "reset", or "nothing"."""
    line.settimeout(seconds)
    try:
        return line.recv(65536)
    except TimeoutError:
        return "nothing"
    except ConnectionResetError:
        return "reset"


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def ask(line: socket.socket, words: bytes, seconds: float = PATIENCE) -> bytes | str:
    line.sendall(words)
    return said(line, seconds)


def anew(proxy: TcpProxy, words: bytes, seconds: float) -> bytes | str:
    """The same of a new connection, which may be reset while it is still being made."""
    try:
        with connect(proxy) as line:
            line.sendall(words)
            return said(line, seconds)
    except ConnectionResetError:
        return "reset"


def test_it_lets_through_what_is_said(proxy: TcpProxy) -> None:
    with connect(proxy) as line:
        assert ask(line, b"one") == b"one"
        proxy.set("pass")
        assert ask(line, b"two") == b"two"


@pytest.mark.parametrize(
    ("mode", "of_one_that_stands", "of_a_new_one", "arrives"),
    [
        ("cut", b"", b"", False),
        ("reset", "reset", "reset", False),
        ("stall", "nothing", "nothing", False),
        ("half-open", "nothing", "nothing", True),
    ],
    ids=["cut", "reset", "stall", "half-open"],
)
def test_faults(
    echo: Echo, proxy: TcpProxy, mode: Mode, of_one_that_stands: bytes | str, of_a_new_one: bytes | str, arrives: bool
) -> None:
    with connect(proxy) as line:
        assert ask(line, b"before") == b"before"
        proxy.set(mode)
        assert proxy.struck.is_set()
        if mode in {"stall", "half-open"}:
            line.sendall(b"after")
        assert said(line, 0.2 if of_one_that_stands == "nothing" else PATIENCE) == of_one_that_stands
        words = b"anew" if mode in {"stall", "half-open"} else b""
        assert anew(proxy, words, 0.2 if of_a_new_one == "nothing" else PATIENCE) == of_a_new_one
    assert echo.hears(b"after", PATIENCE if arrives else 0.1) is arrives
    assert echo.hears(b"anew", PATIENCE if arrives else 0.1) is arrives
    proxy.set("pass")
    with connect(proxy) as line:
        assert ask(line, b"again") == b"again"


def test_what_is_held_comes_late_and_whole(echo: Echo, proxy: TcpProxy) -> None:
    with connect(proxy) as line:
        proxy.set("hold")
        assert ask(line, b"late", 0.2) == "nothing"
        assert echo.hears(b"late", 0.1) is False
        proxy.set("pass")
        assert said(line) == b"late"


def test_words_strike_when_they_are_said_so_often(echo: Echo, proxy: TcpProxy) -> None:
    proxy.when(b"COMMIT", 3, "stall")
    with connect(proxy) as line:
        assert [ask(line, words) for words in (b"COMMIT", b"SELECT", b"COMMIT")] == [b"COMMIT", b"SELECT", b"COMMIT"]
        assert not proxy.struck.is_set()
        assert ask(line, b"COMMIT of the third", 0.2) == "nothing"
        assert proxy.struck.is_set()
    assert echo.hears(b"of the third", 0.1) is False
