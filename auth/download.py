"""Download a small document, within limits of time and size."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from socket import SHUT_RDWR, socket
from threading import Timer
from urllib.parse import urlsplit, urlunsplit

TIMEOUT = 5.0
"""Limit a fetch to this many seconds, connecting included."""
MAX_BYTES = 256 * 1024
"""Refuse a key set that is longer than this."""


def download(url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the body of `url`. Redirects are not followed, so no other server receives the headers.

    This runs in a worker thread and uses the standard library. Importing an HTTP client takes a
    tenth of a cold start, and every cold start needs the keys.

    Raises:
        OSError, http.client.HTTPException, ValueError: The fetch failed. The message is the reason.
    """
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    # The port is always passed, because http.client reads "::1" without one as the port 1 of ":".
    port = parts.port or connect.default_port
    with closing(connect(parts.hostname or "", port, timeout=TIMEOUT)) as connection:
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.connect()
        with _ending(connection.sock):
            known = {"Accept": "application/json", "User-Agent": "todo-api"}
            connection.request("GET", target, headers={**known, **(headers or {})})
            with connection.getresponse() as response:
                if response.status != HTTPStatus.OK:
                    raise ValueError(f"The server answered {response.status}.")
                body = b""
                while chunk := response.read1():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise ValueError(f"The answer is longer than {MAX_BYTES} bytes.")
    return body


@contextmanager
def _ending(connection: socket) -> Iterator[None]:
    """End a connection if the block lasts longer than TIMEOUT.

    The time-out of a socket limits each wait, and a server that sends a byte now and then never exceeds it.
    """

    def end() -> None:
        with suppress(OSError):  # it is closed
            socket.shutdown(connection, SHUT_RDWR)  # of TCP, also below TLS

    timer = Timer(TIMEOUT, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
