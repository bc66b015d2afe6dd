"""The statements on the hand order. A larger position is higher up, and the id decides between equal ones."""

from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.types import Uuid
from sqlmodel import Session, col

from crud.rows import LIVE, LOCK, MATCHES, OWNED, OWNER, READ, THIS, TOP, TodoId, among, match_values
from db import JoinedStatement, Statement
from errors import Conflict, VersionMismatch
from models.fields import MAX_POSITION_LENGTH
from models.todo import TODO_TABLE, Todo, TodoRead
from models.user import UserId
from models.version import Versions

MAX_SPREAD = 10_000
"""The most todos that get a new position to make room for another."""
_ATTEMPTS = 4  # another process may move the same todos between two statements
_LIMIT: ColumnElement[Any] = literal_column("1e40", Numeric())  # all positions are below it, see `Position`

_TODO_ID, _AFTER = bindparam("todo_id", type_=Uuid()), bindparam("after", type_=Uuid())
_ABOVE: FromClause = TODO_TABLE.alias("above")
_above, _below, _this = _ABOVE.c, TODO_TABLE.alias("below").c, TODO_TABLE.alias("this").c


def _is_live(todo: Any) -> ColumnElement[bool]:
    return and_(todo.user_id == OWNER, todo.deleted_at.is_(None))


def _place(todo: Any) -> Any:
    """Return the place of a todo in the list, which ascends: as `todo_page_idx` has it."""
    return tuple_(-todo.position, todo.id)


# `high` is the position of the todo `after`, and `low` the one right below it.
_NEXT = (
    select(_below.id, _below.position)
    .where(_is_live(_below), _place(_below) > _place(_above))
    .order_by(-_below.position, _below.id)
    .limit(1)
    .lateral("next")
)
_GAP = (
    select(
        _above.id.label("id"),
        _above.position.label("high"),
        func.coalesce(_NEXT.c.position, func.greatest(_above.position - 2, -_LIMIT)).label("low"),
        _NEXT.c.id.label("next_id"),
    )
    .select_from(_ABOVE)
    .outerjoin(_NEXT, true())
    .where(_is_live(_above), _above.id == _AFTER)
    .subquery("gap")
)


