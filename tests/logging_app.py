"""The app with endpoints that log as a copy of this project does: in threads, tasks, streams and crashes."""

import asyncio
import logging
import time
from typing import Any

from fastapi import APIRouter, BackgroundTasks, WebSocket

from main import app

log = logging.getLogger("my.module")
plain = APIRouter(prefix="/logs")


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


@plain.get("/extra")
async def extra() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    log.warning("simple", extra={"count": 3, "who": {"name": "Ann"}, "level": "mine"})
    log.warning("strange", extra={"cycle": cycle, "infinite": float("inf"), "object": Unprintable()})


@app.websocket("/logs/socket")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    log.warning("in a socket")
    await websocket.close()


app.include_router(plain)
