"""Rows: a statement gives, column for field, what a Read class lets across the wire."""

from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Executable, String, Table, Text, cast
from sqlalchemy import Row as _Row
from sqlmodel import Session, SQLModel

Row: TypeAlias = _Row[Any]
"""What a statement gives: its columns by name, and nothing that would have to be validated again."""

_PREPARED = {"prepared": True}  # see db/session.py


def columns(table: Table, read: type[SQLModel]) -> list[ColumnElement[Any]]:
    """Give the columns of `table` that are the fields of `read`.

    Ids, whatever they are in the database, are made text there: a string is what goes out.
    """
    return [
        _as_text(table.c[name]) if field.annotation in (str, UUID) else table.c[name]
        for name, field in read.model_fields.items()
    ]


def _as_text(column: Column[Any]) -> ColumnElement[Any]:
    return column if isinstance(column.type, String) else cast(column, Text).label(column.name)


def fetch(session: Session, statement: Executable, **params: Any) -> list[Row]:
    """Execute a statement that was built once, with values for its bound parameters, and give all rows."""
    # SQLModel's types know no Executable.
    execute: Any = session.exec
    rows: list[Row] = execute(statement, params=params, execution_options=_PREPARED).all()
    return rows


def fetch_one(session: Session, statement: Executable, **params: Any) -> Row | None:
    """Execute a statement as `fetch` does, and give its row, if there is one."""
    return next(iter(fetch(session, statement, **params)), None)


def by_name(content: object) -> Any:
    """Give the columns of a row, or of each row of a list, by name; `None` when it is neither."""
    if isinstance(content, _Row):
        return dict(zip(content._fields, content, strict=True))
    if not isinstance(content, list) or not all(isinstance(row, _Row) for row in content):
        return None
    names = content[0]._fields if content else ()  # made anew each time that a row is asked
    return [dict(zip(names, row, strict=True)) for row in content]
