"""A network between a client and a server that fails in the ways in which networks do, when a test says so.

    with TcpProxy(("127.0.0.1", 5432)) as proxy:
        proxy.when(b"COMMIT", 5, "stall")     # when a client says so for the fifth time
        assert proxy.struck.wait(PATIENCE)
        proxy.set("pass")

cut: every connection is closed in good order, and so is every new one. stall: connections stand and are taken, and
nothing comes through or is said. reset: they end with RST. half-open: what clients say arrives, what is answered does
not. Whatever was swallowed stays swallowed: a connection that was stalled never comes back. hold: everything is late,
and comes when another mode does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Literal

from tests.patience import PATIENCE

Mode = Literal["pass", "hold", "cut", "stall", "reset", "half-open"]
_ABORT = struct.pack("ii", 1, 0)  # linger for no time at all: close sends RST


class TcpProxy:
    """Listens on `host` and a free port, in a thread of its own."""

    def __init__(self, target: tuple[str, int], *, host: str = "127.0.0.1") -> None:
        self._target, self._host = target, host
        self._mode: Mode = "pass"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._links: set[_Link] = set()
        self._words, self._times = b"", 0
        self._then: Mode = "pass"
        self._flowing = asyncio.Event()
        self.struck = threading.Event()
        self.port = 0

    def __enter__(self) -> TcpProxy:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    # --- what a test says ---------------------------------------------------------------------------------------------

    def set(self, mode: Mode) -> None:
        self._call(lambda: self._strike(mode))

    def when(self, words: bytes, times: int, mode: Mode) -> None:
        """`mode` comes with these words of a client, when they are said so often: they are the first to feel it."""

        def arm() -> None:
            self._words, self._times, self._then = words, times, mode

        self._call(arm)

    def _call(self, act: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(PATIENCE)

    # --- in the thread ------------------------------------------------------------------------------------------------

    async def _listen(self) -> asyncio.Server:
        self._flowing.set()
        return await asyncio.start_server(self._take, self._host, 0)

    async def _end(self) -> None:
        self._server.close()
        for link in list(self._links):
            link.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _strike(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "hold":
            self._flowing.clear()
        else:
            self._flowing.set()
        if mode != "pass":
            self.struck.set()
        for link in list(self._links):
            if mode in {"cut", "reset"}:
                link.close(abort=mode == "reset")
            elif mode in {"stall", "half-open"}:
                link.deaf |= {"stall": {"client", "server"}, "half-open": {"server"}}[mode]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.add(link)
        try:
            if self._mode in {"cut", "reset"}:
                return link.close(abort=self._mode == "reset")
            if self._mode == "stall":
                await self._swallow(reader)
                return None
            if self._mode == "half-open":
                link.deaf.add("server")
            there, back = await asyncio.open_connection(*self._target)
            link.ends.append(back)
            await asyncio.gather(self._pump(reader, back, link, "client"), self._pump(there, writer, link, "server"))
        except OSError:
            pass
        finally:
            link.close()
            self._links.discard(link)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, link: _Link, side: str) -> None:
        """Carry bytes over until their source has no more; then the sink is told so, unless nothing comes through."""
        while data := await source.read(65536):
            if side == "client":
                self._listen_for(data)
            await self._flowing.wait()
            if side not in link.deaf:
                sink.write(data)
                with suppress(OSError):
                    await sink.drain()
        if side not in link.deaf:
            link.close()

    def _listen_for(self, data: bytes) -> None:
        if self._times and self._words in data:
            self._times -= 1
            if not self._times:
                self._strike(self._then)

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(65536):
            pass


class _Link:
    """Both ends of one connection, and the sides of which nothing comes through any more."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.ends = [client]
        self.deaf: set[str] = set()

    def close(self, *, abort: bool = False) -> None:
        for end in self.ends:
            line = end.get_extra_info("socket")
            if abort and line is not None:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
                end.transport.abort()
            else:
                end.close()
