"""Defaults of columns: compared with the database, and written as SQL."""

from contextlib import suppress
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import ARRAY, JSON, Column, literal, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import DefaultClause

from db.migrations.sql import DIALECT, escape

_CREATE = "CREATE TEMPORARY TABLE compared (value {type} DEFAULT {default})"
_READ = text("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'pg_temp.compared'::regclass")
_DROP = text("DROP TABLE pg_temp.compared")


def _compare(
    context: AutogenContext,
    change: AlterColumnOp,
    _schema: str | None,
    _table: str,
    _name: str,
    stored: Column[Any],
    column: Column[Any],
) -> PriorityDispatchResult:
    """Compare the default of a column as PostgreSQL writes it.

    Alembic compares values. That fails for JSON, which has no `=`, and for functions like `random()`.
    """
    old: Any = stored.server_default
    if not isinstance(old, DefaultClause) or not isinstance(column.server_default, DefaultClause):
        return PriorityDispatchResult.CONTINUE
    connection = context.connection
    if connection is None or context.migration_context.impl.compare_type(stored, column):
        return PriorityDispatchResult.CONTINUE  # the default may not be a value of the old type
    create = _CREATE.format(type=stored.type.compile(DIALECT), default=default_sql(column))
    connection.execute(text(escape(create)))
    if connection.scalar(_READ) != str(old.arg):
        change.modify_server_default = column.server_default
    connection.execute(_DROP)
    change.existing_server_default = old
    return PriorityDispatchResult.STOP


PLUGIN = Plugin("todo.defaults")
PLUGIN.add_autogenerate_comparator(_compare, "column", "server_default", priority=DispatchPriority.FIRST)


def default_sql(column: Column[Any]) -> str:
    """Return the server default of a column as SQL."""
    compiler: Any = DIALECT.ddl_compiler
    return str(compiler(DIALECT, None).get_column_default_string(column))


def suggested_default(column: Column[Any]) -> str:
    """Return SQL for the default that a column has in Python, or an ellipsis."""
    if isinstance(column.type, ARRAY | JSON):
        return "'{}'"
    default: Any = column.default
    if default is not None and default.is_scalar:
        with suppress(SQLAlchemyError, ValueError, TypeError):
            value = literal(default.arg, column.type)
            return str(value.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
    return "..."
