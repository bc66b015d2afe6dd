"""The engine, and what it means when the database fails."""

import logging

from sqlalchemy import create_engine, event, exc

from config import settings
from db.connection import check_idle, connect, note_idle
from errors import Unavailable

log = logging.getLogger("todo.db")

engine = create_engine(
    settings.database_url,
    # One statement is one transaction is one round trip; whoever needs more begins one.
    isolation_level="AUTOCOMMIT",
    pool_reset_on_return=None,
    use_native_hstore=False,  # else two queries on every new connection
    pool_size=settings.db_pool_size,
    max_overflow=-1,  # turns (db/budget.py) are the limit; nobody waits here
    pool_recycle=240,  # seconds; Neon suspends a compute, and drops its connections, after 300
    pool_use_lifo=True,  # so that the connections that are not needed grow old
    connect_args={"fallback_application_name": "todo-api"},
    hide_parameters=True,  # todos and ids have no place in a log
)
# Four queries on the first connection, whose answers are for reflection and DDL.
engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign]  # noqa: ARG005  # no setting
event.listen(engine, "do_connect", connect)
event.listen(engine, "checkin", note_idle)
event.listen(engine, "checkout", check_idle)

# PostgreSQL's codes for what is missing or not allowed: a table, a column, a schema, a right.
_NOT_READY = {"42P01", "42703", "3F000", "42501"}


def as_unavailable(error: exc.SQLAlchemyError) -> Unavailable | None:
    """Give the 503 that `error` stands for, its cause going to the log; `None`: it is a bug."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.InternalError) or was_lost(error):
        detail = "The database is away or does not answer in time."
    elif getattr(cause, "pgcode", None) in _NOT_READY:
        detail = "The database lacks a table, a column or a right."
    else:
        return None
    # The first line alone: the others repeat the statement, and what was sent with it.
    log.warning("%s %s", detail, str(cause).strip().partition("\n")[0])
    return Unavailable(detail)


def was_lost(error: exc.SQLAlchemyError) -> bool:
    """Say whether the connection was lost under the statement, whose fate then is unknown."""
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated
