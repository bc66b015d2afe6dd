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

from sqlalchemy import Executable, bindparam, delete, func, insert, not_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from crud.rows import Row, columns, fetch, fetch_one
from models.page import Page
from models.todo import TODO_TABLE, TodoCreate, TodoRead, TodoUpdate
from models.user import UserId

_FOREIGN_KEY_VIOLATION = "23503"

_TODO = TODO_TABLE.c
_READ = columns(TODO_TABLE, TodoRead)
_OWNED = _TODO.user_id == bindparam("owner")
_THIS = _TODO.id == bindparam("todo_id"), _OWNED

_GET = select(*_READ).where(*_THIS)
_NEW: dict[str, Any] = {name: bindparam(name) for name in ("user_id", *TodoCreate.model_fields)}
_CREATE = insert(TODO_TABLE).values(_NEW).returning(*_READ)
_DELETE = delete(TODO_TABLE).where(*_THIS).returning(*_READ)


@cache
def _page(by_completed: bool, after: bool) -> Executable:
    place = tuple_(_TODO.created_at, _TODO.id)
    page = select(*_READ).where(_OWNED).order_by(*(column.desc() for column in place.clauses))
    if by_completed:
        page = page.where(_TODO.completed == bindparam("completed"))
    if after:
        page = page.where(place < tuple_(bindparam("created_at"), bindparam("id")))
    return page.limit(bindparam("limit")).offset(bindparam("skip"))


@cache
def _update(*changed: str) -> Executable:
    return _change({name: bindparam(f"new_{name}") for name in changed})


def _change(values: dict[str, Any]) -> Executable:
    changed = update(TODO_TABLE).where(*_THIS).values(updated_at=func.now(), **values)
    return changed.returning(*_READ)


_TOGGLE = _change({"completed": not_(_TODO.completed)})


def list_todos(session: Session, user_id: UserId, page: Page) -> tuple[Sequence[Row], bool]:
    """Give a page of todos, newest first, and whether more follow."""
    place = asdict(page.cursor) if page.cursor else {}
    statement = _page(page.completed is not None, page.cursor is not None)
    one_more = page.limit + 1  # tells
    todos = fetch(session, statement, owner=user_id, completed=page.completed, limit=one_more, skip=page.skip, **place)
    return todos[: page.limit], len(todos) > page.limit


def create_todo(session: Session, user_id: UserId, new: TodoCreate) -> Row | None:
    """Store a todo; `None` when there is no such user (any more)."""
    try:
        return fetch_one(session, _CREATE, user_id=user_id, **new.model_dump())
    except IntegrityError as error:
        if getattr(error.orig, "pgcode", None) == _FOREIGN_KEY_VIOLATION:
            return None
        raise


def get_todo(session: Session, user_id: UserId, todo_id: UUID) -> Row | None:
    """Give one todo."""
    return fetch_one(session, _GET, todo_id=todo_id, owner=user_id)


def update_todo(session: Session, user_id: UserId, todo_id: UUID, changes: TodoUpdate) -> Row | None:
    """Change what `changes` has set, and nothing else; without any it is `get_todo`."""
    changed = changes.model_dump(exclude_unset=True)
    if not changed:
        return get_todo(session, user_id, todo_id)
    values = {f"new_{name}": value for name, value in changed.items()}
    return fetch_one(session, _update(*sorted(changed)), todo_id=todo_id, owner=user_id, **values)


def delete_todo(session: Session, user_id: UserId, todo_id: UUID) -> Row | None:
    """Delete one todo, and give what it was."""
    return fetch_one(session, _DELETE, todo_id=todo_id, owner=user_id)


def toggle_todo(session: Session, user_id: UserId, todo_id: UUID) -> Row | None:
    """Flip `completed`, inside the database: n calls at once flip it n times."""
    return fetch_one(session, _TOGGLE, todo_id=todo_id, owner=user_id)
