"""Record the messages of clients to PostgreSQL with a TCP proxy."""

import re
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

from tests.listener import serving


class Wire:
    """Forward 127.0.0.1:`port` to the Unix socket of a PostgreSQL, and record each message."""

    def __init__(self, socket_dir: Path) -> None:
        self._upstream = str(socket_dir / ".s.PGSQL.5432")
        self._server = ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.messages: list[str] = []
        """List the messages of clients after their handshake: SQL, or the letter of another message.

        `SET LOCAL statement_timeout` before SQL is left out. `limits` has its milliseconds, or `None`.
        The sweep of the trash is left out, because it runs some seconds after a start, during any test.
        """
        self.limits: list[int | None] = []

    def url(self, database: str, role: str = "postgres") -> str:
        """Return the URL of a database through this proxy, without encryption, so that messages are readable."""
        query = "sslmode=disable&gssencmode=disable"
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}?{query}"

    @contextmanager
    def open(self) -> Iterator["Wire"]:
        """Forward until the block ends."""
        with serving(self._server):
            yield self

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
                        sql, limit = without_limit(body[:-1].decode() if kind == b"Q" else kind.decode())
                        if not is_sweep(sql):
                            self.limits.append(limit)
                            self.messages.append(sql)
                    greeted = True
                server.sendall(chunk)


_SWEEP = re.compile(r"SELECT DISTINCT todo\.user_id\s|DELETE FROM todo WHERE \(todo\.user_id, todo\.id\) IN ")


def is_sweep(sql: str) -> bool:
    """Return whether a message is a statement of the sweep on a trash in which nothing is old."""
    return _SWEEP.match(sql) is not None


_LIMIT = re.compile(r"^(BEGIN[^;]*;)?SET LOCAL statement_timeout = (\d+);")


def without_limit(sql: str) -> tuple[str, int | None]:
    """Return SQL without the limit of its time, and that limit in milliseconds."""
    found = _LIMIT.match(sql)
    return (_LIMIT.sub(r"\1", sql), int(found[2])) if found else (sql, None)


def _first(pending: bytes, greeted: bool) -> tuple[bytes, bytes, int] | None:
    """Return the letter, the body and the size of a whole message. The first one of a connection has no letter."""
    letter = 1 if greeted else 0
    if len(pending) < letter + 4:
        return None
    size = letter + int(struct.unpack_from("!I", pending, letter)[0])
    return (pending[:letter], pending[letter + 4 : size], size) if len(pending) >= size else None
