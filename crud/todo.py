"""The statements on todos. The owner is part of each, so a todo of somebody else is not found."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, not_, tuple_, update
from sqlmodel import Session, col, select

from db import Statement, columns
from models.todo import NEWEST_FIRST, Todo, TodoCreate, TodoPage, TodoRead, TodoUpdate
from models.user import UserId

_READ = columns(Todo, TodoRead)
_OWNED = col(Todo.user_id) == bindparam("owner")
_THIS = _OWNED, col(Todo.id) == bindparam("todo_id")


def _change(**values: Any) -> Statement[TodoRead]:
    return Statement(TodoRead, update(Todo).where(*_THIS).values(updated_at=func.now(), **values).returning(*_READ))


_NEW: dict[str, Any] = {name: bindparam(name) for name in ("user_id", *TodoCreate.model_fields)}
_GET = Statement(TodoRead, select(*_READ).where(*_THIS))
_CREATE = Statement(TodoRead, insert(Todo).values(_NEW).returning(*_READ))
_TOGGLE = _change(completed=not_(col(Todo.completed)))
_DELETE = Statement(TodoRead, delete(Todo).where(*_THIS).returning(*_READ))


@cache
def _page(by_completed: bool, after: bool) -> Statement[TodoRead]:
    place = tuple_(*(col(getattr(Todo, name)) for name in NEWEST_FIRST.fields))
    page = select(*_READ).where(_OWNED).order_by(*(column.desc() for column in place.clauses))
    if by_completed:
        page = page.where(col(Todo.completed) == bindparam("completed"))
    if after:
        page = page.where(place < tuple_(*(bindparam(name) for name in NEWEST_FIRST.fields)))
    return Statement(TodoRead, page.limit(bindparam("limit")).offset(bindparam("skip")))


@cache
def _update(*changed: str) -> Statement[TodoRead]:
    return _change(**{name: bindparam(f"new_{name}") for name in changed})


def list_todos(session: Session, user_id: UserId, page: TodoPage) -> tuple[list[TodoRead], bool]:
    """Return a page of todos, newest first, and whether more follow."""
    values = {} if page.completed is None else {"completed": page.completed}
    values |= page.cursor or {}
    statement = _page(page.completed is not None, page.cursor is not None)
    # One more than asked for shows whether more follow.
    todos = statement.all(session, owner=user_id, limit=page.limit + 1, skip=page.skip, **values)
    return todos[: page.limit], len(todos) > page.limit


def create_todo(session: Session, user_id: UserId, new: TodoCreate) -> TodoRead:
    """Store a todo and return it.

    Raises:
        sqlalchemy.exc.IntegrityError: there is no such user; answered with 401.
    """
    return _CREATE.one(session, user_id=user_id, **new.model_dump())


def get_todo(session: Session, user_id: UserId, todo_id: UUID) -> TodoRead | None:
    """Return a todo."""
    return _GET.first(session, owner=user_id, todo_id=todo_id)


def update_todo(session: Session, user_id: UserId, todo_id: UUID, changes: TodoUpdate) -> TodoRead | None:
    """Change the fields that `changes` has set, and return the todo."""
    changed = changes.model_dump(exclude_unset=True)
    if not changed:
        return get_todo(session, user_id, todo_id)
    values = {f"new_{name}": value for name, value in changed.items()}
    return _update(*sorted(changed)).first(session, owner=user_id, todo_id=todo_id, **values)


def delete_todo(session: Session, user_id: UserId, todo_id: UUID) -> TodoRead | None:
    """Delete a todo and return it."""
    return _DELETE.first(session, owner=user_id, todo_id=todo_id)


def toggle_todo(session: Session, user_id: UserId, todo_id: UUID) -> TodoRead | None:
    """Flip `completed` and return the todo. The database flips it, so n concurrent calls flip it n times."""
    return _TOGGLE.first(session, owner=user_id, todo_id=todo_id)
