"""Forward TCP connections, and let the network fail on command."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from tests.listener import Listener

_RESET = struct.pack("ii", 1, 0)  # with this SO_LINGER, close() drops unsent data and sends RST


@dataclass(eq=False)
class _Link:
    """Describe a connection: the socket of the client, and that of the server once it is connected."""

    ends: list[asyncio.StreamWriter]
    lost: bool
    """Drop all data if this is set, and do not close a side when the other side is closed."""


class Faults(Listener):
    """Forward connections to a port of this machine, until a method causes a fault."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self.delay = 0.0
        """Delay data by this many seconds in each direction."""
        self.under_way = 0
        """Count the chunks that are being delayed."""
        self.accepted = 0
        """Count all connections since the start."""
        self._target = target
        self._links: set[_Link] = set()
        self._hangs = False

    @property
    def open(self) -> int:
        """Return the number of connections that clients keep open, including lost ones."""
        return len(self._links)

    def reset(self) -> None:
        """Reset all connections. Both sides receive RST, and delayed data is lost."""
        self._do(self._reset())

    def close(self) -> None:
        """Close all connections. Both sides receive FIN."""
        self._do(self._close())

    def forget(self) -> None:
        """Lose all connections without closing them, as a NAT does. New connections work."""
        for link in list(self._links):
            link.lost = True

    def hang(self) -> None:
        """Lose all connections. New ones are accepted and lost, too."""
        self._hangs = True
        self.forget()

    def refuse(self) -> None:
        """Refuse new connections. Open connections stay."""
        self._do(self._refuse())

    def heal(self) -> None:
        """Stop all faults. Lost connections stay lost."""
        self._hangs, self.delay = False, 0.0
        self._do(self._accept())

    async def _reset(self) -> None:
        for end in [end for link in self._links for end in link.ends]:
            # The socket may have been closed in the meantime.
            with suppress(OSError):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.transport.abort()
        await asyncio.sleep(0)  # the loop closes the sockets in its next iteration

    async def _close(self) -> None:
        for end in [end for link in self._links for end in link.ends]:
            end.close()
        await asyncio.sleep(0)

    async def _refuse(self) -> None:
        self._server.close()

    async def _accept(self) -> None:
        if not self._server.is_serving():
            await self._listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link([writer], self._hangs)
        self._links.add(link)
        try:
            await self._forward(link, reader, writer)
        finally:
            for end in link.ends:
                end.close()
            # `open` must not change before the other side can notice the end.
            self._loop.call_soon(self._loop.call_soon, self._links.discard, link)

    async def _forward(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._hangs:
            while await reader.read(65536):
                pass
            return
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target)
        link.ends.append(their_writer)
        there = asyncio.ensure_future(self._pump(link, reader, their_writer))
        back = asyncio.ensure_future(self._pump(link, their_reader, writer))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            if link.lost:
                await there
        finally:
            there.cancel()
            back.cancel()

    async def _pump(self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        due = 0.0
        with suppress(OSError):
            while chunk := await source.read(65536):
                now = self._loop.time()
                due = max(now + self.delay, due + 1e-6)  # a chunk must not overtake an earlier one
                self.under_way += 1
                if due > now:
                    self._loop.call_at(due, self._deliver, link, sink, chunk)
                else:
                    self._deliver(link, sink, chunk)
        await asyncio.sleep(due + 1e-6 - self._loop.time())

    def _deliver(self, link: _Link, sink: asyncio.StreamWriter, chunk: bytes) -> None:
        self.under_way -= 1
        if not link.lost and not sink.is_closing():
            sink.write(chunk)
