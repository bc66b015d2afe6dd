"""The statements on tags, which are those of all todos of the owner."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, bindparam, case, func, not_, select, true, update
from sqlalchemy.dialects.postgresql import array
from sqlmodel import Session, col

from crud.pages import Newest, known_values, with_version
from crud.rows import LIVE, LOCK, OWNED, PURGED, among
from db import Statement
from models.tag import TagRead
from models.todo import Changed, Todo
from models.user import UserId
from models.version import Versions

MAX_TAGS_LISTED = 10_000
"""The most tags of a list."""
MAX_ROWS = 20_000
"""The most todos that one statement changes, in about 1 s. If a later one fails, a repeated request continues."""


class ListedTags(NamedTuple):
    """The tags, none if the client knows them, and the version of the list."""

    tags: list[TagRead]
    version: int


def _list() -> Any:
    names = func.unnest(Todo.tags).table_valued("name").render_derived("names")
    code_points: ColumnElement[str] = names.c.name.collate("C")
    rows: Any = (
        select(code_points.label("name"), func.count().label("count"))
        .select_from(Todo)
        .join(names, true())
        .where(OWNED, LIVE)
        .group_by(code_points)
        .order_by(code_points)
        .limit(MAX_TAGS_LISTED)
    )
    return with_version(TagRead, Newest, rows, lambda columns: (columns.name,))


_LIST = _list()


_NAME, _NEW_NAME = bindparam("name", type_=Text()), bindparam("new_name", type_=Text())


def _change(tags: ColumnElement[Any], *conditions: Any) -> Statement[Changed]:
    """Return the statement that sets the tags of `MAX_ROWS` todos that have a tag, also of those in the trash."""
    has_tag = OWNED, not_(PURGED), col(Todo.tags).contains(array([_NAME])), *conditions
    some = select(col(Todo.id)).where(*has_tag).limit(MAX_ROWS)
    change = update(Todo).where(*has_tag, among(some)).values(tags=tags).returning(col(Todo.id))
    changed = select(func.count().label("changed")).select_from(change.cte("changed"))
    return Statement(Changed, changed, first=LOCK, one_at_a_time=True)


_DELETE = _change(func.array_remove(Todo.tags, _NAME))
_RENAME = _change(
    case(
        (col(Todo.tags).contains(array([_NEW_NAME])), func.array_remove(Todo.tags, _NAME)),
        else_=func.array_replace(Todo.tags, _NAME, _NEW_NAME),
    ),
    _NAME != _NEW_NAME,
)


def list_tags(session: Session, user_id: UserId, known: Versions | None = None) -> ListedTags:
    """Return the tags by name, unless the version of the list is in `known`."""
    rows = _LIST.all(session, owner=user_id, **known_values(known))
    return ListedTags([tag for tag, _ in rows if tag], rows[0][1].newest or 0)


def rename_tag(session: Session, user_id: UserId, name: str, new_name: str) -> int:
    """Rename a tag in all todos, also in those of the trash, and return their number.

    A todo that has both names keeps the new one.
    """
    return _change_all(_RENAME, session, owner=user_id, name=name, new_name=new_name)


def delete_tag(session: Session, user_id: UserId, name: str) -> int:
    """Remove a tag from all todos, also from those of the trash, and return their number."""
    return _change_all(_DELETE, session, owner=user_id, name=name)


def _change_all(statement: Statement[Changed], session: Session, **values: Any) -> int:
    changed = [statement.one(session, **values).changed]
    while changed[-1] == MAX_ROWS:
        changed.append(statement.one(session, **values).changed)
    return sum(changed)
