"""The schema: brought up to date at the start, or by the first request after that was not possible.

`todo` refers to Better Auth's user table, which Better Auth alone makes, so that comes first.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Lock
from time import monotonic

import anyio
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from config import settings
from db.budget import Turn, remaining
from db.engine import as_unavailable, engine
from db.inspection import inspect_tables
from db.migrations import newest, upgrade
from errors import Unavailable

log = logging.getLogger("todo.db")

_UNKNOWN = "Not known without the database."
_RETRY = 1.0  # seconds between two attempts
_PATIENCE = 2.0  # seconds that a thread waits for another's attempt


def look_at_schema(engine: Engine) -> str:
    """Give the version of the schema, empty when no migration ever ran; one query when one did.

    Raises:
        Unavailable: Better Auth's table is missing or not as the settings say; says what to do.
        SQLAlchemyError: the database is away, or refuses.
    """
    with engine.connect() as connection:
        version, problem = inspect_tables(connection)
    if problem:
        raise Unavailable(problem)
    return version


def create_db_and_tables() -> None:
    """Bring the schema up to date, unless MIGRATE_ON_START forbids it; one query when it is.

    A schema that is ahead of this code is left alone: that is a deployment under way.

    Raises:
        Unavailable, SQLAlchemyError: as `look_at_schema`, or the schema is behind.
    """
    version, needed = look_at_schema(engine), newest()
    if version >= needed:
        return
    if not settings.migrate_on_start:
        raise Unavailable(f"Run make migrate: the schema is at version {version or 'none'}, and {needed} is needed.")
    upgrade(settings.database_url)
    log.info("the schema was brought up to date: version %s", needed)


class Schema:
    """Whether the schema is as this code needs it: found out once, then remembered."""

    def __init__(self) -> None:
        self.ready = False
        self._lock = Lock()
        self._report: dict[str, str] = {}
        self._checked_at = float("-inf")

    def prepare(self) -> None:
        """Bring or find the schema up to date, unless that is done.

        Raises:
            Unavailable: it is not up to date; says why.
        """
        with self._in_turn():
            if not self.ready and monotonic() - self._checked_at > _RETRY:
                self._report = self._check()
                self._checked_at = monotonic()
        if not self.ready and (wrong := [line for line in self._report.values() if line != "ok"]):
            raise Unavailable(wrong[0])

    def forget(self) -> None:
        """Look again the next time: a statement missed a table."""
        self.ready = False
        self._checked_at = float("-inf")

    def check(self) -> dict[str, str]:
        """Look now, and say of database and schema "ok", or what is wrong and what to do."""
        with self._in_turn():
            return self._check()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Wait for a thread that looks just now, but not for long.

        It may have been frozen, and its connection with it, and looking once more is one query.
        """
        is_alone = self._lock.acquire(timeout=min(_PATIENCE, max(0, remaining())))
        try:
            yield
        finally:
            if is_alone:
                self._lock.release()

    def _check(self) -> dict[str, str]:
        try:
            create_db_and_tables()
        except Unavailable as missing:
            return {"database": "ok", "schema": missing.detail}
        except SQLAlchemyError as error:
            if not (unavailable := as_unavailable(error)):
                raise
            reason = f"{unavailable.detail} See DATABASE_URL, and the log."
            return {"database": reason, "schema": _UNKNOWN}
        self.ready = True
        return {"database": "ok", "schema": "ok"}


schema = Schema()


async def report_database() -> dict[str, str]:
    """Look at database and schema now, within DB_TIMEOUT: see `Schema.check`."""
    try:
        async with Turn():
            return await run_in_threadpool(schema.check)
    except Unavailable as busy:
        return {"database": busy.detail, "schema": _UNKNOWN}


async def _prepare() -> None:
    try:
        async with Turn():
            # Abandoned at the end of the process, which is not to wait for a database.
            await anyio.to_thread.run_sync(schema.prepare, abandon_on_cancel=True)
    except Unavailable as problem:
        log.warning("started, but not ready: %s", problem.detail)
    except Exception:  # nobody waits for this task, so nobody else would tell
        log.exception("started, but not ready")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Bring the schema up to date, beside whatever else happens.

    Nobody waits for it but requests that need the database, and they try again if it fails: the
    process starts while the database is down or asleep. Where each call enters and leaves the
    lifespan (Mangum on AWS Lambda) it is done once, and the connections stay open at the end.
    """
    preparing = asyncio.create_task(_prepare())
    yield
    preparing.cancel()
