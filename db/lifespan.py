"""What happens at the start: the schema is brought up to date, and then jobs run once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from db import telemetry
from db.errors import as_unavailable
from db.greenlets import run_in_greenlet
from db.schema import schema
from db.session import RequestSession
from errors import Unavailable

log = logging.getLogger("todo.db")

PAUSE = 5.0
"""Seconds between the start and the jobs, so that they do not delay the first requests."""

Job = Callable[[Session], object]


def lifespan(*jobs: Job) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return the lifespan of an app. It brings the schema up to date, without waiting for it.

    Only requests that use the database wait, and they try again if it fails. So the process starts
    while the database is away. A host that enters and leaves the lifespan with each call (Mangum on
    AWS Lambda) does this once, and keeps the connections. It runs the jobs only if a call lasts longer
    than `PAUSE`.

    Args:
        jobs: functions to be called once, `PAUSE` seconds later. Each has a session of its own. What
            one of them raises is logged.
    """
    waiting = list(jobs)

    @asynccontextmanager
    async def run(_: FastAPI) -> AsyncIterator[None]:
        telemetry.start()  # FastAPI has configured OpenTelemetry just now
        starting = asyncio.create_task(_start(waiting))
        yield
        starting.cancel()

    return run


async def _start(jobs: list[Job]) -> None:
    try:
        await run_in_greenlet(schema.prepare)
    except Unavailable as problem:
        log.warning("started, but not ready: %s", problem.detail)
    except Exception:  # nobody awaits this task, so nobody else would log it
        log.exception("started, but not ready")
    else:
        await asyncio.sleep(PAUSE)
        while jobs:
            await run_in_greenlet(_run, jobs.pop(0))


def _run(job: Job) -> None:
    try:
        with RequestSession() as session:
            job(session)
    except Exception as error:
        problem = as_unavailable(error) if isinstance(error, SQLAlchemyError) else error
        if isinstance(problem, Unavailable):
            log.warning("a job at the start was not done: %s", problem.detail)
        else:
            log.exception("a job at the start failed")
