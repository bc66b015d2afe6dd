"""Connections to PostgreSQL: made, kept, waited for, and what it means when they fail."""

import logging
import select
from math import ceil
from time import monotonic
from typing import Any

import psycopg2
from psycopg2 import extensions
from sqlalchemy import create_engine, exc

from config import settings
from errors import Unavailable

log = logging.getLogger("todo.db")

_EVENTS = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


def _wait(connection: Any) -> None:
    """Wait for the server no longer than DB_TIMEOUT, where libpq would wait for ever.

    psycopg2 calls this whenever it waits, connecting included. Through a pooler the server cannot
    be asked to keep such a limit.
    """
    deadline = monotonic() + settings.db_timeout
    while (state := connection.poll()) != extensions.POLL_OK:
        poll = select.poll()
        poll.register(connection.fileno(), _EVENTS[state])
        if not poll.poll(max(0, ceil((deadline - monotonic()) * 1000))):
            # The socket of a connection that is being made is closed when nothing refers to it any
            # more, and the traceback would. A statement's connection psycopg2 closes by itself.
            del connection
            raise psycopg2.OperationalError(f"no answer within {settings.db_timeout:g} s")


extensions.set_wait_callback(_wait)

engine = create_engine(
    settings.database_url,
    # One statement is one transaction is one round trip; whoever needs more begins one.
    isolation_level="AUTOCOMMIT",
    pool_reset_on_return=None,
    use_native_hstore=False,  # else two queries on every new connection
    pool_size=settings.db_pool_size,
    max_overflow=0,
    pool_timeout=settings.db_timeout,
    pool_recycle=240,  # seconds; Neon suspends a compute, and drops its connections, after 300
    pool_use_lifo=True,  # so that the connections that are not needed grow old
    connect_args={"fallback_application_name": "todo-api"},
    hide_parameters=True,  # todos and ids have no place in a log
)

# PostgreSQL's codes for what is missing or not allowed: a table, a column, a schema, a right.
_NOT_READY = {"42P01", "42703", "3F000", "42501"}


def as_unavailable(error: exc.SQLAlchemyError) -> Unavailable | None:
    """Give the 503 that `error` stands for, its cause going to the log; `None`: it is a bug."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(error, exc.TimeoutError):
        detail = "The database is busy: no connection was free in time."
    elif isinstance(error, exc.OperationalError | exc.InterfaceError | exc.InternalError):
        detail = "The database is away or does not answer in time."
    elif getattr(cause, "pgcode", None) in _NOT_READY:
        detail = "The database lacks a table, a column or a right."
    else:
        return None
    # The first line alone: the others repeat the statement, and what was sent with it.
    log.warning("%s %s", detail, str(cause).strip().partition("\n")[0])
    return Unavailable(detail)
