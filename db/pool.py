"""The connections: made with retries, checked before they are used again, at most DB_POOL_SIZE."""

import logging
import re
import select
from time import sleep, time
from typing import Any, Self

import psycopg2
from psycopg2 import extensions
from sqlalchemy import URL

from config import settings
from db.greenlets import run_off_loop
from db.slots import Slot, slots
from db.telemetry import waiting_for_slot
from db.waiting import at_most, remaining

log = logging.getLogger("todo.db")

TRUSTED_FOR = 5.0
"""Seconds for which an idle connection is used again without a query to the server."""
PATIENCE = 2.0
"""Seconds that the server has to answer on a connection that was idle for longer."""
MAX_AGE = 240.0
"""Seconds after which a connection is replaced before it is used. Neon suspends a compute, and drops its connections,
after 300. A connection that nobody uses stays open until then."""

# Errors that another attempt would repeat. Texts of PostgreSQL, PgBouncer, Neon's proxy and libpq:
# psycopg2 has no error code before there is a connection.
_FINAL = re.compile(
    r"authentication failed|does not exist|no such (database|user)|no pg_hba\.conf entry|startup parameter"
    r"|not allowed to connect|could not be found|Endpoint ID|is insecure|is disabled|have exceeded"
    r"|certificate|SSL error|does not support SSL|channel binding|invalid .* value|Name or service not known"
)


def connect(arguments: Any, options: Any) -> Any:
    """Connect; retry until the deadline, because a Neon compute may be starting.

    It runs off the event loop, because libpq looks up the host's name without a limit of time.

    Raises:
        psycopg2.OperationalError: the last attempt failed.
    """
    return run_off_loop(_connect, arguments, options)


def _connect(arguments: Any, options: Any) -> Any:
    pause, reason = 0.1, ""
    while True:
        try:
            return psycopg2.connect(*arguments, **options)
        except psycopg2.OperationalError as error:
            if _FINAL.search(str(error)):
                raise
            if remaining() < pause:
                # An earlier error says more than "no answer in time".
                raise psycopg2.OperationalError(reason or str(error)) from None
            reason = str(error)
        sleep(pause)
        pause = min(2 * pause, 1)


class Connection(extensions.connection):
    """A connection of psycopg2's in autocommit, which knows how old it is.

    One statement is one transaction and one round trip. `db/transaction.py` begins longer ones.
    """

    made_at: float
    idle_since: float
    _socket: select.poll

    def begin(self) -> Self:
        """Set up a connection that was made, and return it."""
        # `__init__` would be in the traceback of a connection that was not made, and so keep its socket open.
        self.autocommit = True
        # The wall clock, because the monotonic one may stand still while a process is frozen.
        self.made_at = self.idle_since = time()
        self._socket = select.poll()
        self._socket.register(self.fileno(), select.POLLIN)
        return self

    def is_readable(self) -> bool:
        """Return whether the server sent something unasked, which mostly means that it closed."""
        return bool(self._socket.poll(0))


class Pool:
    """The open connections that nobody uses, the last used one first, so that others reach `MAX_AGE`.

    Nobody waits here: `slots` are the limit. It is used by all threads and event loops.
    SQLAlchemy's pool does the same with an object and events for each use, which takes more CPU time (decision 19).

    Args:
        url: the URL of the database.
    """

    def __init__(self, url: URL) -> None:
        # The encoding has priority over one in the URL, and over that of the database.
        further = {"fallback_application_name": "todo-api", "client_encoding": "utf8", "connection_factory": Connection}
        self._arguments, options = url.get_dialect()().create_connect_args(url)
        self._options = {**options, **further}
        self._idle: list[Connection] = []

    def acquire(self) -> Connection:
        """Return a connection in autocommit that works: an idle one, or a new one.

        Raises:
            psycopg2.OperationalError: the database cannot be reached.
        """
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if time() - connection.made_at > MAX_AGE:
                connection.close()
            elif self._works(connection):
                return connection
            else:
                self.close_idle()  # they were most likely lost with this one
        new: Connection = connect(self._arguments, self._options)
        return new.begin()

    def release(self, connection: Any) -> None:
        """Keep a connection for the next use; close it if it is in a transaction."""
        if connection.closed or connection.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE:
            connection.close()
            return
        connection.idle_since = time()
        self._idle.append(connection)

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _works(self, connection: Connection) -> bool:
        """Return whether an idle connection still works.

        A closed connection shows at its socket, without a query to the server. The server is asked
        only after `TRUSTED_FOR` seconds, because a firewall or a freeze may have dropped the connection
        without a trace.
        """
        if abs(time() - connection.idle_since) < TRUSTED_FOR and not connection.is_readable():
            return True
        try:
            with at_most(PATIENCE), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error as error:
            log.info("replaced a connection that was lost while idle: %s", str(error).strip().partition("\n")[0])
            connection.close()
            return False
        return True


pool = Pool(settings.database_url)


class Lease:
    """A connection of the pool, and the slot that permits its use."""

    __slots__ = ("_slot", "connection")

    def __init__(self, *, one_at_a_time: bool = False) -> None:
        """Wait for a slot, then acquire a connection from the pool or make one.

        Args:
            one_at_a_time: whether to wait for the other such leases of the user, too.

        Raises:
            Unavailable: no slot was free in time.
            psycopg2.OperationalError: the database cannot be reached.
        """
        with waiting_for_slot():
            self._slot: Slot = slots.acquire(one_at_a_time=one_at_a_time)
        try:
            self.connection: Any = pool.acquire()
        except BaseException:
            slots.release(self._slot)
            raise

    def end(self) -> None:
        """Return the connection to the pool, and release the slot."""
        try:
            pool.release(self.connection)
        finally:
            slots.release(self._slot)
