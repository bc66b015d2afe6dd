"""Cancel a statement at the server, when its request is cancelled."""

from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from psycopg2 import _psycopg, extensions

from db.greenlets import wait_for

_LIMIT = 1.0  # seconds that a cancelled request waits until the server was told


def cancel_statement(connection: Any) -> None:
    """Ask the server to end the statement of a connection of psycopg2's; wait a second at most.

    `connection.cancel()` of psycopg2 2.9 does the same (PostgreSQL's protocol, 54.2.8), but keeps
    Python's lock until the server is reached, so all requests of the process would wait.

    The connection has to be open meanwhile, because PgBouncer drops the request to cancel of a client
    that it does not know any more. A connection that is being made has no statement.
    """
    if connection.status not in (extensions.STATUS_READY, extensions.STATUS_BEGIN):
        return
    import ctypes  # noqa: PLC0415  # 3 ms of a cold start, for something rare

    try:
        libpq = ctypes.CDLL(_psycopg.__file__)  # finds functions of the libraries that it is linked to
        libpq.PQgetCancel.argtypes = [ctypes.c_void_p]
        libpq.PQgetCancel.restype = ctypes.c_void_p
        libpq.PQcancel.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        libpq.PQfreeCancel.argtypes = [ctypes.c_void_p]
    except (OSError, AttributeError):
        return  # libpq is a part of psycopg2's own library; `statement_timeout` ends the statement
    # The request is made here, because the connection may be closed before the thread begins.
    request = libpq.PQgetCancel(connection.pgconn_ptr)

    def send() -> None:
        try:
            libpq.PQcancel(request, ctypes.create_string_buffer(256), 256)
        finally:
            libpq.PQfreeCancel(request)

    if request:
        wait_for(_run(send))


async def _run(send: Callable[[], None]) -> None:
    # The task is cancelled already. Without a shield it would not wait.
    with anyio.move_on_after(_LIMIT, shield=True):
        await anyio.to_thread.run_sync(send, abandon_on_cancel=True)
