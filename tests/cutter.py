"""Forward requests, and cut the connection of some of them, so that their answer is lost."""

import asyncio
import socket
import struct
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path

from tests.listener import Listener
from tests.wire import without_limit

_RESET = struct.pack("ii", 1, 0)  # with this SO_LINGER, close() drops unsent data and sends RST


class Cut(Enum):
    """Say when the connection of a request is cut."""

    NEVER = "never"
    BEFORE = "before the request is forwarded"
    AFTER = "after the request was forwarded"
    ANSWER = "when the answer begins"


class Cutter(Listener):
    """Forward whole requests, after a function has decided about each."""

    def __init__(self, decide: Callable[[str], Cut]) -> None:
        super().__init__()
        self.decide = decide
        """Return when the connection of a request is cut."""
        self.cuts = 0
        """Count the connections that were cut."""

    @abstractmethod
    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the server."""

    @abstractmethod
    def _requests(self, reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, str | None]]:
        """Yield each request, and the text that `decide` receives; `None` if it is never cut."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await self._connect()
        pump = asyncio.ensure_future(_copy(back, writer))
        try:
            async for request, text in self._requests(reader):
                cut = Cut.NEVER if text is None else self.decide(text)
                if cut is Cut.ANSWER:
                    pump.cancel()
                    await asyncio.wait([pump])
                if cut is not Cut.BEFORE:
                    there.write(request)
                    await there.drain()
                if cut is Cut.ANSWER:
                    await back.read(1)
                if cut is not Cut.NEVER:
                    self.cuts += 1
                    if self.cuts % 2:
                        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    return
        finally:
            pump.cancel()
            there.close()  # this sends what was forwarded


class HttpCutter(Cutter):
    """Forward HTTP to a port of this machine. `decide` receives the first line of the request."""

    def __init__(self, target: int, decide: Callable[[str], Cut]) -> None:
        super().__init__(decide)
        self._target = target

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _requests(self, reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, str | None]]:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().lower().split("\r\n")
            length = sum(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
            yield head + await reader.readexactly(length), first


class SqlCutter(Cutter):
    """Forward the protocol of PostgreSQL, without encryption, to a server. `decide` receives the SQL of a query."""

    def __init__(self, socket_dir: Path, decide: Callable[[str], Cut]) -> None:
        super().__init__(decide)
        self._target = socket_dir / ".s.PGSQL.5432"

    def url(self, database: str, role: str = "todo_api") -> str:
        """Return the URL of a database through this proxy."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._target)

    async def _requests(self, reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, str | None]]:
        size = await reader.readexactly(4)
        yield size + await reader.readexactly(struct.unpack("!I", size)[0] - 4), None
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
            yield head + body, without_limit(body[:-1].decode())[0] if head[:1] == b"Q" else None


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
    sink.close()
