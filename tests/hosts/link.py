"""A TCP link that fails as networks do: silently."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Link:
    """Forwards 127.0.0.1:`port` to another port of this machine."""

    def __init__(self, target: int, port: int = 0) -> None:
        self._target = target
        self._server = _Server(("127.0.0.1", port), self._handler())
        self.port: int = self._server.server_address[1]
        self.connections = 0
        """How many were ever opened."""
        self.hangs = False
        """Whether new connections hear nothing, as from a host that is gone."""
        self._lost = 0

    def silence(self) -> None:
        """Lose the connections that are open: the client keeps them, and nothing passes any more."""
        self._lost = self.connections

    @contextmanager
    def open(self) -> Iterator["Link"]:
        """Forward for as long as the block lasts."""
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def _handler(link) -> type[BaseRequestHandler]:  # noqa: N805  # the handler has the name self
        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                link.connections += 1
                number = link.connections
                with suppress(OSError):
                    if not link.hangs:
                        with socket.create_connection(("127.0.0.1", link._target)) as server:
                            link._forward(self.request, server, number)
                    while (link.hangs or number <= link._lost) and self.request.recv(65536):
                        pass

        return Handler

    def _forward(self, client: socket.socket, server: socket.socket, number: int) -> None:
        while number > self._lost:
            for source in select.select([client, server], [], [], 0.02)[0]:
                if not (chunk := source.recv(65536)):
                    return
                if number > self._lost:
                    (server if source is client else client).sendall(chunk)
