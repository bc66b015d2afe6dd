"""A statement of SQLAlchemy's that is compiled once, and how it is executed."""

from datetime import UTC, datetime
from time import monotonic
from typing import Any

import psycopg2
from psycopg2 import errorcodes
from pydantic import BaseModel
from sqlalchemy import ARRAY, Connection, Insert, Table, UpdateBase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import visitors
from sqlalchemy.types import TypeEngine
from sqlmodel import Session
from sqlmodel.sql.sqltypes import UTCDateTime

from config import settings
from db.correlation import correlate
from db.engine import dialect
from db.errors import was_lost
from db.plain_read import is_plain_read
from db.pool import Lease, pool
from db.session import RequestSession
from db.telemetry import statement as measured
from db.waiting import Waiting, budget, remaining, statement_limit
from models.user import refuse_writes


class Compiled:
    """A statement that is compiled once. `Statement` documents the other arguments.

    Args:
        read: the class whose fields are columns.
        further: the names of all other columns.
    """

    def __init__(
        self,
        read: type[BaseModel],
        statement: Any,
        further: tuple[str, ...] = (),
        *,
        first: Any = None,
        repeats: bool = False,
        one_at_a_time: bool = False,
    ) -> None:
        writes = [part for part in visitors.iterate(statement) if isinstance(part, UpdateBase)]
        for write in writes:
            refuse_writes(write)
        self._is_write = bool(writes)
        self._statement = correlate(statement)
        self._first = first
        self.names = [column.name for column in statement.exported_columns]
        names = [*read.model_fields, *further]
        if set(names) != set(self.names) or len(names) != len(self.names):
            raise TypeError(f"the columns {self.names} are not the fields of {read.__name__}: {names}")
        self._compile()
        _require_tests(self._statement, self._text)
        self._repeats = repeats or (first is None and is_plain_read(self._text))
        self._one_at_a_time = one_at_a_time

    def _compile(self) -> None:
        compiled = self._statement.compile(dialect=dialect)
        defaults = [*compiled.insert_prefetch, *compiled.update_prefetch]
        called = [bind for bind in compiled.bind_names if bind.callable]
        # A text that depends on the values, and what is computed in Python, are for SQLAlchemy to handle.
        self._is_simple = not (compiled.post_compile_params or compiled.literal_execute_params or defaults or called)
        first = [] if self._first is None else [self._first.compile(dialect=dialect)]
        self._text = str(compiled)
        self._sql = "; ".join([*map(str, first), self._text])
        self._constants: dict[str, Any] = {}
        self._parameters = []
        for bind, name in [*compiled.bind_names.items(), *(item for one in first for item in one.bind_names.items())]:
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind.required:
                self._parameters.append((name, bind.key, convert))
            elif bind.key not in {column.key for column in defaults}:
                self._constants[name] = convert(bind.value) if convert else bind.value
        self._keys = {key for _, key, _ in self._parameters}
        self._types = [column.type.dialect_impl(dialect) for column in self._statement.exported_columns]
        self._converters: list[tuple[int, Any]] | None = None

    def rows(self, session: Session, values: dict[str, Any]) -> list[Any]:
        """Execute the statement: alone, or as a part of the transaction of the session.

        Raises:
            TypeError: a value is missing, or has no `bindparam()`.
            sqlalchemy.exc.SQLAlchemyError: the database refused, or was lost.
        """
        if values.keys() != self._keys:
            raise TypeError(f"values for {sorted(self._keys)}, not {sorted(values)}")
        if session.in_transaction() or not self._is_simple or not isinstance(session, RequestSession):
            return self._execute_in(session, values)
        return self._execute(values)

    def _execute_in(self, session: Session, values: dict[str, Any]) -> list[Any]:
        """Execute the statement as a part of the session's transaction, or as one of its own."""
        is_alone = not session.in_transaction()
        if session.autoflush:
            session.flush()
        try:
            if self._first is not None:
                session.connection().execute(self._first, values)
            connection = session.connection()
            if self._is_write and self._is_simple and _executes_as_compiled(connection):
                rows = self._execute_text(connection, values)
            else:
                rows = list(connection.execute(self._statement, values).all())
            if is_alone:
                session.commit()
        finally:
            if is_alone:
                session.rollback()
        return rows

    def _execute_text(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        """Execute a write. With `execute()`, a value with the name of a column would be one of its `values()`."""
        try:
            parameters = self._converted(values)
        except (ValueError, OverflowError) as error:
            raise self._error(error, None) from None
        result = connection.exec_driver_sql(self._text, parameters)
        if self._converters is None:
            self._set_converters(result.cursor.description)
        return self._convert(list(result.all()))

    def _execute(self, values: dict[str, Any]) -> list[Any]:
        """Execute the statement in autocommit; again, if it may be, its connection is lost, and time is left.

        A statement that was cancelled before its limit had no effect, so each one is executed again.
        """
        began = monotonic()
        try:
            return self._execute_once(values)
        except DBAPIError as error:
            is_lost = was_lost(error) and self._repeats and _time_left(began) > 0
            if not is_lost and not _was_cancelled_early(error, began):
                raise
            if is_lost:
                pool.close_idle()  # most likely the others were lost with it, and do not show it yet
        return self._execute_once(values)

    def _execute_once(self, values: dict[str, Any]) -> list[Any]:
        with Waiting(), measured(self._text):
            lease = connection = None
            try:
                parameters = self._converted(values)
                lease = Lease(one_at_a_time=self._one_at_a_time)
                connection = lease.connection
                with connection.cursor() as cursor:
                    cursor.execute(statement_limit() + self._sql, parameters)
                    rows: list[Any] = cursor.fetchall()
                    if self._converters is None:
                        self._set_converters(cursor.description)
            except (psycopg2.Error, ValueError, OverflowError) as error:
                raise self._error(error, connection) from None
            finally:
                if lease:
                    lease.end()
        return self._convert(rows)

    def _converted(self, values: dict[str, Any]) -> dict[str, Any]:
        parameters = dict(self._constants)
        for name, key, convert in self._parameters:
            parameters[name] = convert(values[key]) if convert else values[key]
        return parameters

    def _set_converters(self, description: Any) -> None:
        # The converter of a number depends on the type that the database returned.
        converters = [
            (index, _converter(kind, column.type_code))
            for index, (kind, column) in enumerate(zip(self._types, description, strict=True))
        ]
        self._converters = [(index, convert) for index, convert in converters if convert]

    def _convert(self, rows: list[Any]) -> list[Any]:
        if not (rows and self._converters):
            return rows
        turned = list(zip(*rows, strict=True))
        for index, convert in self._converters:
            turned[index] = tuple(map(convert, turned[index]))
        return list(zip(*turned, strict=True))

    def _error(self, error: Exception, connection: Any) -> BaseException:
        if not isinstance(error, psycopg2.Error):
            error = psycopg2.DataError(str(error))  # a value that PostgreSQL cannot hold
        is_disconnect: Any = dialect.is_disconnect
        lost = connection is not None and is_disconnect(error, connection, None)
        return DBAPIError.instance(
            self._text, None, error, psycopg2.Error, hide_parameters=True, connection_invalidated=lost
        )


def _converter(kind: TypeEngine[Any], type_code: int) -> Any:
    """Return the function that converts the values of a column, `None` if psycopg2's values stay as they are."""
    if isinstance(kind, UTCDateTime):
        return _in_utc
    if isinstance(kind, ARRAY) and not _converter(kind.item_type.dialect_impl(dialect), type_code):
        return None  # SQLAlchemy would copy each list
    return kind.result_processor(dialect, type_code)


def _in_utc(value: datetime | None) -> datetime | None:
    """Return what `UTCDateTime` returns. A value without an offset is of a column without a time zone, and in UTC."""
    if value is None or value.tzinfo is UTC:
        return value
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _executes_as_compiled(connection: Connection) -> bool:
    """Return whether a connection, which may be one of a copier's engine, executes the text that `dialect` made."""
    return connection.dialect.driver == dialect.driver and not connection.get_execution_options().get(
        "schema_translate_map"
    )


def _require_tests(statement: Any, sql: str) -> None:
    """Check that a statement tests a column for NULL, if a table that it reads or changes demands it.

    Raises:
        TypeError: it does not.
    """
    for table in {part for part in visitors.iterate(statement) if isinstance(part, Table)}:
        tested: tuple[str, ...] = table.info.get("tested", ())
        is_inserted = isinstance(statement, Insert) and statement.table is table
        if tested and not is_inserted and not any(f"{name} IS " in sql for name in tested):
            raise TypeError(
                f"A statement on {table.name} has to test {' or '.join(tested)} for NULL, because of the trash:"
                f" for example {tested[0]} IS NULL."
            )


def _time_left(began: float) -> float:
    """Return the seconds that a statement that began then has for a second attempt, with a connection of its own."""
    current = budget.get()
    left = current.seconds if current else settings.db_timeout - (monotonic() - began)
    return min(left, remaining())


def _was_cancelled_early(error: DBAPIError, began: float) -> bool:
    """Return whether a statement was cancelled for another reason than its limit, which is most of its time.

    The `statement_timeout` of the statement before on the same connection may end the next one, if the one
    before ended at that moment.
    """
    is_cancelled = getattr(error.orig, "pgcode", None) == errorcodes.QUERY_CANCELED
    return is_cancelled and _time_left(began) > monotonic() - began
