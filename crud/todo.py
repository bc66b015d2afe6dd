"""Every statement on the table `todo`.

Each function is one statement, which in autocommit is a transaction of its own, and each has the
owner in its WHERE clause: somebody else's todo is no todo. The statements are built once; what a
request brings is bound by name.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, not_, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models.page import Page
from models.todo import Todo, TodoCreate, TodoUpdate
from models.user import UserId

_FOREIGN_KEY_VIOLATION = "23503"

_OWNED = col(Todo.user_id) == bindparam("owner")
_THIS = col(Todo.id) == bindparam("todo_id"), _OWNED
# A session lives for one statement, so it holds no object that this would have to touch.
_NOTHING_HELD = {"synchronize_session": False}

_GET = select(Todo).where(*_THIS)
_CREATE = insert(Todo).returning(Todo)
_DELETE = delete(Todo).where(*_THIS).returning(Todo).execution_options(**_NOTHING_HELD)


@cache
def _page(by_completed: bool, after: bool) -> SelectOfScalar[Todo]:
    place = tuple_(col(Todo.created_at), col(Todo.id))
    page = select(Todo).where(_OWNED).order_by(*(column.desc() for column in place.clauses))
    if by_completed:
        page = page.where(col(Todo.completed) == bindparam("completed"))
    if after:
        page = page.where(place < tuple_(bindparam("created_at"), bindparam("id")))
    return page.limit(bindparam("limit")).offset(bindparam("skip"))


@cache
def _update(*changed: str) -> UpdateBase:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in changed}
    return _change(values)


def _change(values: dict[str, Any]) -> UpdateBase:
    changed = update(Todo).where(*_THIS).values(updated_at=func.now(), **values)
    return changed.returning(Todo).execution_options(**_NOTHING_HELD)


_TOGGLE = _change({"completed": not_(col(Todo.completed))})


def list_todos(session: Session, user_id: UserId, page: Page) -> tuple[Sequence[Todo], bool]:
    """Give a page of todos, newest first, and whether more follow."""
    params: dict[str, Any] = page.model_dump(exclude={"cursor"}) | {"owner": user_id}
    params["limit"] += 1  # the one more that tells
    if page.cursor:
        params |= asdict(page.cursor)
    statement = _page(page.completed is not None, page.cursor is not None)
    todos = session.exec(statement, params=params).all()
    return todos[: page.limit], len(todos) > page.limit


def create_todo(session: Session, user_id: UserId, new: TodoCreate) -> Todo | None:
    """Store a todo; `None` when there is no such user (any more)."""
    try:
        created = session.exec(_CREATE, params={"user_id": user_id, **new.model_dump()})
    except IntegrityError as error:
        if getattr(error.orig, "pgcode", None) == _FOREIGN_KEY_VIOLATION:
            return None
        raise
    todo: Todo = created.scalar_one()
    return todo


def get_todo(session: Session, user_id: UserId, todo_id: UUID) -> Todo | None:
    """Give one todo."""
    return session.exec(_GET, params={"todo_id": todo_id, "owner": user_id}).first()


def update_todo(session: Session, user_id: UserId, todo_id: UUID, changes: TodoUpdate) -> Todo | None:
    """Change what `changes` has set, and nothing else; without any it is `get_todo`."""
    changed = changes.model_dump(exclude_unset=True)
    if not changed:
        return get_todo(session, user_id, todo_id)
    params = {f"new_{name}": value for name, value in changed.items()}
    params |= {"todo_id": todo_id, "owner": user_id}
    return session.exec(_update(*sorted(changed)), params=params).scalar_one_or_none()


def delete_todo(session: Session, user_id: UserId, todo_id: UUID) -> Todo | None:
    """Delete one todo, and give what it was."""
    params = {"todo_id": todo_id, "owner": user_id}
    return session.exec(_DELETE, params=params).scalar_one_or_none()


def toggle_todo(session: Session, user_id: UserId, todo_id: UUID) -> Todo | None:
    """Flip `completed`, inside the database: n calls at once flip it n times."""
    params = {"todo_id": todo_id, "owner": user_id}
    return session.exec(_TOGGLE, params=params).scalar_one_or_none()
