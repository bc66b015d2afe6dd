"""What the statements on todos have in common: whose, which, which version, and the columns of an answer.

Each write sets the next version of the owner. An UPDATE does so by `onupdate` of the column, or by
`NEXT_VERSION`. An INSERT uses `NEXT_VERSION`. A DELETE leaves a tombstone, whose version a trigger
sets. A statement that writes several todos, or has to see what earlier writes have done, also has
`first=LOCK`.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Numeric, Text, any_, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import SQLModel, col

from db import columns
from models.todo import Todo, TodoRead
from models.user import USER_ID_COLUMN_TYPE
from models.version import Versions

READ = columns(Todo, TodoRead)
UNCONVERTED: list[ColumnElement[Any]] = [col(getattr(Todo, name)).label(name) for name in TodoRead.model_fields]
"""The same columns for a sub-select whose rows are sorted again. `READ` has ids as text."""
OWNER = bindparam("owner", type_=USER_ID_COLUMN_TYPE)
OWNED = col(Todo.user_id) == OWNER
LIVE = col(Todo.deleted_at).is_(None)
"""A `Statement` on todos without this or its opposite is refused: it forgets the trash."""
PURGED = col(Todo.purged_at).is_not(None)
THIS = OWNED, col(Todo.id) == bindparam("todo_id")
MATCHES = col(Todo.version) == any_(bindparam("match", type_=ARRAY(BigInteger)))


class TodoId(SQLModel):
    """A todo that a statement has written."""

    id: UUID


NEXT_VERSION: ColumnElement[int] = func.todo_next_version(cast(OWNER, Text))
"""The next version of the owner. The function waits for other writes of the owner, see decision 14."""

TOP: ColumnElement[Any] = select(func.todo_top(OWNER, type_=Numeric())).scalar_subquery()
"""The position above all todos of the owner, see decision 16. It is evaluated once in a statement."""


def among(ids: Any) -> ColumnElement[bool]:
    """Return whether a todo is among those whose ids a SELECT returns.

    An array is looked up in the index of the primary key. PostgreSQL may join `IN (SELECT …)` by
    comparing each row with each, if a table has no statistics yet.
    """
    return col(Todo.id) == any_(func.array(ids.scalar_subquery()))


LOCK_TIMEOUT = 300
"""Milliseconds that a write of several todos waits for a row.

Better Auth deletes the todos of an account in another order. PostgreSQL ends such a deadlock after
`deadlock_timeout`, 1 s by default, and it may choose Better Auth's transaction. So ours ends before.
"""
LOCK: Any = select(NEXT_VERSION, literal_column(f"set_config('lock_timeout', '{LOCK_TIMEOUT}ms', true)"))
"""The `first` of statements that write several todos. They see what the writes before them have done."""


def assignments(names: Iterable[str]) -> dict[str, Any]:
    """Return the values of an INSERT or UPDATE, each a parameter named `new_<column>`."""
    return {name: bindparam(f"new_{name}") for name in names}


def parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the parameters of `assignments`."""
    return {f"new_{name}": value for name, value in values.items()}


def match_values(match: Versions | None) -> dict[str, list[int]]:
    """Return the value of a statement with `MATCHES`; none if any version is accepted, as with `*`."""
    return {} if match is None or match.anything else {"match": list(match)}
