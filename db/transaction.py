"""Transactions, which begin with the first statement that needs one.

An SQLModel session begins a transaction with its first read, and keeps a connection until the
transaction ends. In a request that also calls another service, that connection would be idle, and
other requests would wait for it. So sessions use connections of this module. They acquire a
connection of the pool when a statement runs, and keep it only if the statement began a transaction
in PostgreSQL:

* A plain read needs none. In READ COMMITTED each statement has its own snapshot anyway.
* Any other statement is sent with `BEGIN` before it, in one message.
* `COMMIT` is sent only if there was a `BEGIN`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg2
from psycopg2 import extensions
from sqlalchemy import Engine, NullPool, event

from config import settings
from db.engine import dialect
from db.plain_read import needs_transaction
from db.pool import Lease
from db.telemetry import statement as measured
from db.waiting import Waiting, statement_limit


def _make() -> Any:
    return TransactionConnection()


class TransactionConnection:
    """A DBAPI connection (PEP 249) as psycopg2's, whose transactions begin when they have to."""

    def __init__(self) -> None:
        self.closed = 0
        self.readonly: bool | None = None
        self.deferrable: bool | None = None
        self._level: int | None = None
        self._lease: Lease | None = None
        self._is_busy = False

    def set_isolation_level(self, level: int | None) -> None:
        """Set the level of later transactions: a constant of `psycopg2.extensions`."""
        self._level = level

    def cursor(self, *args: Any, **kwargs: Any) -> "TransactionCursor":
        """Return a cursor; the arguments are those of psycopg2's."""
        return TransactionCursor(self, args, kwargs)

    def commit(self) -> None:
        """End the transaction, if one was begun.

        Raises:
            psycopg2.errors.InFailedSqlTransaction: a statement in it failed, so nothing is kept.
                PostgreSQL would answer COMMIT with a rollback, and no error.
        """
        if self._lease and self._status() == extensions.TRANSACTION_STATUS_INERROR:
            self.rollback()
            raise psycopg2.errors.InFailedSqlTransaction("a statement of the transaction failed")
        self._end("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction, if one was begun."""
        if self._is_busy:
            self.close()
        else:
            self._end("ROLLBACK")

    def close(self) -> None:
        """Drop the transaction, and its connection with it.

        If another task is executing a statement, the connection is dropped when that ends: psycopg2
        would wait for it here, and block the event loop on which it runs.
        """
        self.closed = 1
        if not self._is_busy:
            self.release()

    @contextmanager
    def use(self) -> Iterator[Any]:
        """Yield the connection of psycopg2's for the next statement, and return it if it is not needed.

        Raises:
            Unavailable: none was free in time.
            psycopg2.OperationalError: the database cannot be reached, or the connection was lost.
            psycopg2.ProgrammingError: another task is executing a statement of the same session.
        """
        if self._is_busy:
            raise psycopg2.ProgrammingError("a session was used by two tasks at the same time")
        if self.closed:
            raise psycopg2.OperationalError("connection already closed")
        self._is_busy = True
        try:
            with Waiting():
                if not self._lease:
                    self._lease = Lease()
                yield self._lease.connection
        finally:
            self._is_busy = False
            self.release()

    def begin(self, *, plain_read: bool = False) -> str:
        """Return the SQL that has to come before the next statement."""
        level, status = self._level, self._status()
        if level == extensions.ISOLATION_LEVEL_AUTOCOMMIT or status == extensions.TRANSACTION_STATUS_INERROR:
            # Some statements refuse a transaction. After an error only ROLLBACK is accepted.
            return ""
        return self._begin(plain_read) + statement_limit()

    def _begin(self, plain_read: bool) -> str:
        level = self._level
        if self._status() != extensions.TRANSACTION_STATUS_IDLE:
            return ""
        modes = [f"ISOLATION LEVEL {_LEVELS[level]}"] if level in _LEVELS else []
        modes += [] if self.readonly is None else ["READ ONLY" if self.readonly else "READ WRITE"]
        modes += [] if self.deferrable is None else ["DEFERRABLE" if self.deferrable else "NOT DEFERRABLE"]
        return "" if plain_read and not modes else f"BEGIN {', '.join(modes)};"

    def release(self) -> None:
        """Return the connection to the pool, unless a transaction is open on it."""
        if not (lease := self._lease):
            return
        if self.closed:
            lease.connection.close()  # PostgreSQL then undoes the transaction
        self.closed = lease.connection.closed
        if self.closed or self._status() == extensions.TRANSACTION_STATUS_IDLE:
            self._lease = None
            lease.end()

    def _status(self) -> int:
        return self._lease.connection.get_transaction_status() if self._lease else extensions.TRANSACTION_STATUS_IDLE

    def _end(self, command: str) -> None:
        if self._lease:
            with measured(command), self.use() as connection, connection.cursor() as cursor:
                cursor.execute(statement_limit() + command if command == "COMMIT" else command)


_LEVELS = {
    extensions.ISOLATION_LEVEL_READ_UNCOMMITTED: "READ UNCOMMITTED",
    extensions.ISOLATION_LEVEL_REPEATABLE_READ: "REPEATABLE READ",
    extensions.ISOLATION_LEVEL_SERIALIZABLE: "SERIALIZABLE",
}


class TransactionCursor:
    """A cursor of `TransactionConnection`: one of psycopg2's, made when a statement is executed.

    psycopg2 has no COPY while it waits in a callback.
    """

    def __init__(self, connection: TransactionConnection, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._connection = connection
        self._args, self._kwargs = args, kwargs
        self._is_named = bool(args or kwargs.get("name"))
        self._cursor: Any = None

    def execute(self, sql: Any, parameters: Any = None, *, plain_read: bool = False) -> None:
        """Execute a statement, with BEGIN before it if it needs a transaction and none is open."""
        with measured(sql), self._connection.use() as connection:
            begin = self._connection.begin(plain_read=plain_read and not self._is_named)
            if begin and (self._is_named or not isinstance(sql, str)):
                with connection.cursor() as cursor:
                    cursor.execute(begin)
                begin = ""
            self._open(connection)
            try:
                self._cursor.execute(begin + sql if begin else sql, parameters)
            except (ValueError, OverflowError) as error:
                raise psycopg2.DataError(str(error)) from None  # a value that PostgreSQL cannot hold: NUL in a text

    def executemany(self, sql: Any, parameters: Iterable[Any]) -> None:
        """Execute a statement once for each item of `parameters`, in a transaction."""
        for item in parameters:
            self.execute(sql, item)

    def close(self) -> None:
        """Close the cursor of psycopg2's, if there is one."""
        if self._cursor and not self._is_named:
            self._cursor.close()
        elif self._cursor and not self._connection.closed:
            with self._connection.use():
                self._cursor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def __getattr__(self, name: str) -> Any:
        if self._cursor is None:
            with self._connection.use() as connection:
                self._open(connection)
        found = getattr(self._cursor, name)
        if not (self._is_named and callable(found)):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._connection.use():  # a cursor of the server's: it asks for more rows
                return found(*args, **kwargs)

        return call

    def _open(self, connection: Any) -> None:
        if self._cursor is None or self._cursor.connection is not connection:
            # psycopg2 refuses a named cursor on a connection in autocommit, unless it is WITH HOLD.
            named = {"withhold": True} if self._is_named else {}
            self._cursor = connection.cursor(*self._args, **self._kwargs, **named)


engine = Engine(
    NullPool(_make, reset_on_return=None, dialect=dialect), dialect, settings.database_url, hide_parameters=True
)
"""The engine of the sessions."""


@event.listens_for(engine, "do_execute")
def _execute(cursor: Any, sql: str, parameters: Any, context: Any) -> bool:
    if not isinstance(cursor, TransactionCursor):
        return False  # the event is the dialect's, which is that of `autocommit_engine` too
    cursor.execute(sql, parameters, plain_read=not needs_transaction(context))
    return True
