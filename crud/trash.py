"""The statements on the trash: todos that were deleted, until they are gone for good."""

from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, not_, select, tuple_
from sqlmodel import Session, col

from crud.pages import Listed, Newest, known_values, with_version
from crud.rows import LIVE, LOCK, MATCHES, OWNED, PURGED, READ, THIS, UNCONVERTED, TodoId, among, match_values
from crud.todo import trash_or_restore
from db import JoinedStatement, Statement
from errors import VersionMismatch
from models.listing import LAST_DELETED_FIRST, TrashPage
from models.todo import Todo, TodoRead
from models.user import UserId
from models.version import Versions

MAX_ROWS = 2_000
"""The most todos that one statement purges. It takes about 0.1 s."""


class State(NamedTuple):
    """Where a todo is."""

    is_live: bool
    is_purged: bool


_STATE = JoinedStatement(TodoRead, State, select(*READ, LIVE.label("is_live"), PURGED.label("is_purged")).where(*THIS))
IN_TRASH = OWNED, not_(LIVE), not_(PURGED)


@cache
def _page(*, after: bool) -> JoinedStatement[TodoRead, Newest]:
    page, place = select(*UNCONVERTED).where(*IN_TRASH), tuple_(col(Todo.deleted_at), col(Todo.id))
    if after:
        page = page.where(place < tuple_(bindparam("deleted_at"), bindparam("id")))
    page = page.order_by(col(Todo.deleted_at).desc(), col(Todo.id).desc()).limit(bindparam("limit"))
    return with_version(TodoRead, Newest, page, lambda columns: (columns.deleted_at.desc(), columns.id.desc()))


def purge(*conditions: Any) -> Statement[TodoId]:
    """Return the statement that deletes todos of the trash, and with them everything that refers to them.

    A trigger leaves a row without content for each of them, a tombstone.
    """
    purged = delete(Todo).where(*IN_TRASH, *conditions).returning(col(Todo.id))
    return Statement(TodoId, purged, first=LOCK, one_at_a_time=True)


_PURGE = purge(col(Todo.id) == bindparam("todo_id"))
_PURGE_MATCHING = purge(col(Todo.id) == bindparam("todo_id"), MATCHES)
_SOME = select(col(Todo.id)).where(*IN_TRASH).limit(MAX_ROWS)
_EMPTY = purge(among(_SOME))


def list_trash(session: Session, user_id: UserId, page: TrashPage, known: Versions | None = None) -> Listed:
    """Return a page of the trash, last deleted first, unless its version is in `known`."""
    place = page.cursor or {}
    rows = _page(after=bool(place)).all(session, owner=user_id, limit=page.limit + 1, **place, **known_values(known))
    todos, more = [todo for todo, _ in rows[: page.limit] if todo], len(rows) > page.limit
    return Listed(todos, LAST_DELETED_FIRST.cursor(todos[-1]) if more else None, rows[0][1].newest or 0)


def restore_todo(session: Session, user_id: UserId, todo_id: UUID, match: Versions | None = None) -> TodoRead | None:
    """Restore a todo from the trash and return it; also if it is not there.

    Raises:
        VersionMismatch: its version is not in `match`, and it is in the trash.
    """
    return trash_or_restore(session, user_id, todo_id, match, restores=True)


def purge_todo(session: Session, user_id: UserId, todo_id: UUID, match: Versions | None = None) -> bool:
    """Purge a todo that is in the trash. Return whether it is gone, now or since earlier.

    Raises:
        VersionMismatch: its version is not in `match`, and it is in the trash.
    """
    matched = match_values(match)
    statement = _PURGE_MATCHING if matched else _PURGE
    if statement.all(session, owner=user_id, todo_id=todo_id, **matched):
        return True
    found = _STATE.first(session, owner=user_id, todo_id=todo_id)
    if found is None:
        return False
    todo, state = found
    if todo and matched and not state.is_live and not state.is_purged:
        raise VersionMismatch(todo)
    return state.is_purged


def empty_trash(session: Session, user_id: UserId) -> None:
    """Purge all todos in the trash, `MAX_ROWS` at a time."""
    while len(_EMPTY.all(session, owner=user_id)) == MAX_ROWS:
        pass
