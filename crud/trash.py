"""The statements on the trash: todos that were deleted, until they are gone for good."""

from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, not_, select
from sqlmodel import Session, SQLModel, col

from crud.pages import Listed, Newest, in_order, listed, read_page
from crud.rows import LIVE, LOCK, MATCHES, OWNED, PURGED, READ, THIS, UNCONVERTED, among, match_values
from crud.todo import move_todo
from db import JoinedStatement, Statement
from errors import VersionMismatch
from models.todo import LAST_DELETED_FIRST, Todo, TodoRead, TrashPage
from models.user import UserId
from models.version import Versions

MAX_ROWS = 2_000
"""The most todos that one statement purges. It takes about 0.1 s."""


class Purged(SQLModel):
    """A todo that is gone for good."""

    id: UUID


class State(NamedTuple):
    """Where a todo is."""

    is_live: bool
    is_purged: bool


_STATE = JoinedStatement(TodoRead, State, select(*READ, LIVE.label("is_live"), PURGED.label("is_purged")).where(*THIS))
IN_TRASH = OWNED, not_(LIVE), not_(PURGED)


@cache
def _page(after: bool) -> JoinedStatement[TodoRead, Newest]:
    page = select(*UNCONVERTED).where(*IN_TRASH)
    return listed(in_order(page, LAST_DELETED_FIRST, after=after), *LAST_DELETED_FIRST.fields)


def purge(*conditions: Any) -> Statement[Purged]:
    """Return the statement that deletes todos of the trash, and with them everything that refers to them.

    A trigger leaves a row without content for each of them, a tombstone.
    """
    purged = delete(Todo).where(*IN_TRASH, *conditions).returning(col(Todo.id))
    return Statement(Purged, purged, first=LOCK, one_at_a_time=True)


_PURGE = purge(col(Todo.id) == bindparam("todo_id"))
_PURGE_MATCHING = purge(col(Todo.id) == bindparam("todo_id"), MATCHES)
_SOME = select(col(Todo.id)).where(*IN_TRASH).limit(MAX_ROWS)
_EMPTY = purge(among(_SOME))


def list_trash(session: Session, user_id: UserId, page: TrashPage, known: Versions | None = None) -> Listed:
    """Return a page of the trash, last deleted first, unless its version is in `known`."""
    statement, values = _page(page.cursor is not None), page.cursor or {}
    rows = statement.all(session, owner=user_id, known=list(known or ()), limit=page.limit + 1, **values)
    return read_page(rows, page.limit)


def restore_todo(session: Session, user_id: UserId, todo_id: UUID, match: Versions | None = None) -> TodoRead | None:
    """Restore a todo from the trash and return it; also if it is not there.

    Raises:
        VersionMismatch: its version is not in `match`, and it is in the trash.
    """
    return move_todo(session, user_id, todo_id, match, to_trash=False)


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
