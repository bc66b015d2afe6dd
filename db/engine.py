"""SQLAlchemy's dialect, and an engine for code that has a slot already. Sessions use `db.transaction.engine`."""

from typing import Any

import psycopg2
from psycopg2 import extras
from sqlalchemy import Engine, NullPool
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from config import settings
from db.pool import pool

# `create_engine()` would add queries to the first connection. Only reflection and DDL need their results.
dialect = PGDialect_psycopg2(  # type: ignore[no-untyped-call]  # SQLAlchemy's has no types
    dbapi=psycopg2, isolation_level="AUTOCOMMIT", use_native_hstore=False
)
dialect.server_version_info = (14,)  # the oldest one that Neon has; reflection asks for it
extras.register_uuid()  # type: ignore[no-untyped-call]  # which the dialect expects of each connection


class _Pooled:
    """A connection of the pool, which SQLAlchemy returns to it when it closes it."""

    def __init__(self) -> None:
        self._connection: Any = pool.acquire()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def close(self) -> None:
        """Return the connection to the pool, once."""
        connection, self._connection = self._connection, None
        if connection:
            pool.release(connection)


autocommit_engine = Engine(
    NullPool(_Pooled, reset_on_return=None, dialect=dialect),
    dialect,
    settings.database_url,
    hide_parameters=True,  # a log is no place for todos and ids
)
"""The engine on the pool. Each statement is a transaction."""
