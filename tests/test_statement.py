"""`Statement`: typed results, exact parameters, no writes to Better Auth's table, plain reads alone repeated."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy
from pydantic import BaseModel, PrivateAttr, ValidationError, model_validator
from sqlalchemy import bindparam, delete, func, insert, literal_column, text, update
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.sqltypes import UTCDateTime

from db import JoinedStatement, Statement, columns
from db.compiled import _converter
from db.engine import dialect
from db.plain_read import is_plain_read
from db.results import reader
from models.todo import Todo, TodoRead
from models.user import ReadOnlyTableError, User, UserRead
from tests.live import ROOT

READ = columns(Todo, TodoRead)
LIVE = col(Todo.deleted_at).is_(None)
BY_ID = Statement(TodoRead, select(*READ).where(col(Todo.id) == bindparam("todo_id"), LIVE))


def test_columns_that_are_not_the_fields_are_refused_at_import() -> None:
    with pytest.raises(TypeError, match="are not the fields of TodoRead"):
        Statement(TodoRead, select(Todo.id, Todo.title))
    with pytest.raises(TypeError, match="are not the fields of UserRead"):
        Statement(UserRead, select(*READ))

    class Unknown(BaseModel):
        titel: str

    with pytest.raises(AttributeError, match="titel"):
        columns(Todo, Unknown)


FORGETFUL = {
    "a select": select(*READ),
    "an update": update(Todo).values(title="x").returning(*READ),
    "a delete": delete(Todo).returning(*READ),
    "a join": select(*columns(User, UserRead)).join(Todo, col(Todo.user_id) == col(User.id)),
}


@pytest.mark.parametrize("statement", FORGETFUL.values(), ids=FORGETFUL)
def test_a_statement_that_forgets_the_trash_is_refused(statement: Any) -> None:
    read = TodoRead if len(statement.exported_columns) == len(READ) else UserRead
    with pytest.raises(TypeError, match="deleted_at IS NULL"):
        Statement(read, statement)
    Statement(read, statement.where(col(Todo.deleted_at).is_(None)))


def test_a_value_that_is_computed_for_each_execution_is_left_to_sqlalchemy() -> None:
    def titled(**options: Any) -> Statement[TodoRead]:
        return Statement(TodoRead, select(*READ).where(LIVE, col(Todo.title) == bindparam("title", **options)))

    assert titled()._is_simple
    assert not titled(callable_=lambda: "x")._is_simple


class Number(NamedTuple):
    number: int | None


def test_the_further_columns_come_last() -> None:
    number: Any = literal_column("1").label("number")
    columns_of_both: list[Any] = [*READ, number]
    JoinedStatement(TodoRead, Number, sqlalchemy.select(*columns_of_both).where(LIVE))
    with pytest.raises(TypeError, match="order"):
        JoinedStatement(TodoRead, Number, sqlalchemy.select(*reversed(columns_of_both)).where(LIVE))
    with pytest.raises(TypeError, match="are not the fields of TodoRead"):
        JoinedStatement(TodoRead, Number, sqlalchemy.select(*READ).where(LIVE))


@pytest.mark.parametrize("values", [{}, {"id": 1}, {"todo_id": 1, "limit": 2}], ids=str)
def test_missing_and_unknown_values_are_refused(values: dict[str, Any]) -> None:
    with Session() as session, pytest.raises(TypeError, match="values for"):
        BY_ID.all(session, **values)


def test_writes_to_better_auths_table_are_refused_also_in_a_cte() -> None:
    deleted = delete(User).returning(col(User.id)).cte()
    for statement in (
        insert(User).returning(*columns(User, UserRead)),
        update(User).values(name="x").returning(*columns(User, UserRead)),
        select(*columns(User, UserRead)).where(col(User.id).in_(select(deleted.c.id))),
    ):
        with pytest.raises(ReadOnlyTableError):
            Statement(UserRead, statement)


CTE = insert(Todo).values(user_id="somebody", title="x").returning(col(Todo.id)).cte()
PLAIN = {
    "a page": select(*READ).where(col(Todo.title) == bindparam("x")).order_by(Todo.title).limit(3).offset(2),
    "counts": select(func.count(), func.max(Todo.created_at), func.coalesce(func.min(Todo.title), "")),
    "by id": select(*READ).where(col(Todo.id) == bindparam("x")),
    "in": select(Todo.id).where(col(Todo.title).in_(["a", "b"])),
    "exists": select(Todo.id).where(select(User.id).where(col(User.id) == col(Todo.user_id)).exists()),
    "cast": select(*READ).distinct(),
}
NOT_PLAIN = {
    "for update": select(Todo.id).with_for_update(),
    "one row for update": select(Todo.id).where(col(Todo.id) == bindparam("x")).with_for_update(skip_locked=True),
    "for share": select(Todo.id).with_for_update(read=True),
    "a writing CTE": select(CTE.c.id),
    "a lock": select(func.pg_advisory_xact_lock(1)),
    "a setting": select(func.set_config("lock_timeout", "1s", True)),
    "a lock in text": select(literal_column("pg_advisory_xact_lock(1)")),
    "a lock in a condition": select(Todo.id).where(func.pg_try_advisory_lock(1)),
    "a function of a schema": select(func.api.count()),
    "an update": update(Todo).values(title="x").returning(col(Todo.id)),
    "an operator": select(Todo.id).where(col(Todo.title).op("===")("x")),
    "a comment": select(literal_column("effect -- count\n(todo)")),
    "a cast to a type": select(literal_column("title::todo_type")),
    "two statements": select(literal_column("1; NOTIFY a")),
    "text": text("WITH x AS (DELETE FROM todo RETURNING id) SELECT 1"),
}


@pytest.mark.parametrize("statement", PLAIN.values(), ids=PLAIN)
def test_a_plain_read_needs_no_transaction(statement: Any) -> None:
    assert is_plain_read(str(statement.compile(dialect=dialect)))


@pytest.mark.parametrize("statement", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_may_have_an_effect_is_no_plain_read(statement: Any) -> None:
    assert not is_plain_read(str(statement.compile(dialect=dialect)))


def test_wrong_names_are_errors_in_mypy(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from uuid import UUID\n"
        "from sqlmodel import Session\n"
        "from crud import todo as crud\n"
        "def use(session: Session, todo_id: UUID) -> str:\n"
        "    todo = crud.get_todo(session, 'me', todo_id)\n"
        "    assert todo\n"
        "    todo.titel\n"
        "    return todo.id\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", ROOT / "mypy.ini", wrong],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert '"TodoRead" has no attribute "titel"' in done.stdout
    assert 'Incompatible return value type (got "UUID", expected "str")' in done.stdout
    assert "Found 2 errors" in done.stdout


def test_results_are_validated_without_the_init_of_sqlmodel(monkeypatch: pytest.MonkeyPatch) -> None:
    row: dict[str, Any] = {"id": 7, "name": "n", "email": "e", "image": None}
    expected = UserRead(**row)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("SQLModel's __init__ takes five times as long")

    monkeypatch.setattr(UserRead, "__init__", refuse)
    (user,) = reader(UserRead)([row])
    assert (user, user.id, user.model_fields_set, user.model_extra) == (expected, "7", set(row), None)
    assert user.model_dump_json() == expected.model_dump_json()
    assert user.model_copy(update={"name": "m"}).name == "m"
    with pytest.raises(ValidationError):
        reader(UserRead)([row | {"name": None}])


class Whole(SQLModel):
    """A class that pydantic has to make by itself."""

    name: str
    _calls: int = PrivateAttr(default=1)

    @model_validator(mode="after")
    def _shout(self) -> "Whole":
        self.name = self.name.upper()
        return self


def test_a_class_with_validators_of_the_model_is_left_to_pydantic() -> None:
    (made,) = reader(Whole)([{"name": "n"}])
    assert (made.name, made._calls) == ("N", 1)


NEW_YORK = timezone(timedelta(hours=-4))
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [None, NOW.replace(tzinfo=None), datetime(2026, 7, 1, 12, tzinfo=NEW_YORK), NOW], ids=str
)
def test_times_are_those_that_sqlmodel_returns(value: datetime | None) -> None:
    kind = UTCDateTime()
    convert = _converter(kind.dialect_impl(dialect), 0)
    assert convert(value) == kind.process_result_value(value, dialect)
    assert value is None or convert(value).tzinfo is UTC
