"""The tables, the types that fields are made of, and Better Auth's users, who are read-only."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ValidationError
from sqlalchemy import CheckConstraint, Index, Table, UniqueConstraint, create_engine, delete, insert, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, select

from models.fields import Description, Moment, Owned, StorableText, Title
from models.todo import Todo
from models.user import USER_TABLE, ReadOnlyTableError, User, parse_user_id
from tests.conftest import Database, migrate


@pytest.fixture
def session(new_database: Callable[..., Database]) -> Iterator[Session]:
    """Open a session as a script does, on a database with one user."""
    database = new_database()
    database.add_user("somebody")
    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg2://"))
    migrate(database)
    with Session(engine) as session:
        yield session
    engine.dispose()
    assert database.execute('SELECT id, name FROM "user"') == [("somebody", "Somebody")]


SOMEBODY: dict[str, Any] = {"id": "new", "name": "New", "email": "new@example.com", "email_verified": True}


def insert_a_row(session: Session) -> None:
    session.add(User(**SOMEBODY))
    session.flush()


def change_a_row(session: Session) -> None:
    session.exec(select(User)).one().name = "Changed"
    session.flush()


def delete_a_row(session: Session) -> None:
    session.delete(session.exec(select(User)).one())
    session.flush()


def bulk_insert(session: Session) -> None:
    session.bulk_save_objects([User(**SOMEBODY)])


WRITES: dict[str, Callable[[Session], object]] = {
    "insert a row": insert_a_row,
    "change a row": change_a_row,
    "delete a row": delete_a_row,
    "bulk insert": bulk_insert,
    "insert statement": lambda session: session.exec(insert(User).values(id="new")),
    "update statement": lambda session: session.exec(update(User).values(name="Changed")),
    "delete statement": lambda session: session.exec(delete(User)),
    "on the connection": lambda session: session.connection().execute(delete(User)),
    "create the table": lambda session: USER_TABLE.create(session.connection()),
    "drop all tables": lambda session: SQLModel.metadata.drop_all(session.connection()),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_better_auths_users_are_read_only(session: Session, write: Callable[[Session], object]) -> None:
    with pytest.raises(ReadOnlyTableError, match="Better Auth owns it"):
        write(session)
    session.rollback()


def test_better_auths_users_can_be_read(session: Session) -> None:
    user = session.exec(select(User)).one()
    assert (user.id, user.name, user.email_verified) == ("somebody", "Somebody", True)
    assert user.created_at.tzinfo is not None


def test_a_todo_needs_a_user(session: Session) -> None:
    session.add(Todo(user_id="nobody", title="Orphan"))
    with pytest.raises(IntegrityError, match="todo_user_id_fkey"):
        session.flush()
    session.rollback()


def test_a_todo_can_be_written_the_usual_way(session: Session) -> None:
    todo = Todo(user_id="somebody", title="Buy milk")
    session.add(todo)
    session.commit()
    session.refresh(todo)
    assert (todo.completed, todo.description, todo.updated_at) == (False, None, None)
    assert todo.id
    assert todo.created_at.tzinfo is not None
    session.rollback()


def test_a_subject_is_a_text_that_the_database_can_hold() -> None:
    assert parse_user_id("a7Dd3HhxcqAGmwbaYHdorcneHC6vNmad") == "a7Dd3HhxcqAGmwbaYHdorcneHC6vNmad"
    for subject in ("", "a\0b", "\ud800"):
        with pytest.raises(ValueError):  # noqa: PT011  # nobody reads the message
            parse_user_id(subject)


class Plain(Owned, table=True):
    __tablename__ = "test_plain"

    id: int | None = Field(default=None, primary_key=True)


class Indexed(Owned, table=True):
    __tablename__ = "test_indexed"
    __table_args__ = (Index("test_indexed_idx", "user_id", "id"), CheckConstraint("true", name="test_check"))

    id: int | None = Field(default=None, primary_key=True)


class Unique(Owned, table=True):
    __tablename__ = "test_unique"
    __table_args__ = (UniqueConstraint("user_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)


class Partial(Owned, table=True):
    __tablename__ = "test_partial"
    __table_args__ = (
        Index("test_partial_idx", "user_id", postgresql_where=text("done")),
        Index("test_second_idx", "id", "user_id"),
        Index("test_expression_idx", text("lower(user_id)")),
    )

    id: int | None = Field(default=None, primary_key=True)
    done: bool


TODO_INDEXES = ("page", "completed_page", "due", "updated", "change", "trash", "sweep")
OWNED: dict[str, tuple[type[Owned], set[str]]] = {
    "without an index": (Plain, {"test_plain_user_id_idx"}),
    "with an index": (Indexed, {"test_indexed_idx"}),
    "with a unique constraint": (Unique, set()),
    "with indexes that do not serve": (
        Partial,
        {"test_partial_user_id_idx", "test_partial_idx", "test_second_idx", "test_expression_idx"},
    ),
    "the todos": (Todo, {f"todo_{name}_idx" for name in TODO_INDEXES}),
}


@pytest.mark.parametrize(("model", "indexes"), OWNED.values(), ids=OWNED)
def test_an_owned_table_refers_to_its_user_and_has_an_index(model: type[Owned], indexes: set[str]) -> None:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel leaves it untyped
    owner = table.c.user_id
    (key,) = owner.foreign_keys
    assert key.column is USER_TABLE.c.id
    assert key.ondelete == "CASCADE"
    assert owner.type is USER_TABLE.c.id.type
    assert owner.nullable is False
    assert {index.name for index in table.indexes} == indexes


def test_keys_have_the_names_that_postgresql_gives_them() -> None:
    names = {key.name for key in Unique.__table__.constraints}  # type: ignore[attr-defined]  # SQLModel leaves it untyped
    assert names == {"test_unique_pkey", "test_unique_user_id_fkey", "test_unique_user_id_id_key"}


class Sent(BaseModel):
    title: Title = "x"
    description: Description | None = None
    free: Annotated[str, StorableText()] = ""
    at: Moment | None = None


TEXTS: dict[str, tuple[dict[str, Any], str]] = {
    "an empty title": ({"title": ""}, "string_too_short"),
    "a blank title": ({"title": " \n "}, "string_too_short"),
    "a long title": ({"title": "x" * 201}, "string_too_long"),
    "a long description": ({"description": "x" * 2001}, "string_too_long"),
    "NUL in a title": ({"title": "a\0"}, "string_nul"),
    "NUL in a description": ({"description": "a\0"}, "string_nul"),
    "NUL in a text without bounds": ({"free": "a\0"}, "string_nul"),
    "a surrogate in a title": ({"title": "\ud800"}, "string_unicode"),
    "a surrogate in a text without bounds": ({"free": "\ud800"}, "string_unicode"),
    "a number": ({"title": 5}, "string_type"),
    "no zone": ({"at": "2026-11-24T09:00:00"}, "timezone_aware"),
    "a date": ({"at": "2026-11-24"}, "timezone_aware"),
    "no zone in Python": ({"at": datetime(2026, 11, 24)}, "timezone_aware"),  # noqa: DTZ001  # the case
    "seconds": ({"at": 1795500000}, "datetime_type"),
    "seconds as text": ({"at": "1795500000"}, "datetime_type"),
    "true": ({"at": True}, "datetime_type"),
    "no time": ({"at": "2026-13-24T09:00:00Z"}, "datetime_from_date_parsing"),
    "the last second, in the west": ({"at": "9999-12-31T23:59:59-14:00"}, "datetime_out_of_range"),
    "the last second": ({"at": "9999-12-31T23:59:59Z"}, "datetime_out_of_range"),
    "the first second, in the east": ({"at": "0001-01-01T00:00:00+14:00"}, "datetime_out_of_range"),
    "the first second": ({"at": "0001-01-01T00:00:00Z"}, "datetime_out_of_range"),
}


@pytest.mark.parametrize(("sent", "error"), TEXTS.values(), ids=TEXTS)
def test_values_that_no_column_can_hold_are_refused(sent: dict[str, Any], error: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Sent.model_validate(sent)
    assert [item["type"] for item in refusal.value.errors()] == [error]


def test_titles_are_stripped_and_descriptions_are_not() -> None:
    sent = Sent(title="  Buy milk\n" + " " * 200, description=" two\n")
    assert (sent.title, sent.description) == ("Buy milk", " two\n")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-11-24T09:00:00+01:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("2026-11-24 09:00Z", datetime(2026, 11, 24, 9, tzinfo=UTC)),
        (datetime(2026, 11, 24, 9, tzinfo=UTC), datetime(2026, 11, 24, 9, tzinfo=UTC)),
        ("9999-12-30T23:59:59.999999Z", datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        ("0001-01-02T00:00:00Z", datetime(1, 1, 2, tzinfo=UTC)),
    ],
)
def test_times_are_converted_to_utc(sent: str | datetime, stored: datetime) -> None:
    at = Sent.model_validate({"at": sent}).at
    assert at == stored
    assert at.tzinfo is UTC


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT-14", "Etc/GMT+12", "America/New_York", "-15:59"])
def test_extreme_times_are_read_in_every_time_zone(session: Session, zone: str) -> None:
    session.execute(text(f"SET TIME ZONE '{zone}'"))
    todo = Todo(user_id="somebody", title="x")
    for at in ("9999-12-30T23:59:59.999999Z", "0001-01-02T00:00:00Z"):
        todo.updated_at = moment = Sent.model_validate({"at": at}).at
        session.add(todo)
        session.flush()
        session.refresh(todo)
        assert todo.updated_at == moment
    session.rollback()


def test_openapi_describes_texts_and_times() -> None:
    properties = Sent.model_json_schema()["properties"]
    assert properties["title"] | {"minLength": 1, "maxLength": 200, "type": "string"} == properties["title"]
    assert {"maxLength": 2000, "pattern": r"^[^\x00]*$", "type": "string"} in properties["description"]["anyOf"]
    assert {"format": "date-time", "type": "string"} in properties["at"]["anyOf"]
