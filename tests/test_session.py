"""What `SessionDep` gives is a session of SQLModel's, whatever our own statements do beside it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Database
from tests.live import environment

USE = """
from sqlalchemy import bindparam, insert, select as select_rows, text
from sqlmodel import select

from db.budget import at_most
from db.engine import engine
from db.prepared import Prepared
from db.session import RequestSession
from models.todo import TODO_TABLE, Todo
from models.user import USER_TABLE, ReadOnlyTableError


def refused(error, statement):
    try:
        Prepared(statement)
    except error as reason:
        return str(reason)


with at_most(9), RequestSession(engine) as session:
    session.add(Todo(user_id="somebody", title="by the ORM"))
    session.commit()
    todo = session.exec(select(Todo)).one()
    assert (type(todo), todo.title, todo.completed) == (Todo, "by the ORM", False)
    session.delete(todo)
    session.rollback()
    assert session.exec(text("SELECT 1")).all() == [(1,)]

    counted = select_rows(TODO_TABLE.c.title, TODO_TABLE.c.created_at).limit(bindparam("most"))
    (row,) = session.exec(counted, params={"most": 5}, execution_options={"prepared": True}).all()
    assert row.title == "by the ORM" and row.created_at == todo.created_at and row.created_at.utcoffset().seconds == 0

print(refused(ReadOnlyTableError, insert(USER_TABLE)))
print(refused(ValueError, select_rows(TODO_TABLE).where(TODO_TABLE.c.title.in_(["a", "b"]))))
"""


def test_a_session_does_all_that_sqlmodels_does(new_database: Callable[..., Database], tmp_path: Path) -> None:
    database = new_database()
    database.add_user("somebody")
    variables = environment(DATABASE_URL=database.api_url, BETTER_AUTH_URL="http://127.0.0.1:1")
    subprocess.run([sys.executable, "-m", "db"], cwd=tmp_path, env=variables, check=True)
    # Elsewhere than UTC, which the answers are in all the same.
    elsewhere = variables | {"PGTZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", USE], cwd=tmp_path, env=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    users, depends = done.stdout.splitlines()
    assert "read-only" in users
    assert "cannot be prepared" in depends
