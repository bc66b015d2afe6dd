"""Run servers for a test in their own threads."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from threading import Event, Thread
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Listener(ABC):
    """Listen on 127.0.0.1:`port` during `serving`. A subclass handles the connections."""

    def __init__(self) -> None:
        self.port = 0
        self._loop: asyncio.AbstractEventLoop
        self._server: asyncio.Server

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection. It is closed when this method returns."""

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve until the block ends."""
        started = Event()

        async def main() -> None:
            self._loop, stop = asyncio.get_running_loop(), asyncio.Event()
            self._stop = stop.set
            await self._listen()
            started.set()
            await stop.wait()
            self._server.close()

        # When main() ends, asyncio.run() cancels the connections that are still open.
        thread = Thread(target=lambda: asyncio.run(main()), daemon=True)
        thread.start()
        assert started.wait(30)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop)
            thread.join(5)

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop from another thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._guard, "127.0.0.1", self.port, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _guard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # It is no error if a side closes the connection, or if this server ends.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._serve(reader, writer)
        writer.transport.abort()


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Serve with a server of the standard library, in its own thread, until the block ends."""
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler, bytes], Answer | None]) -> Iterator[str]:
    """Serve HTTP with a function until the block ends, and yield the URL.

    The function gets a request and its body, and returns the status, the headers and the body of the
    answer; `None` to close the connection without an answer.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answered = answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            if answered is None:
                self.close_connection = True
                return
            status, headers, body = answered
            self.send_response(status)
            for name, value in {**headers, **({} if status == 304 else {"Content-Length": str(len(body))})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_GET  # noqa: N815  # the names that http.server calls

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name in http.server
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


async def first_of(*several: Coroutine[Any, Any, None]) -> None:
    """Wait until one of several coroutines ends, and cancel the others."""
    tasks = [asyncio.ensure_future(one) for one in several]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
