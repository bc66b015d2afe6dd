"""Pages of todos: their statements, which also return the version of the list, and what is read from their rows."""

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Select, all_, bindparam, func, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from crud.rows import OWNED
from db import JoinedStatement, columns
from models.cursor import Order
from models.todo import Todo, TodoRead


class Listed(NamedTuple):
    """A page of todos, which is empty if the client knows it; whether more follow; and its version."""

    todos: list[TodoRead]
    more: bool
    version: int


class Newest(NamedTuple):
    """The largest version of the owner's todos, also of those that are gone; `None` without any."""

    newest: int | None


def listed(page: Select[Any], *order: str) -> JoinedStatement[TodoRead, Newest]:
    """Return the statement of a list with its version; without todos if that version is in `known`.

    Args:
        page: selects todos, with order and limit.
        order: the names of the columns by which the page is sorted, descending.
    """
    newest = select(func.max(Todo.version).label("newest")).where(OWNED).subquery("newest")
    known = bindparam("known", type_=ARRAY(BigInteger))
    rows = page.where(newest.c.newest != all_(known)).lateral("page")
    joined = select(*columns(rows, TodoRead), newest.c.newest).select_from(newest.outerjoin(rows, true()))
    return JoinedStatement(TodoRead, Newest, joined.order_by(*(rows.c[name].desc() for name in order)))


def in_order(page: Select[Any], order: Order, *, after: bool) -> Select[Any]:
    """Return a page in a descending order, with a limit; after the place of a cursor, if asked for."""
    place = tuple_(*(col(getattr(Todo, name)) for name in order.fields))
    if after:
        page = page.where(place < tuple_(*(bindparam(name) for name in order.fields)))
    return page.order_by(*(column.desc() for column in place.clauses)).limit(bindparam("limit"))


def read_page(rows: list[tuple[TodoRead | None, Newest]], limit: int) -> Listed:
    """Return the page of a statement that was asked for one todo more than `limit`, to find out whether more follow."""
    todos = [todo for todo, _ in rows if todo]
    return Listed(todos[:limit], len(todos) > limit, rows[0][1].newest or 0)
