"""A network that fails on command: a TCP proxy in front of anything."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from tests.listener import Listener

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing forgets what is unsent, and sends RST


@dataclass(eq=False)
class _Link:
    """A connection: the client's end, and the server's when there is one."""

    ends: list[asyncio.StreamWriter]
    lost: bool
    """Whether it passes nothing on any more, not even that an end was closed."""


class Faults(Listener):
    """Forwards to a port of this machine, for as long as nobody says otherwise."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self.delay = 0.0
        """Seconds that everything takes in each direction."""
        self.under_way = 0
        """What is delayed at this moment, in chunks."""
        self.accepted = 0
        """How many connections there ever were."""
        self._target = target
        self._links: set[_Link] = set()
        self._hangs = False

    @property
    def open(self) -> int:
        """How many connections clients keep open, lost ones among them."""
        return len(self._links)

    def reset(self) -> None:
        """End all connections at once: RST in both directions, whatever was under way."""
        self._do(self._reset())

    def close(self) -> None:
        """End all connections in order: FIN in both directions."""
        self._do(self._close())

    def forget(self) -> None:
        """Lose all connections, and tell nobody, as a NAT does; new ones work."""
        for link in list(self._links):
            link.lost = True

    def hang(self) -> None:
        """Let nothing through any more, and lose the connections; new ones are accepted, and lost too."""
        self._hangs = True
        self.forget()

    def refuse(self) -> None:
        """Refuse new connections; those that are open stay."""
        self._do(self._refuse())

    def heal(self) -> None:
        """Be a good network again; what was lost stays lost."""
        self._hangs, self.delay = False, 0.0
        self._do(self._accept())

    async def _reset(self) -> None:
        for end in [end for link in self._links for end in link.ends]:
            # It may have been closed in the meantime.
            with suppress(OSError):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.transport.abort()
        await asyncio.sleep(0)  # the sockets are closed in the loop's next round

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
            # Not open any more means that the other side can know it.
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
                due = max(now + self.delay, due + 1e-6)  # nothing overtakes what was sent before
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
