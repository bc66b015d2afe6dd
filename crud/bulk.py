"""The statements that change several todos: those that match filters, or none if too many do."""

from functools import cache
from typing import Any

from sqlalchemy import CTE, any_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from sqlmodel import Session, SQLModel, col

from crud.filters import CONDITIONS, values_of
from crud.rows import LIVE, LOCK, OWNED, among, assignments, parameters
from db import Statement
from errors import Conflict
from models.listing import TodoFilter
from models.todo import Todo, TodoUpdate
from models.user import UserId


class Matched(SQLModel):
    """The number of todos that matched, at most one more than may be changed."""

    matched: int


_BY_ID = {"id": lambda todo: todo.id == any_(bindparam("id", type_=ARRAY(Uuid())))}


def _count(rows: CTE) -> Any:
    return select(func.count()).select_from(rows).scalar_subquery()


@cache
def _change(*names: str, deletes: bool, filters: frozenset[str]) -> Statement[Matched]:
    """Return the statement that sets columns, or moves to the trash, what matches filters. Without both it counts."""
    matching = [OWNED, LIVE, *((_BY_ID | CONDITIONS)[name](Todo) for name in sorted(filters))]
    # The lock of `first` keeps what matches as it is until the change.
    matched = select(col(Todo.id)).where(*matching).limit(bindparam("max") + 1).cte("matched")
    count = select(_count(matched).label("matched"))
    values = assignments(names) | ({"deleted_at": func.now()} if deletes else {})
    if values:
        is_permitted = _count(matched) <= bindparam("max")
        change = update(Todo).where(OWNED, LIVE, among(select(matched.c.id)), is_permitted).values(**values)
        count = count.add_cte(change.returning(col(Todo.id)).cte("changed"))
    return Statement(Matched, count, first=LOCK, one_at_a_time=True)


def update_todos(session: Session, user_id: UserId, which: TodoFilter, changes: TodoUpdate) -> int:
    """Change the fields that `changes` has set, in all todos that match. Return how many matched.

    Raises:
        Conflict: more than `which.max` match. None is changed.
    """
    return _run(session, user_id, which, changes.model_dump(exclude_unset=True))


def delete_todos(session: Session, user_id: UserId, which: TodoFilter) -> int:
    """Move all todos that match to the trash. Return how many matched.

    Raises:
        Conflict: more than `which.max` match. None is moved.
    """
    return _run(session, user_id, which, {}, deletes=True)


def _run(
    session: Session, user_id: UserId, which: TodoFilter, changed: dict[str, Any], *, deletes: bool = False
) -> int:
    filters = values_of(which) | ({"id": which.id} if which.id else {})
    statement = _change(*sorted(changed), deletes=deletes, filters=frozenset(filters))
    matched = statement.one(session, owner=user_id, max=which.max, **filters, **parameters(changed)).matched
    if matched > which.max:
        raise Conflict(f"More than {which.max} todos match, which is max. Nothing was changed.")
    return matched
