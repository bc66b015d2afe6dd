"""The app with endpoints that log as a copy of this project does: in threads, tasks, streams and crashes."""

import asyncio
import logging
import sys
import time
from typing import Any

from fastapi import APIRouter, BackgroundTasks, WebSocket
from sqlalchemy import func, literal_column
from sqlmodel import select

from auth import CurrentUser
from db import SessionDep
from db.session import RequestSession
from models.todo import Todo
from tests.unswept import app

log = logging.getLogger("my.module")
plain = APIRouter()


class Unprintable:
    """An object that cannot be written as text."""

    def __str__(self) -> str:
        raise ValueError


@plain.get("/thread")
def in_thread() -> None:
    log.warning("in a thread")


@plain.get("/task")
async def in_task() -> None:
    async def write() -> None:
        log.warning("in a task")

    await asyncio.gather(write(), asyncio.to_thread(log.warning, "in a thread of a task"))


@plain.get("/later")
async def later(tasks: BackgroundTasks) -> None:
    tasks.add_task(log.warning, "in the background")


@plain.get("/blocks/{name}")
async def blocks(name: str) -> None:
    time.sleep(0.3)  # noqa: ASYNC251  # it blocks the event loop
    log.warning("name: %s", name)


@plain.get("/crash")
async def crash(text: str) -> None:
    raise LookupError(text)


@plain.get("/crash-in-thread")
def crash_in_thread() -> None:
    raise LookupError("in a thread")


@plain.get("/extra")
async def extra() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    log.warning("simple", extra={"count": 3, "who": {"name": "Ann"}, "level": "mine"})
    log.warning("strange", extra={"cycle": cycle, "infinite": float("inf"), "object": Unprintable()})


@plain.post("/session")
def add_with_session(user: CurrentUser, session: SessionDep, title: str) -> int:
    session.add(Todo(user_id=user.id, title=title))
    return len(session.exec(select(Todo).where(Todo.user_id == user.id)).all())


@plain.get("/divide")
def divide(user: CurrentUser, session: SessionDep) -> None:
    session.exec(select(func.length(user.id) / literal_column("0"))).all()


@plain.get("/elsewhere")
def read_without_the_schema() -> None:
    with RequestSession() as session:
        session.exec(select(1)).all()


@plain.get("/sdk")
def has_imported_the_sdk() -> bool:
    return sys.modules.get("opentelemetry.sdk") is not None


@app.websocket("/logs/socket")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    log.warning("in a socket")
    await websocket.close()


app.include_router(plain, prefix="/logs")
