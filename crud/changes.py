"""The statement on what has changed."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, func, not_, or_, select, true, tuple_
from sqlalchemy.types import Uuid
from sqlmodel import Session, col

from crud.rows import OWNED, PURGED, UNCONVERTED
from db import JoinedStatement, columns
from errors import ChangesExpired
from models.changes import START, TOKEN_LIFETIME, Changes, ChangesPage, Place
from models.todo import Todo, TodoRead
from models.user import UserId


class ChangeState(NamedTuple):
    """What a row of the changes has in addition to the todo: `is_gone` is `None` if there is none."""

    is_gone: bool | None
    newest: int | None
    history: int
    now: datetime


def _changes() -> JoinedStatement[TodoRead, ChangeState]:
    place: Any = bindparam("version", type_=BigInteger()), bindparam("id", type_=Uuid())
    state = func.max(Todo.version).label("newest"), func.todo_history().label("history"), func.now().label("now")
    newest = select(*state).where(OWNED).subquery("state")
    changes = (
        select(*UNCONVERTED, PURGED.label("is_gone"))  # live, with `deleted_at`, or gone
        .where(OWNED, tuple_(col(Todo.version), col(Todo.id)) > tuple_(*place))
        .where(or_(not_(PURGED), col(Todo.version) > bindparam("began", type_=BigInteger())))
        .order_by(col(Todo.version), col(Todo.id))
        .limit(bindparam("limit"))
        .lateral("changes")
    )
    joined = select(*columns(changes, TodoRead), changes.c.is_gone, *newest.c).select_from(
        newest.outerjoin(changes, true())
    )
    return JoinedStatement(TodoRead, ChangeState, joined.order_by(changes.c.version, changes.c.id), repeats=True)


_CHANGES = _changes()


def list_changes(session: Session, user_id: UserId, page: ChangesPage, since: Place | None) -> Changes:
    """Return what has changed since a place, and the token of the next one.

    Raises:
        ChangesExpired: the token is older than 30 days, or of another history of the database.
    """
    place = since or START
    values = {"version": place.version, "id": place.id, "began": place.began}
    rows = _CHANGES.all(session, owner=user_id, limit=page.limit + 1, **values)
    state = rows[0][1]
    newest, now = state.newest or 0, int(state.now.timestamp())
    if since and (since.history != state.history or since.version > newest or since.complete_at < now - TOKEN_LIFETIME):
        raise ChangesExpired
    changed = [(todo, row.is_gone) for todo, row in rows if todo]
    more = len(changed) > page.limit
    del changed[page.limit :]
    last = changed[-1][0] if more else None
    following = Place(
        version=last.version if last else newest,
        id=last.id if last else UUID(int=2**128 - 1),
        began=min(place.began, newest) if last else 0,
        complete_at=(since.complete_at if since else now) if last else now,
        history=state.history,
    )
    return Changes(
        todos=[todo for todo, is_gone in changed if not is_gone],
        gone=[todo.id for todo, is_gone in changed if is_gone],
        next=following.token(user_id),
        more=more,
    )
