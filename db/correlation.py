"""How sub-selects in the RETURNING of an INSERT mean the row that is returned."""

from copy import copy
from typing import Any

from sqlalchemy import Column, Insert, ScalarSelect, literal_column
from sqlalchemy.sql import visitors

from db.engine import dialect


def correlate(statement: Any) -> Any:
    """Let sub-selects in the RETURNING of an INSERT mean the row that is returned.

    SQLAlchemy 2.1 correlates sub-selects with an enclosing SELECT, UPDATE or DELETE, but not with
    an INSERT: there, `select(…).where(Tag.todo_id == Todo.id)` would range over all todos.
    """
    if not isinstance(statement, Insert):
        return statement
    table: Any = statement.table
    names = dialect.identifier_preparer

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, Column) and getattr(element.table, "fullname", None) == table.fullname:
            return literal_column(f"{names.format_table(table)}.{names.quote(element.name)}", element.type)
        return None

    def replace_in_selects(element: Any, **_: Any) -> Any:
        return visitors.replacement_traverse(element, {}, replace) if isinstance(element, ScalarSelect) else None

    returned = [visitors.replacement_traverse(column, {}, replace_in_selects) for column in statement.exported_columns]
    correlated: Any = copy(statement)
    correlated._returning = ()  # `returning()` adds to what is there
    return correlated.returning(*returned)
