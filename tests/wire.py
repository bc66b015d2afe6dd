"""A TCP proxy in front of PostgreSQL that reads along what clients send."""

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread


class Wire:
    """Forwards 127.0.0.1:`port` to a PostgreSQL's Unix socket, and remembers each message."""

    def __init__(self, socket_dir: Path) -> None:
        self._upstream = str(socket_dir / ".s.PGSQL.5432")
        self._server = ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.messages: list[str] = []
        """What clients sent after their handshake: SQL, or the letter of another message."""

    def url(self, database: str, role: str = "postgres") -> str:
        """Give the URL of a database through this proxy, in the clear, so that it can be read."""
        query = "sslmode=disable&gssencmode=disable"
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}?{query}"

    @contextmanager
    def open(self) -> Iterator["Wire"]:
        """Forward for as long as the block lasts."""
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def _handler(wire) -> type[BaseRequestHandler]:  # noqa: N805  # the handler has the name self
        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError), socket.socket(socket.AF_UNIX) as server:
                    server.connect(wire._upstream)
                    wire._forward(self.request, server)

        return Handler

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        pending, greeted = b"", False
        while True:
            for source in select.select([client, server], [], [])[0]:
                if not (chunk := source.recv(65536)):
                    return
                if source is server:
                    client.sendall(chunk)
                    continue
                pending += chunk
                while message := _first(pending, greeted):
                    kind, body, size = message
                    pending = pending[size:]
                    if greeted:
                        self.messages.append(body[:-1].decode() if kind == b"Q" else kind.decode())
                    greeted = True
                server.sendall(chunk)


def _first(pending: bytes, greeted: bool) -> tuple[bytes, bytes, int] | None:
    """Split off a whole message: a letter (not in a connection's first), a length, a body."""
    letter = 1 if greeted else 0
    if len(pending) < letter + 4:
        return None
    size = letter + int(struct.unpack_from("!I", pending, letter)[0])
    return (pending[:letter], pending[letter + 4 : size], size) if len(pending) >= size else None
