"""Lists with their version, which is the largest of the owner's todos: a client that knows it gets no rows."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel
from sqlalchemy import BigInteger, ColumnElement, Select, all_, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from crud.rows import OWNED
from db import JoinedStatement, columns
from models.todo import Todo, TodoRead
from models.version import Versions

Read = TypeVar("Read", bound=BaseModel)
Beside = TypeVar("Beside", bound=NamedTuple)


class Listed(NamedTuple):
    """A page of todos, which is empty if the client knows it; the cursor of the next one, if any; and its version."""

    todos: list[TodoRead]
    next: str | None
    version: int


class Newest(NamedTuple):
    """The largest version of the owner's todos, also of those that are gone; `None` without any."""

    newest: int | None


def with_version(
    read: type[Read],
    beside: type[Beside],
    rows: Select[Any],
    order: Callable[[Any], Sequence[ColumnElement[Any]]] = lambda _: (),
) -> JoinedStatement[Read, Beside]:
    """Return the statement of a list with its version; without rows if that version is in `known`.

    Args:
        read: the class of the results.
        beside: the class of the further values of a row. The last one is `newest`.
        rows: selects the columns of both classes, except for `newest`.
        order: returns from the columns those by which the rows are sorted.
    """
    newest = select(func.max(Todo.version).label("newest")).where(OWNED).subquery("newest")
    known = bindparam("known", type_=ARRAY(BigInteger))
    page = rows.where(newest.c.newest != all_(known)).lateral("page")
    further = (page.c[name] for name in beside._fields[:-1])
    joined = select(*columns(page, read), *further, newest.c.newest).select_from(newest.outerjoin(page, true()))
    return JoinedStatement(read, beside, joined.order_by(*order(page.c)), repeats=True)


def known_values(known: Versions | None) -> dict[str, list[int]]:
    """Return the value of `known` for a statement of `with_version`."""
    return {"known": list(known or ())}
