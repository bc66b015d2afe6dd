"""A TCP server for a test to play with: on an event loop in a thread of its own."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Listener(ABC):
    """Listens on 127.0.0.1:`port` while `serving`; a subclass says what a connection is for."""

    def __init__(self) -> None:
        self.port = 0
        self._loop: asyncio.AbstractEventLoop
        self._server: asyncio.Server

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; its end closes it."""

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve for as long as the block lasts."""
        started = Event()

        async def main() -> None:
            self._loop, stop = asyncio.get_running_loop(), asyncio.Event()
            self._stop = stop.set
            await self._listen()
            started.set()
            await stop.wait()
            self._server.close()

        # Its end cancels what is still being served.
        thread = Thread(target=lambda: asyncio.run(main()), daemon=True)
        thread.start()
        assert started.wait(5)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop)
            thread.join(5)

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        """Do something on the loop, asked by another thread, and wait until it is done."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(5)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._guard, "127.0.0.1", self.port, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _guard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # That either side hangs up, or this server ends, is nothing to report.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._serve(reader, writer)
        writer.transport.abort()


async def first_of(*several: Coroutine[Any, Any, None]) -> None:
    """Wait until one of several ends, and end the others."""
    tasks = [asyncio.ensure_future(one) for one in several]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
