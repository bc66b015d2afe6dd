"""Bring the schema up to date. If that fails, the next request tries again.

Better Auth makes its user table, to which `todo` refers, so that table has to be there first.
"""

import logging
from collections.abc import Callable
from threading import TIMEOUT_MAX, Lock
from time import monotonic
from typing import Any, TypeVar

from psycopg2 import errorcodes
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from config import settings
from db.engine import autocommit_engine
from db.errors import as_unavailable, was_lost
from db.greenlets import run_in_greenlet, run_off_loop
from db.migrations import Busy, newest, upgrade
from db.slots import slots
from db.user_table import inspect_tables
from db.waiting import Waiting, remaining
from errors import Unavailable

log = logging.getLogger("todo.db")

T = TypeVar("T")

PAUSE = 30.0
"""Seconds without another attempt after a migration got no lock. Each attempt delays the readers of the table."""

_UNKNOWN = "This cannot be checked without the database."
_RETRY = 1.0  # seconds between two attempts
_PATIENCE = 2.0  # seconds that a thread waits for the attempt of another


def check_schema(engine: Engine) -> str:
    """Return the version of the schema, empty if no migration ever ran. It takes one query.

    Raises:
        Unavailable: Better Auth's table is missing, or is not as the settings say, or the database
            does not check text.
        SQLAlchemyError: the database cannot be reached, or refuses.
    """
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if driver.get_parameter_status("server_encoding") == "SQL_ASCII":  # sent with each new connection
            raise Unavailable("Use a database with the encoding UTF8, because SQL_ASCII does not check text.")
        version, problem = inspect_tables(connection)
    if problem:
        raise Unavailable(problem)
    return version


def migrate_if_needed() -> None:
    """Bring the schema up to date, unless MIGRATE_ON_START forbids it. It takes one query if there is nothing to do.

    A schema that is ahead of this code is left alone: a deployment is under way.

    Raises:
        Unavailable, SQLAlchemyError: as `check_schema`, or the schema is behind.
    """
    version, needed = check_schema(autocommit_engine), newest()
    if version >= needed:
        return
    if not settings.migrate_on_start or (settings.migrate_on_start == "empty" and version):
        raise Unavailable(f"Run make migrate: the schema is at version {version or 'none'}, and {needed} is needed.")
    try:
        _attempts.upgrade()
    except SQLAlchemyError as error:
        code = getattr(getattr(error, "orig", None), "pgcode", None)
        if was_lost(error) or code in (None, errorcodes.INSUFFICIENT_PRIVILEGE):
            raise
        log.exception("a migration failed")
        raise Unavailable("A migration failed. Read the log, and correct it.") from None
    log.info("brought the schema up to date: version %s", needed)


class _Attempts:
    """Run migrations in one thread at a time, and not for PAUSE seconds after one got no lock."""

    def __init__(self) -> None:
        self._lock = Lock()  # Alembic has one context for a whole process
        self._next = float("-inf")

    def upgrade(self) -> None:
        """Bring the schema up to date.

        Raises:
            Busy: a table is in use, now or less than PAUSE seconds ago.
            Unavailable, SQLAlchemyError: as `db.migrations.upgrade`.
        """
        if not self._lock.acquire(timeout=max(0, min(remaining(), TIMEOUT_MAX))):
            raise Unavailable("A migration is running. Try again.")
        try:
            if (seconds := self._next - monotonic()) > 0:
                raise Busy(seconds)
            self._try()
        finally:
            self._lock.release()

    def _try(self) -> None:
        try:
            upgrade(settings.database_url)
        except Busy:
            self._next = monotonic() + PAUSE
            log.warning("a migration got no lock on a table, and is tried again after %.0f s", PAUSE)
            raise Busy(PAUSE) from None


_attempts = _Attempts()


class Schema:
    """Whether the schema is as this code needs it: checked until it is, then remembered."""

    def __init__(self) -> None:
        self.ready = False
        self._lock = Lock()
        self._report: dict[str, str] = {}
        self._retry_after = 2
        self._checked_at = float("-inf")

    def prepare(self) -> None:
        """Check the schema and bring it up to date, unless that is done.

        Raises:
            Unavailable: it is not up to date, and why.
        """
        self._run(self._prepare)
        if not self.ready and (wrong := [line for line in self._report.values() if line != "ok"]):
            raise Unavailable(wrong[0], self._retry_after)

    def _prepare(self) -> None:
        if not self.ready and monotonic() - self._checked_at > _RETRY:
            self._report = self._check()
            self._checked_at = monotonic()

    def forget(self) -> None:
        """Check again the next time, because a statement missed a table."""
        self.ready = False
        self._checked_at = float("-inf")

    def check(self) -> dict[str, str]:
        """Check now, and return of database and schema "ok", or what is wrong and what to do."""
        try:
            return self._run(self._check)
        except Unavailable as busy:
            return {"database": busy.detail, "schema": _UNKNOWN}

    def _run(self, function: Callable[[], T]) -> T:
        """Call a function that uses a connection, off the event loop, within DB_TIMEOUT."""
        with Waiting():
            slot = slots.acquire()  # before a worker thread, of which there are fewer than requests
            try:
                return run_off_loop(self._run_alone, function)
            finally:
                slots.release(slot)

    def _run_alone(self, function: Callable[[], T]) -> T:
        """Call a function after the calls of other threads, but do not wait for them long.

        Another thread may have been frozen, with its connection, and the check is one query.
        """
        is_alone = self._lock.acquire(timeout=min(_PATIENCE, max(0, remaining())))
        try:
            return function()
        finally:
            if is_alone:
                self._lock.release()

    def _check(self) -> dict[str, str]:
        try:
            migrate_if_needed()
        except Unavailable as missing:
            self._retry_after = missing.retry_after
            return {"database": "ok", "schema": missing.detail}
        except SQLAlchemyError as error:
            if not (unavailable := as_unavailable(error)):
                raise
            self._retry_after = unavailable.retry_after
            reason = f"{unavailable.detail} Check DATABASE_URL, and read the log."
            return {"database": reason, "schema": _UNKNOWN}
        self.ready = True
        return {"database": "ok", "schema": "ok"}


schema = Schema()


async def require_schema() -> None:
    """Wait until the schema is up to date.

    Raises:
        Unavailable: it is not, and why.
    """
    if not schema.ready:
        await run_in_greenlet(schema.prepare)


async def report_database() -> dict[str, str]:
    """Check database and schema now: see `Schema.check`."""
    return await run_in_greenlet(schema.check)