def _is_short(position: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.length(cast(position, Text)) <= MAX_POSITION_LENGTH


def _between() -> Any:
    """Return the position right below a todo: the shortest decimal between it and the next, unless there is none.

    If a number of some digits is between two others, the middle of these rounded to as many digits is, too.
    """
    series = func.generate_series(0, MAX_POSITION_LENGTH).table_valued("digits").render_derived("series")
    digits = series.c.digits
    middle = func.round((_GAP.c.high + _GAP.c.low) * literal_column("0.5", Numeric()), digits)
    is_between = (middle > _GAP.c.low) & (middle < _GAP.c.high)
    return (
        select(middle.label("position"))
        .select_from(_GAP.join(series, true()))
        .where(_GAP.c.next_id.is_distinct_from(_TODO_ID), _GAP.c.id != _TODO_ID, is_between, _is_short(middle))
        .order_by(digits)
        .limit(1)
    )


def _top() -> Any:
    """Return the position above all todos, unless the todo is there already."""
    highest = select(_above.id).where(_is_live(_above)).order_by(-_above.position, _above.id).limit(1)
    return select(TOP.label("position")).where(highest.scalar_subquery() != _TODO_ID)


@cache
def _move(*, to_top: bool, has_match: bool) -> Statement[TodoRead]:
    place = (_top() if to_top else _between()).subquery("place")
    # The positions always differ. Without a condition on both, SQLAlchemy warns of a cartesian product.
    conditions = [*THIS, LIVE, place.c.position != col(Todo.position)]
    if has_match:
        conditions.append(MATCHES)
    move = update(Todo).where(*conditions).values(position=place.c.position).returning(*READ)
    return Statement(TodoRead, move, first=LOCK, repeats=has_match, one_at_a_time=True)


class Neighbours(NamedTuple):
    """The id of the todo right above another, and whether the todo `after` is there."""

    above_id: UUID | None
    has_after: bool


_ABOVE_ID = (
    select(_above.id)
    .where(_is_live(_above), _place(_above) < _place(TODO_TABLE.c))
    .order_by(_above.position, _above.id.desc())
    .limit(1)
    .scalar_subquery()
)
_HAS_AFTER = or_(_AFTER.is_(None), exists().where(_is_live(_this), _this.id == _AFTER))
_NEIGHBOURS = JoinedStatement(
    TodoRead,
    Neighbours,
    select(*READ, _ABOVE_ID.label("above_id"), _HAS_AFTER.label("has_after")).where(*THIS, LIVE),
    repeats=True,
)


def _spread() -> Statement[TodoId]:
    """Return the statement that makes room below the todo `after`, by new positions for it and todos above it.

    They are as few as possible, and evenly between the todo below and the one above them. None gets a
    new position if there is room, because another move may have put the todo elsewhere meanwhile.
    """
    is_full = and_(not_(_between().exists()), select(_GAP.c.next_id).scalar_subquery().is_distinct_from(_TODO_ID))
    high, low = (select(_GAP.c[name]).scalar_subquery() for name in ("high", "low"))
    upwards = [(-_above.position).desc(), _above.id.desc()]
    number = func.row_number().over(order_by=upwards)
    # Above the highest todo there is room for all of them.
    top = func.least(_above.position + number + 1, _LIMIT)
    ceiling = func.coalesce(func.lead(_above.position).over(order_by=upwards), top)
    above = (
        select(_above.id, number.label("number"), low.label("low"), ((ceiling - low) / (number + 1)).label("step"))
        # Without the todo that is moved, whose version may be in If-Match.
        .where(_is_live(_above), _place(_above) <= tuple_(-high, _AFTER), _above.id != _TODO_ID, is_full)
        .order_by(*upwards)
        .limit(MAX_SPREAD)
        .cte("above_it")
    )
    digits = cast(func.greatest(0, 1 - func.floor(func.log(above.c.step))), Integer)
    enough = literal_column("0.000001", Numeric())
    room = (
        select(above.c.number.label("count"), above.c.step, digits.label("digits"))
        .where(above.c.step > 0, _is_short(func.round(above.c.low + above.c.step, digits)))
        .order_by(func.least(above.c.step, enough).desc(), above.c.number)
        .limit(1)
        .subquery("room")
    )
    position = func.round(above.c.low + room.c.step * above.c.number, room.c.digits)
    spread = (
        select(above.c.id, position.label("position"))
        .select_from(above.join(room, above.c.number <= room.c.count))
        .cte("spread")
    )
    # Looked up, and not joined. Without statistics PostgreSQL compares each todo with each in a join.
    positions = select(func.jsonb_object_agg(spread.c.id, spread.c.position)).scalar_subquery()
    new_position = cast(positions.op("->>")(cast(col(Todo.id), Text)), Numeric)
    moved = update(Todo).where(OWNED, LIVE, among(select(spread.c.id))).values(position=new_position)
    return Statement(TodoId, moved.returning(col(Todo.id)), first=LOCK, one_at_a_time=True)


_SPREAD = _spread()


def move_todo(
    session: Session, user_id: UserId, todo_id: UUID, after: UUID | None, match: Versions | None = None
) -> TodoRead | None:
    """Move a todo right below another, or to the top, and return it; as it is if it is there already.

    Args:
        session: where it is executed.
        user_id: the owner of both.
        todo_id: the todo.
        after: the other one, or `None` for the top.
        match: the versions that may be moved, `None` for any.

    Raises:
        VersionMismatch: its version is not in `match`, and it is not there.
        Conflict: 10,000 todos above have almost the same position, so there is no room.
    """
    matched, place = match_values(match), {} if after is None else {"after": after}
    for _ in range(_ATTEMPTS):
        move = _move(to_top=after is None, has_match=bool(matched))
        if todo := move.first(session, owner=user_id, todo_id=todo_id, **place, **matched):
            return todo
        todo, neighbours = _NEIGHBOURS.first(session, owner=user_id, todo_id=todo_id, after=after) or (None, None)
        if not todo or not neighbours or not neighbours.has_after:
            return None
        if after in (todo_id, neighbours.above_id):
            return todo
        if match is not None and not match.matches(todo.version):
            raise VersionMismatch(todo)
        if after:
            _SPREAD.all(session, owner=user_id, todo_id=todo_id, after=after)
    raise Conflict("There is no room below that todo, because too many todos have almost the same position.")
