"""Statements that are built once: compiled once, and run without what SQLAlchemy does each time."""

from collections.abc import Mapping
from typing import Any

import psycopg2
from sqlalchemy.engine.result import IteratorResult, Result, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError

from db.engine import engine
from models.user import refuse_writes


class Prepared:
    """A statement of SQLAlchemy Core as the driver takes it.

    Half the time of a request went into finding out, each time anew, that a statement is the same
    as the last time. Types still convert what goes in and out, and errors are SQLAlchemy's.
    """

    def __init__(self, statement: Any) -> None:
        refuse_writes(statement)
        dialect = engine.dialect
        compiled = statement.compile(dialect=dialect)
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise ValueError("the text of this statement depends on its parameters: it cannot be prepared")
        self._sql = str(compiled)
        self._constants: dict[str, Any] = {}
        self._binds = []
        for bind, name in compiled.bind_names.items():
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind.required:
                self._binds.append((name, bind.key, convert))
            else:
                self._constants[name] = convert(bind.value) if convert else bind.value
        columns = list(statement.exported_columns)
        self._names = SimpleResultMetaData([column.name for column in columns])
        converters = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._converters = [(index, convert) for index, convert in enumerate(converters) if convert]

    def run(self, values: Mapping[str, Any]) -> Result[Any]:
        """Execute with `values` for its bound parameters, on a connection from the pool.

        Raises:
            KeyError: a value is missing.
            sqlalchemy.exc.DBAPIError: as if SQLAlchemy had executed it.
        """
        parameters = dict(self._constants)
        for name, key, convert in self._binds:
            parameters[name] = convert(values[key]) if convert else values[key]
        try:
            pooled = engine.raw_connection()
        except psycopg2.Error as error:
            raise self._error(error, lost=False) from None
        connection: Any = pooled.dbapi_connection
        lost = False
        try:
            with connection.cursor() as cursor:
                cursor.execute(self._sql, parameters)
                rows = cursor.fetchall()
        except psycopg2.Error as error:
            lost = engine.dialect.is_disconnect(error, connection, None)  # type: ignore[arg-type]  # it is one
            raise self._error(error, lost=lost) from None
        finally:
            if lost or connection.closed:  # closed also when the request was cancelled while it waited
                pooled.invalidate()
            pooled.close()
        if rows and self._converters:
            columns = list(zip(*rows, strict=True))
            for index, convert in self._converters:
                columns[index] = tuple(map(convert, columns[index]))
            rows = list(zip(*columns, strict=True))
        return IteratorResult(self._names, iter(rows))

    def _error(self, error: psycopg2.Error, *, lost: bool) -> BaseException:
        return DBAPIError.instance(
            self._sql, None, error, psycopg2.Error, hide_parameters=True, connection_invalidated=lost
        )
