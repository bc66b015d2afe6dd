"""What a session may do to Better Auth's users: read them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, select

from models.todo import TODO_TABLE, Todo
from models.user import USER_TABLE, ReadOnlyTableError, User, parse_user_id
from tests.conftest import Database


@pytest.fixture
def session(new_database: Callable[..., Database]) -> Iterator[Session]:
    """A session such as a script or a shell would open, on a database with one user."""
    database = new_database()
    database.add_user("somebody")
    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg2://"))
    SQLModel.metadata.create_all(engine, tables=[TODO_TABLE])
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
        with pytest.raises(ValueError):  # noqa: PT011  # the message is nobody's to read
            parse_user_id(subject)
