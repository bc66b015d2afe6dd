"""The tables: made at the start, or by the first request after that was not possible.

`todo` refers to Better Auth's user table, which Better Auth alone makes, so that comes first.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Lock
from time import monotonic

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from config import settings
from db.engine import as_unavailable, engine
from db.inspection import inspect_tables
from errors import Unavailable
from models.todo import TODO_TABLE

log = logging.getLogger("todo.db")

_LOCK_KEY = 0x746F646F  # "todo" in ASCII: one number that all processes agree on
_RETRY = 1.0  # seconds between two attempts


def create_db_and_tables(engine: Engine = engine, *, create: bool = True) -> None:
    """Make the tables that are this API's own and are missing; one query when none is.

    Args:
        engine: the database.
        create: `False` to look only.

    Raises:
        Unavailable: Better Auth's table is missing or not as the settings say, or, when only
            looking, our own is missing.
        SQLAlchemyError: the database is away, or refuses.
    """
    with engine.connect() as connection:
        has_todo, problem = inspect_tables(connection)
    if problem:
        raise Unavailable(problem)
    if has_todo:
        return
    if not create:
        raise Unavailable("Run make migrate: there is no table todo yet.")
    # A transaction, for its lock: processes that start at the same moment wait for the first.
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK_KEY)))
        SQLModel.metadata.create_all(connection, tables=[TODO_TABLE])
    log.info("the table todo is there")


class Schema:
    """Whether the tables are there: found out once, then remembered."""

    def __init__(self) -> None:
        self.ready = False
        self._lock = Lock()
        self._report: dict[str, str] = {}
        self._checked_at = float("-inf")

    def prepare(self) -> None:
        """Make or find the tables, unless that is done. One thread tries, others wait for it.

        Raises:
            Unavailable: they are not there; says why.
        """
        with self._lock:
            if not self.ready and monotonic() - self._checked_at > _RETRY:
                self._report = self.check()
                self._checked_at = monotonic()
            if not self.ready:
                raise Unavailable(next(line for line in self._report.values() if line != "ok"))

    def forget(self) -> None:
        """Look again the next time: a statement missed a table."""
        self.ready = False
        self._checked_at = float("-inf")

    def check(self) -> dict[str, str]:
        """Look now, and say of database and schema "ok", or what is wrong and what to do."""
        try:
            create_db_and_tables(create=settings.migrate_on_start)
        except Unavailable as missing:
            return {"database": "ok", "schema": missing.detail}
        except SQLAlchemyError as error:
            if not (unavailable := as_unavailable(error)):
                raise
            reason = f"{unavailable.detail} See DATABASE_URL, and the log."
            return {"database": reason, "schema": "Not known without the database."}
        self.ready = True
        return {"database": "ok", "schema": "ok"}


schema = Schema()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make the tables that are missing.

    The process starts all the same when that is not possible yet: requests try again, and are
    answered 503 until it is.
    """
    try:
        await run_in_threadpool(schema.prepare)
    except Unavailable as problem:
        log.warning("started, but not ready: %s", problem.detail)
    yield
    engine.dispose()
