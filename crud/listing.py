"""The list of todos: its sorts, filters and pages.

A page is read along the index of its sort. Filters that the index has are conditions on it. Other
filters are tested while the index is read, for a bounded number of todos. So the time of a request
does not depend on the number of todos.
"""

from functools import cache
from typing import Any, NamedTuple, get_args

from sqlalchemy import (
    BigInteger,
    Integer,
    Numeric,
    Subquery,
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.types import Uuid
from sqlmodel import Session, col

from crud.filters import CONDITIONS, due_key, values_of
from crud.pages import Listed, Newest, known_values, with_version
from crud.rows import LIVE, OWNED, UNCONVERTED
from crud.search import effort, words_of
from db import JoinedStatement
from models.listing import ORDERS, Filters, Sort, TodoPage
from models.todo import Todo, TodoRead
from models.user import UserId
from models.version import Versions

MAX_WALK = 5_000
"""The most todos that a request tests filters on."""
_MAX_EFFORT = 60_000
"""The most words of a search that a request looks for, in all todos together. A long word counts as several."""

# Each sort is ascending by its key and the id, because PostgreSQL finds the place of a cursor in an index
# only if all columns have one direction. So keys that descend are negated.
_KEYS: dict[Sort, Any] = {"position": -col(Todo.position), "due": due_key(Todo), "updated": -col(Todo.version)}
# The parameters begin with `_`, because a filter may have the name of a column.
_PLACES: dict[Sort, Any] = {
    "position": -cast(bindparam("_position", type_=Text()), Numeric),
    "due": func.coalesce(bindparam("_due", type_=Text()), literal_column("'~'")),
    "updated": -bindparam("_version", type_=BigInteger()),
}
_INDEXED: dict[Sort, set[str]] = {
    "position": {"completed"},
    "due": {"completed", "due_before", "due_from"},
    "updated": set(),
}
"""The filters that the index of a sort has."""

if any(by_sort.keys() != set(get_args(Sort)) for by_sort in (ORDERS, _KEYS, _PLACES, _INDEXED)):
    raise TypeError("ORDERS, _KEYS, _PLACES and _INDEXED have to have each sort, and no others.")


class Walked(NamedTuple):
    """What a row has in addition to the todo, if filters are tested on it.

    If the last todo on which they are tested does not match, it is only the place where the next page begins.
    """

    is_match: bool
    match_count: int
    """The number of todos that matched, up to this one."""
    is_walk_end: bool
    newest: int | None


_REACH, _SKIP = bindparam("reach", type_=Integer()), bindparam("skip", type_=Integer())


def _read(sort: Sort, indexed: frozenset[str], *, after: bool) -> Subquery:
    """Return the first todos after a place, as many as `reach`, that match the filters of the index."""
    key = _KEYS[sort]
    todos = select(*UNCONVERTED, key.label("sort_key")).where(
        OWNED, LIVE, *(CONDITIONS[name](Todo) for name in sorted(indexed))
    )
    if after:
        place = tuple_(_PLACES[sort], bindparam("_id", type_=Uuid()))
        todos = todos.where(tuple_(key, col(Todo.id)) > place)
    if sort == "due" and "completed" not in indexed:
        # Its index begins with `completed`, so open and completed todos are two parts of it.
        parts = [todos.where(col(Todo.completed) == is_completed) for is_completed in (false(), true())]
        both = union_all(*(part.order_by(key, col(Todo.id)).limit(_REACH) for part in parts)).subquery("both")
        return select(both).order_by(both.c.sort_key, both.c.id).limit(_REACH).subquery("read")
    # With `completed`, PostgreSQL reads the index that has it, also without statistics on the owner.
    first = [col(Todo.completed)] if "completed" in indexed else []
    return todos.order_by(*first, key, col(Todo.id)).limit(_REACH).subquery("read")


@cache
def _page(sort: Sort, filters: frozenset[str], *, after: bool) -> JoinedStatement[TodoRead, Any]:
    """Return the statement of a page. It reads `reach` todos, and returns `limit` of them after `skip`."""
    indexed = filters & _INDEXED[sort]
    rows, walked = _read(sort, indexed, after=after), sorted(filters - indexed)
    if walked:
        # Tested on what was read. PostgreSQL may sort all todos of the owner to read the first ones. With
        # OFFSET it tests each of them once.
        matches = and_(*(CONDITIONS[name](rows.c) for name in walked)).label("is_match")
        tested = select(rows, matches).offset(literal_column("0")).subquery("tested")
        found = func.count().filter(tested.c.is_match).over(rows=(None, 0)).label("match_count")
        is_last = (func.row_number().over() == _REACH).label("is_walk_end")
        rows = select(tested, found, is_last).subquery("rows")
        page = select(rows).where(or_(and_(rows.c.is_match, rows.c.match_count > _SKIP), rows.c.is_walk_end))
    else:
        page = select(rows).offset(_SKIP)
    page = page.order_by(rows.c.sort_key, rows.c.id).limit(bindparam("limit"))
    return with_version(TodoRead, Walked if walked else Newest, page, lambda columns: (columns.sort_key, columns.id))


def list_todos(session: Session, user_id: UserId, page: TodoPage, known: Versions | None = None) -> Listed:
    """Return a page of todos, unless its version is in `known`.

    If filters are tested on `MAX_WALK` todos, the page may be short or empty although more follow.
    """
    listing, limit = page.listing, page.limit + 1
    names = frozenset(listing.filters.sent())
    is_walk = not names <= _INDEXED[listing.sort]
    rows = _page(listing.sort, names, after=bool(listing.after)).all(
        session,
        owner=user_id,
        reach=_walk_length(listing.filters) if is_walk else listing.skip + limit,
        skip=listing.skip,
        limit=limit,
        **values_of(listing.filters),
        **{f"_{name}": value for name, value in listing.after.items()},
        **known_values(known),
    )
    read = [(todo, row) for todo, row in rows if todo]
    todos = [todo for todo, row in read if not is_walk or (row.is_match and row.match_count > listing.skip)]
    following = None
    if len(todos) > page.limit:
        following = listing.cursor(todos[page.limit - 1], skip=0)
    elif is_walk and read and read[-1][1].is_walk_end:
        last, row = read[-1]
        following = listing.cursor(last, skip=max(0, listing.skip - row.match_count))
    return Listed(todos[: page.limit], following, rows[0][1].newest or 0)


def _walk_length(filters: Filters) -> int:
    return min(MAX_WALK, _MAX_EFFORT // max(1, effort(words_of(filters.q or ""))))
