"""Connections that hold a thread are shut: the silent ones first, those that trickle after twice the time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from lineaviva.carrier.smdp.slow import Watch
from tests.patience import PATIENCE


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A phone's end of a connection, and ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        phone = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
        with phone, ours:
            yield phone, ours


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread of its own: the test says when to look."""
    monkeypatch.setattr(Watch, "_start", lambda self: None)


def read(watch: Watch, ours: socket.socket, sender: str = "127.0.0.1") -> tuple[threading.Thread, float, float]:
    """Wait for a body, as a thread of the web server does; with when it began, at the earliest and at the latest."""
    began, earliest = threading.Event(), time.monotonic()

    def body() -> None:
        with watch.reading(sender):
            began.set()
            ours.recv(10)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    assert began.wait(PATIENCE)
    return thread, earliest, time.monotonic()


@pytest.mark.usefixtures("quiet")
def test_one_that_says_nothing_is_shut_and_its_thread_comes_free(pair: tuple[socket.socket, socket.socket]) -> None:
    watch = Watch(stalled=10, silent=0)
    thread, earliest, latest = read(watch, pair[1])
    assert watch.look(earliest + 9) == 0
    assert thread.is_alive()
    assert watch.look(latest + 11) >= 1
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert watch._reading == {}


@pytest.mark.usefixtures("quiet")
def test_one_that_trickles_has_twice_the_time(pair: tuple[socket.socket, socket.socket]) -> None:
    watch = Watch(stalled=10, silent=3600)
    thread, earliest, latest = read(watch, pair[1])
    assert watch.look(earliest + 19) == 0
    assert watch.look(latest + 21) >= 1
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.usefixtures("quiet")
def test_connections_of_others_stay(pair: tuple[socket.socket, socket.socket]) -> None:
    watch = Watch(stalled=10, silent=0)
    thread, _, latest = read(watch, pair[1], sender="192.0.2.9")
    assert watch.look(latest + 100) == 0
    pair[0].send(b"late")
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.usefixtures("quiet")
def test_nobody_reads_nothing_is_shut(pair: tuple[socket.socket, socket.socket]) -> None:
    assert Watch(stalled=10, silent=0).look(time.monotonic() + 100) == 0
    pair[0].send(b"still there")
    assert pair[1].recv(20) == b"still there"


def test_it_looks_by_itself(pair: tuple[socket.socket, socket.socket]) -> None:
    thread, _, _ = read(Watch(stalled=0.1, silent=0), pair[1])
    thread.join(PATIENCE)
    assert not thread.is_alive()
