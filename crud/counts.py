"""The statement on the numbers of todos, which reads only indexes."""

from typing import Any, NamedTuple

from sqlalchemy import bindparam, false, func, literal, select, true
from sqlmodel import Session, col

from crud.filters import due_key
from crud.pages import Newest, known_values, with_version
from crud.rows import LIVE, OWNED
from crud.trash import IN_TRASH
from models.counts import MAX_COUNT, CountsRead
from models.todo import Todo
from models.user import UserId
from models.version import Versions


class Counted(NamedTuple):
    """The counts, all 0 if the client knows them, and the version of the todos."""

    counts: CountsRead
    version: int


def _count(*conditions: Any) -> Any:
    some = select(literal(1)).select_from(Todo).where(*conditions).limit(MAX_COUNT + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_OPEN = OWNED, LIVE, col(Todo.completed) == false()
_COUNTS = with_version(
    CountsRead,
    Newest,
    select(
        _count(*_OPEN).label("open"),
        _count(OWNED, LIVE, col(Todo.completed) == true()).label("completed"),
        _count(*_OPEN, due_key(Todo) < bindparam("today")).label("overdue"),
        _count(*IN_TRASH).label("trash"),
    ),
)


def get_counts(session: Session, user_id: UserId, today: str, known: Versions | None = None) -> Counted:
    """Return the numbers of todos, unless their version is in `known`."""
    ((counts, row),) = _COUNTS.all(session, owner=user_id, today=today, **known_values(known))
    return Counted(counts or CountsRead(open=0, completed=0, overdue=0, trash=0), row.newest or 0)
