"""The connections: made with retries, checked before they are used again, at most DB_POOL_SIZE."""

import logging
import re
import select
from time import sleep, time
from typing import Any

import psycopg2
from psycopg2 import extensions
from sqlalchemy import create_engine, event, exc
from sqlalchemy.pool import PoolProxiedConnection

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

# Errors that another attempt would repeat. Texts of PostgreSQL, PgBouncer, Neon's proxy and libpq:
# psycopg2 has no error code before there is a connection.
_FINAL = re.compile(
    r"authentication failed|does not exist|no such (database|user)|no pg_hba\.conf entry|startup parameter"
    r"|not allowed to connect|could not be found|Endpoint ID|is insecure|is disabled|have exceeded"
    r"|certificate|SSL error|does not support SSL|channel binding|invalid .* value|Name or service not known"
)


def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    """Connect; retry until the deadline, because a Neon compute may be starting.

    A listener for SQLAlchemy's event `do_connect`. It runs off the event loop, because libpq looks
    up the host's name without a limit of time.

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


def _note_idle(_connection: Any, record: Any) -> None:
    """Note when a connection came back: a listener for the event `checkin`."""
    # The wall clock, because the monotonic one may stand still while a process is frozen.
    record.info["idle_since"] = time()


def _check_idle(connection: Any, record: Any, _: Any) -> None:
    """Check that an idle connection still works: a listener for the event `checkout`.

    A closed connection shows at its socket, without a query to the server. The server is asked
    only after `TRUSTED_FOR` seconds, because a firewall or a freeze may have dropped the connection
    without a trace.

    Raises:
        exc.InvalidatePoolError: it does not work; the pool makes another.
    """
    if connection.closed or connection.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE:
        raise exc.InvalidatePoolError  # it came back in the middle of something
    idle_since = record.info.get("idle_since")
    if idle_since is None or (abs(time() - idle_since) < TRUSTED_FOR and not _is_readable(connection)):
        return
    try:
        with at_most(PATIENCE), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        log.info("replaced a connection that was lost while idle: %s", str(error).strip().partition("\n")[0])
        raise exc.InvalidatePoolError from None


def _is_readable(connection: Any) -> bool:
    """Return whether the server sent something unasked, which mostly means that it closed."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


pool = create_engine(
    settings.database_url,
    # One statement is one transaction and one round trip. db/transaction.py begins longer ones.
    isolation_level="AUTOCOMMIT",
    pool_reset_on_return=None,
    use_native_hstore=False,  # otherwise there are two queries on each new connection
    pool_size=settings.db_pool_size,
    max_overflow=-1,  # the slots (db/slots.py) are the limit; nobody waits for the pool
    # A connection older than these seconds is replaced before it is used. Neon suspends a compute, and drops
    # its connections, after 300. A connection that nobody uses stays open until then.
    pool_recycle=240,
    pool_use_lifo=True,  # so that connections that are not needed reach that age
    # The encoding has priority over one in the URL, and over that of the database.
    connect_args={"fallback_application_name": "todo-api", "client_encoding": "utf8"},
    hide_parameters=True,  # a log is no place for todos and ids
)
"""The engine that has the connections. Sessions use `db.transaction.engine`."""
# Skip SQLAlchemy's four queries on the first connection. Only reflection and DDL need them.
pool.dialect.initialize = lambda connection: None  # type: ignore[method-assign]  # noqa: ARG005  # no setting
pool.dialect.server_version_info = (14,)  # the oldest one that Neon has; reflection asks for it
event.listen(pool, "do_connect", connect)
event.listen(pool, "checkin", _note_idle)
event.listen(pool, "checkout", _check_idle)


class Lease:
    """A connection of the pool, and the slot that permits its use."""

    __slots__ = ("_pooled", "_slot", "connection")

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
            self._pooled: PoolProxiedConnection = pool.raw_connection()
        except BaseException:
            slots.release(self._slot)
            raise
        self.connection: Any = self._pooled.dbapi_connection

    def end(self) -> None:
        """Return the connection to the pool, or drop it if it is closed, and release the slot."""
        try:
            is_closed = self.connection.closed
            if is_closed or self.connection.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE:
                self._pooled.invalidate()
            self._pooled.close()
        finally:
            slots.release(self._slot)
