"""What `SessionDep` gives is a session of SQLModel's, whatever our own statements do beside it."""

import re
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
from db.prepared import Prepared
from db.session import RequestSession
from models.todo import TODO_TABLE, Todo
from models.user import USER_TABLE, ReadOnlyTableError


def refused(error, statement):
    try:
        Prepared(statement)
    except error as reason:
        return str(reason)


with at_most(9), RequestSession() as session:
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

CANCEL = """
import asyncio

from sqlalchemy import bindparam, func, select

from db.engine import engine
from db.session import RequestSession
from db.waiting import run_on_loop

SLEEP = select(func.pg_sleep(bindparam("seconds")))


async def sleep(seconds, options):
    async with RequestSession() as session:
        params = {"seconds": seconds}
        return await run_on_loop(lambda: session.exec(SLEEP, params=params, execution_options=options).all())


async def abandon(options):
    asleep = asyncio.create_task(sleep(60, options))
    while engine.pool.checkedout() == 0:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    for _ in range(3):
        assert await sleep(0, options) == [("",)], "another one is served meanwhile"
    asleep.cancel()
    (error,) = await asyncio.gather(asleep, return_exceptions=True)
    return type(error).__name__, engine.pool.checkedout()


async def main():
    for options in ({}, {}, {"prepared": True}, {"prepared": True}):
        print(await abandon(options))


asyncio.run(main())
"""

ROUTE = """
import asyncio
import time
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI
from sqlmodel import select

from db.session import SessionDep
from models.todo import Todo
from routers.route import RowRoute

app = FastAPI()


def titles(session: SessionDep):
    return [todo.title for todo in session.exec(select(Todo)).all()]


@app.get("/in-a-thread")
def in_a_thread(session: SessionDep, known: Annotated[list[str], Depends(titles)]):
    session.add(Todo(user_id="somebody", title="Added"))
    session.commit()
    return known, titles(session)


@app.get("/asynchronously")
async def asynchronously(session: SessionDep):
    return titles(session)


def blocking(session: SessionDep):
    time.sleep(0.3)


app.router.add_api_route("/on-the-loop", titles, route_class_override=RowRoute)
app.router.add_api_route("/blocking", blocking, route_class_override=RowRoute)


async def main():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        for path in ("/in-a-thread", "/asynchronously", "/on-the-loop", "/blocking"):
            print(path, (await client.get(path)).json())


asyncio.run(main())
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


def test_a_cancelled_request_gives_back_its_turn_and_closes_its_connection(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    database = new_database()
    done = subprocess.run(
        [sys.executable, "-c", CANCEL],
        cwd=tmp_path,
        # Two turns, one for who is cancelled: four times, so each must come back.
        env=environment(DATABASE_URL=database.api_url, BETTER_AUTH_URL="http://127.0.0.1:1", DB_POOL_SIZE="2"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stderr, done.stdout.splitlines()) == ("", ["('CancelledError', 0)"] * 4)


def test_a_session_serves_whatever_route_asks_for_one(new_database: Callable[..., Database], tmp_path: Path) -> None:
    database = new_database()
    database.add_user("somebody")
    done = subprocess.run(
        [sys.executable, "-c", ROUTE],
        cwd=tmp_path,
        env=environment(DATABASE_URL=database.api_url, BETTER_AUTH_URL="http://127.0.0.1:1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "/in-a-thread [[], ['Added']]",
        "/asynchronously ['Added']",
        "/on-the-loop ['Added']",
        "/blocking None",
    ]
    assert re.fullmatch(r"blocking held up all requests for \d+ ms: see db/waiting.py\n", done.stderr)
