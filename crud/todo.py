"""The statements on todos. The owner is part of each, so a todo of somebody else is not found."""

from functools import cache
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import bindparam, case, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session, col

from crud.rows import LIVE, MATCHES, NEXT_VERSION, OWNER, PURGED, READ, THIS, TOP, assignments, match_values, parameters
from db import JoinedStatement, Statement
from errors import KeyGone, KeyReused, VersionMismatch
from models.todo import Todo, TodoCreate, TodoRead, TodoUpdate
from models.user import UserId
from models.version import Versions


class Created(NamedTuple):
    """What a create found."""

    is_new: bool
    is_gone: bool


_NEW: dict[str, Any] = assignments(TodoCreate.model_fields)
_CREATE = JoinedStatement(
    TodoRead,
    Created,
    insert(Todo)
    .values(user_id=OWNER, id=bindparam("todo_id"), version=NEXT_VERSION, position=TOP, **_NEW)
    # DO NOTHING would return nothing. This returns a todo that is there, also one that another
    # transaction has just committed.
    .on_conflict_do_update(index_elements=["user_id", "id"], set_={"id": col(Todo.id)})
    .returning(*READ, (col(Todo.created_at) == func.now()).label("is_new"), PURGED.label("is_gone")),
    repeats=True,
    one_at_a_time=True,
)
_GET = Statement(TodoRead, select(*READ).where(*THIS, LIVE))
_GET_ANY = Statement(TodoRead, select(*READ).where(*THIS, not_(PURGED)))


@cache
def _change(*names: str, has_match: bool) -> Statement[TodoRead]:
    """Return the statement that sets columns."""
    values = assignments(names) or {"completed": not_(col(Todo.completed))}
    conditions = (*THIS, LIVE, MATCHES) if has_match else (*THIS, LIVE)
    change = update(Todo).where(*conditions).values(**values).returning(*READ)
    # With a version, the second time changes nothing. A toggle would be refused for its own success.
    return Statement(TodoRead, change, repeats=has_match and bool(names), one_at_a_time=True)


@cache
def _trash(*, restores: bool, has_match: bool) -> Statement[TodoRead]:
    """Return the statement that moves a todo to the trash, or restores it. What is there already stays as it is."""
    applies, deleted_at = (not_(LIVE), None) if restores else (LIVE, func.coalesce(Todo.deleted_at, func.now()))
    # In FROM, the lock is acquired before the row is locked. In CASE it may be acquired after that.
    next_version = select(NEXT_VERSION.label("version")).subquery("next")
    values: dict[str, Any] = {
        "deleted_at": deleted_at,
        "version": case((applies, next_version.c.version), else_=col(Todo.version)),
        "updated_at": case((applies, func.now()), else_=col(Todo.updated_at)),
    }
    # The versions always differ. Without a condition on both, SQLAlchemy warns of a cartesian product.
    conditions = [*THIS, not_(PURGED), next_version.c.version.is_distinct_from(col(Todo.version))]
    if has_match:
        conditions.append(or_(not_(applies), MATCHES))
    change = update(Todo).where(*conditions).values(**values).returning(*READ)
    # DELETE is idempotent in HTTP (RFC 9110, section 9.2.2), and POST is not.
    return Statement(TodoRead, change, repeats=not restores, one_at_a_time=True)


def create_todo(session: Session, user_id: UserId, new: TodoCreate) -> TodoRead:
    """Create a todo with a new id, and return it.

    Raises:
        sqlalchemy.exc.IntegrityError: there is no such user; answered with 401.
    """
    return _create(session, user_id, new, uuid4())[0]


def create_once(session: Session, user_id: UserId, new: TodoCreate, todo_id: UUID) -> tuple[TodoRead, bool]:
    """Create a todo unless there is one of that id. Return the one that is there, and whether it is new.

    Raises:
        KeyReused: the one that is there was created with other fields, and was not changed since.
        KeyGone: it is gone for good.
        sqlalchemy.exc.IntegrityError: there is no such user; answered with 401.
    """
    todo, created = _create(session, user_id, new, todo_id)
    if created.is_gone:
        raise KeyGone
    if not created.is_new and todo.updated_at is None and not _has(todo, new.model_dump()):
        raise KeyReused
    return todo, created.is_new


def _create(session: Session, user_id: UserId, new: TodoCreate, todo_id: UUID) -> tuple[TodoRead, Created]:
    values = parameters(new.model_dump())
    ((todo, created),) = _CREATE.all(session, owner=user_id, todo_id=todo_id, **values)
    if todo is None:
        raise NoResultFound
    return todo, created


def _has(todo: TodoRead, values: dict[str, Any]) -> bool:
    return all(getattr(todo, name, value) == value for name, value in values.items())


def get_todo(session: Session, user_id: UserId, todo_id: UUID) -> TodoRead | None:
    """Return a todo that is not in the trash."""
    return _GET.first(session, owner=user_id, todo_id=todo_id)


def update_todo(
    session: Session, user_id: UserId, todo_id: UUID, changes: TodoUpdate, match: Versions | None = None
) -> TodoRead | None:
    """Change the fields that `changes` has set, and return the todo.

    Raises:
        VersionMismatch: its version is not in `match`, and it is not as asked for already.
    """
    changed, matched = changes.model_dump(exclude_unset=True), match_values(match)
    if not changed:
        todo = get_todo(session, user_id, todo_id)
        if todo and match is not None and not match.matches(todo.version):
            raise VersionMismatch(todo)
        return todo
    statement = _change(*sorted(changed), has_match=bool(matched))
    if todo := statement.first(session, owner=user_id, todo_id=todo_id, **parameters(changed), **matched):
        return todo
    current = get_todo(session, user_id, todo_id) if matched else None
    if current and not _has(current, changed):
        raise VersionMismatch(current)
    return current  # if it is as asked for, the answer to the first try was lost


def toggle_todo(session: Session, user_id: UserId, todo_id: UUID, match: Versions | None = None) -> TodoRead | None:
    """Flip `completed` and return the todo. The database flips it, so n concurrent calls flip it n times.

    Raises:
        VersionMismatch: its version is not in `match`.
    """
    matched = match_values(match)
    if todo := _change(has_match=bool(matched)).first(session, owner=user_id, todo_id=todo_id, **matched):
        return todo
    if matched and (current := get_todo(session, user_id, todo_id)):
        raise VersionMismatch(current)
    return None


def delete_todo(session: Session, user_id: UserId, todo_id: UUID, match: Versions | None = None) -> TodoRead | None:
    """Move a todo to the trash and return it; also if it is there already.

    Raises:
        VersionMismatch: its version is not in `match`, and it is not in the trash.
    """
    return trash_or_restore(session, user_id, todo_id, match, restores=False)


def trash_or_restore(
    session: Session, user_id: UserId, todo_id: UUID, match: Versions | None, *, restores: bool
) -> TodoRead | None:
    """Move a todo to the trash, or restore it, and return it; also if it is there already.

    Raises:
        VersionMismatch: its version is not in `match`, and it is not there yet.
    """
    matched = match_values(match)
    statement = _trash(restores=restores, has_match=bool(matched))
    if todo := statement.first(session, owner=user_id, todo_id=todo_id, **matched):
        return todo
    if matched and (current := _GET_ANY.first(session, owner=user_id, todo_id=todo_id)):
        raise VersionMismatch(current)
    return None
