"""Test that FastAPI's `dependency_overrides` replace dependencies in the routes of the project."""

import asyncio
from collections.abc import Callable

import httpx
from sqlalchemy import create_engine
from sqlmodel import Session

from auth import AuthenticatedUser, get_current_user
from db import get_session
from main import app
from tests.conftest import Database, migrate


async def call_all(user_id: str) -> list[int]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        created = await client.post("/api/todos", json={"title": "Buy milk"})
        path = created.headers["location"]
        answers = [
            await client.get("/api/todos"),
            await client.patch(path, json={"title": "Buy oat milk"}),
            await client.post(f"{path}/toggle"),
            await client.post("/api/todos", json={"title": ""}),
            await client.get("/api/me"),
            await client.delete(path),
            await client.get(path),
        ]
    assert [todo["user_id"] for todo in answers[0].json()] == [user_id]
    return [answer.status_code for answer in answers]


def test_a_copy_may_test_in_a_transaction_that_it_rolls_back(new_database: Callable[..., Database]) -> None:
    database = new_database()
    database.add_user("somebody")
    migrate(database)
    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.connect() as connection:
        connection.begin()
        session = Session(bind=connection, join_transaction_mode="create_savepoint")
        app.dependency_overrides = {
            get_session: lambda: session,
            get_current_user: lambda: AuthenticatedUser("somebody"),
        }
        try:
            assert asyncio.run(call_all("somebody")) == [200, 200, 200, 422, 200, 204, 404]
        finally:
            app.dependency_overrides = {}
            session.close()
            connection.rollback()
    engine.dispose()
    assert database.execute("SELECT * FROM todo") == []
