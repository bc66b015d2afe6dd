"""The statement that applies puts and deletes, each for itself. PUT is one with a single item."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Numeric,
    Text,
    and_,
    any_,
    case,
    cast,
    extract,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlmodel import Session

from crud.rows import LOCK, NEXT_VERSION, OWNER, TOP
from db import JoinedStatement, Records, columns
from errors import VersionMismatch
from models.batch import InvalidItem, TodoDelete, TodoPut
from models.todo import TODO_TABLE, Todo, TodoCreate, TodoRead
from models.user import UserId
from models.version import Versions

_CONTENT = tuple(TodoCreate.model_fields)
_WAS = TODO_TABLE.alias("was")
_ITEMS = Records(  # the names with `_` are no fields, which cannot begin so
    "items",
    id=TODO_TABLE.c.id.type,
    _kind=Text(),  # put, delete, or read
    _creates=Boolean(),
    _versions=ARRAY(BigInteger),
    _number=Integer(),  # of the item in the request
    **{name: TODO_TABLE.c[name].type for name in (*_CONTENT, "created_at", "completed_at", "position")},
)


class Outcome(NamedTuple):
    """The result of an item.

    The outcome is `created`, `changed`, `same` (nothing was to be done), `mismatch` (of the version),
    `missing`, or `read`.
    """

    item_id: UUID
    outcome: str


class Item(NamedTuple):
    """A put or a delete of one todo.

    `creates` says whether a put creates a todo that is not there. It changes one that is there only if
    its version is in `versions`, or if those are `None`. With an empty list it only creates.
    """

    kind: str
    todo_id: UUID
    creates: bool
    versions: list[int] | None
    values: dict[str, Any]


def _comparable(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if not isinstance(column.type, JSON):
        return column
    # json has no operator for equality. SQLAlchemy writes None as null of JSON.
    return func.nullif(cast(column, JSONB), literal_column("'null'::jsonb"))


def _outcome(item: Any) -> ColumnElement[str]:
    kind, creates, versions = item["_kind"], item["_creates"], item["_versions"]
    is_put, is_delete, is_missing = kind == "put", kind == "delete", _WAS.c.id.is_(None)
    content = tuple_(*(_comparable(item[name]) for name in _CONTENT))
    as_asked = content.is_not_distinct_from(tuple_(*(_comparable(_WAS.c[name]) for name in _CONTENT)))
    imported = (
        or_(item.created_at.is_(None), item.created_at == _WAS.c.created_at),
        or_(item.completed_at.is_(None), not_(item.completed), item.completed_at == _WAS.c.completed_at),
        or_(item.position.is_(None), item.position == _WAS.c.position),
    )
    only_creates = and_(creates, versions.is_not(None))
    is_there = or_(_WAS.c.deleted_at.is_(None), only_creates)  # a create does not bring a todo back
    return case(
        (kind == "read", "read"),
        (and_(is_missing, creates), "created"),
        (is_missing, "missing"),
        (and_(is_put, as_asked, *imported, is_there), "same"),
        (and_(is_delete, _WAS.c.deleted_at.is_not(None)), "same"),
        (or_(versions.is_(None), _WAS.c.version == any_(versions)), "changed"),
        else_="mismatch",
    )


def _is_row_of(item: Any) -> ColumnElement[bool]:
    return and_(_WAS.c.user_id == OWNER, _WAS.c.id == item.id, _WAS.c.purged_at.is_(None))


def _apply() -> JoinedStatement[TodoRead, Outcome]:
    """Return the statement: decide what happens to each item, write what changes, and return all todos.

    Its `first` acquires the owner's lock, so no other write can change the todos that it reads.
    """
    item = _ITEMS.rows.c
    is_delete, is_new = item["_kind"] == "delete", _WAS.c.id.is_(None)
    # Each is above the one before.
    above = TOP + item["_number"] * literal_column("0.000001", Numeric())
    top = func.trim_scale(func.least(above, literal_column("1e40 - 1e-19", Numeric())))
    values = {name: case((is_delete, _WAS.c[name]), else_=item[name]) for name in _CONTENT} | {
        "created_at": func.coalesce(item.created_at, _WAS.c.created_at, func.now()),
        "completed_at": func.coalesce(item.completed_at, _WAS.c.completed_at),
        "position": func.coalesce(item.position, _WAS.c.position, extract("epoch", item.created_at), top),
        "updated_at": case((is_new, null()), else_=func.now()),
        "deleted_at": case((is_delete, func.now())),
    }
    # 1. Decide.
    decided = (
        select(item.id, _outcome(item).label("_outcome"), *(value.label(name) for name, value in values.items()))
        .select_from(_ITEMS.rows.outerjoin(_WAS, _is_row_of(item)))
        .cte("decided")
    )
    # 2. Write.
    rows = select(OWNER, NEXT_VERSION, decided.c.id, *(decided.c[name] for name in values)).where(
        or_(decided.c["_outcome"] == "created", decided.c["_outcome"] == "changed")
    )
    new = insert(Todo).from_select(["user_id", "version", "id", *values], rows, include_defaults=False)
    replaced = {name: new.excluded[name] for name in ("version", *values)} | {"purged_at": None}
    put = new.on_conflict_do_update(index_elements=["user_id", "id"], set_=replaced)
    written = put.returning(TODO_TABLE).cte("written")
    # 3. Return each todo, as it was written or as it was.
    joined = decided.outerjoin(written, written.c.id == decided.c.id).outerjoin(_WAS, _is_row_of(decided.c))
    is_written = written.c.id.is_not(None)
    either = select(
        decided.c.id.label("item_id"),
        decided.c["_outcome"].label("outcome"),
        *(case((is_written, written.c[name]), else_=_WAS.c[name]).label(name) for name in TodoRead.model_fields),
    )
    answer = either.select_from(joined).subquery("answer")
    return JoinedStatement(
        TodoRead,
        Outcome,
        select(*columns(answer, TodoRead), answer.c.item_id, answer.c.outcome),
        first=LOCK,
        repeats=True,
        one_at_a_time=True,
    )


_APPLY = _apply()


def apply_items(session: Session, user_id: UserId, items: Iterable[Item]) -> dict[UUID, tuple[TodoRead | None, str]]:
    """Apply items, whose ids differ. Return each todo as it is now, `None` if there is none, and the outcome.

    Raises:
        sqlalchemy.exc.IntegrityError: there is no such user; answered with 401.
    """
    rows = (
        {
            "id": item.todo_id,
            "_kind": item.kind,
            "_creates": item.creates,
            "_versions": item.versions,
            "_number": number,
        }
        | item.values
        for number, item in enumerate(items)
    )
    found = _APPLY.all(session, owner=user_id, items=_ITEMS.dump(rows))
    return {result.item_id: (todo, result.outcome) for todo, result in found}


def put(new: TodoCreate, todo_id: UUID, *, creates: bool, versions: Sequence[int] | None) -> Item:
    """Return the item that creates or replaces a todo."""
    values = new.model_dump(exclude={"id", "base"})
    return Item("put", todo_id, creates, None if versions is None else list(versions), values)


def put_todo(
    session: Session, user_id: UserId, todo_id: UUID, new: TodoCreate, match: Versions | None = None, *, creates: bool
) -> tuple[TodoRead, bool] | None:
    """Create or replace a todo. Return it and whether it is new; `None` if there is none and it may not be created.

    Args:
        session: where it is executed.
        user_id: the owner.
        todo_id: the id.
        new: all fields.
        match: the versions that may be replaced, `None` for any.
        creates: whether a todo is created if there is none.

    Raises:
        VersionMismatch: there is one whose version is not in `match`, and it is not as asked for already.
        sqlalchemy.exc.IntegrityError: there is no such user; answered with 401.
    """
    versions = None if match is None or match.anything else match
    (found,) = apply_items(session, user_id, [put(new, todo_id, creates=creates, versions=versions)]).values()
    todo, outcome = found
    if todo and outcome == "mismatch":
        raise VersionMismatch(todo)
    return (todo, outcome == "created") if todo else None


def _item(sent: TodoPut | TodoDelete | InvalidItem) -> Item:
    if isinstance(sent, InvalidItem):
        return Item("read", sent.id, creates=False, versions=None, values={})
    versions = None if sent.base is None else [sent.base]
    if isinstance(sent, TodoDelete):
        return Item("delete", sent.id, creates=False, versions=versions, values={})
    return put(sent, sent.id, creates=not sent.base, versions=versions)


def apply_batch(
    session: Session, user_id: UserId, batch: Sequence[TodoPut | TodoDelete | InvalidItem]
) -> list[tuple[TodoPut | TodoDelete | InvalidItem, TodoRead | None, str]]:
    """Apply a batch. Return each item, the todo as it is now, and its outcome."""
    found = apply_items(session, user_id, map(_item, batch)) if batch else {}
    return [(item, *found[item.id]) for item in batch]
