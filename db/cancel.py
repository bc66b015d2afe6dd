"""Cancel a statement at the server, when its request is cancelled."""

from typing import Any

import anyio
import anyio.to_thread
from psycopg2 import _psycopg, extensions

from db.greenlets import wait_for

_LIMIT = 1.0  # seconds that a cancelled request waits until the server was told


def cancel_statement(connection: Any) -> None:
    """Ask the server to end the statement of a connection of psycopg2's; wait a second at most.

    The connection has to be open meanwhile, because PgBouncer drops the request to cancel of a client
    that it does not know any more. A connection that is being made has no statement.
    """
    if connection.status not in (extensions.STATUS_READY, extensions.STATUS_BEGIN):
        return
    wait_for(_wait_until_told(connection))


async def _wait_until_told(connection: Any) -> None:
    # The task is cancelled already. Without a shield it would not wait.
    with anyio.move_on_after(_LIMIT, shield=True):
        await anyio.to_thread.run_sync(_cancel, connection, abandon_on_cancel=True)


def _cancel(connection: Any) -> None:
    """Send a request to cancel (PostgreSQL's protocol, 54.2.8), and wait until the server read it.

    `connection.cancel()` of psycopg2 2.9 does the same, but keeps Python's lock meanwhile. So all
    requests of the process would wait, also if the server is not reachable.
    """
    import ctypes  # noqa: PLC0415  # 3 ms of a cold start, for something rare

    libpq = ctypes.CDLL(_psycopg.__file__)  # finds functions of the libraries that it is linked to
    libpq.PQgetCancel.argtypes = [ctypes.c_void_p]
    libpq.PQgetCancel.restype = ctypes.c_void_p
    libpq.PQcancel.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    libpq.PQfreeCancel.argtypes = [ctypes.c_void_p]
    if request := libpq.PQgetCancel(connection.pgconn_ptr):
        try:
            libpq.PQcancel(request, ctypes.create_string_buffer(256), 256)
        finally:
            libpq.PQfreeCancel(request)
