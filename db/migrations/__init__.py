"""Migrations: numbered files, which Alembic runs in their order.

The numbers make the newest version known without an import of Alembic.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from math import ceil, isinf
from pathlib import Path
from typing import Any

from psycopg2 import errorcodes
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from db.pool import connect
from db.waiting import remaining
from errors import Unavailable

VERSION_TABLE = "todo_version"
"""The table of Alembic's version. It has a name of its own, because another application may use Alembic too."""
LOCK_TIMEOUT = 1.0
"""The most seconds that a migration waits for each lock. All later statements on the table wait with it."""

_HERE = Path(__file__).parent
_LOCK_KEY = 0x746F646F  # "todo" in ASCII: one number that all processes agree on
# These settings end with the transaction, so they work through a pooler in transaction mode. A role's
# own statement_timeout would end the creation of an index on many rows.
_TRY = text("""
    SELECT pg_try_advisory_xact_lock(:key), set_config('lock_timeout', :limit, true),
           set_config('statement_timeout', '0', true)
""")
_WAIT = text("""
    SELECT set_config('lock_timeout', :patience, true), pg_advisory_xact_lock(:key),
           set_config('lock_timeout', :limit, true)
""")


class Busy(Unavailable):
    """503: a migration got no lock on a table.

    Args:
        seconds: the time until the next attempt.
    """

    def __init__(self, seconds: float = 2) -> None:
        super().__init__(
            "A table is busy. A migration needs a lock on it, and another transaction holds one."
            " Wait until that transaction ends, or end it.",
            max(1, ceil(seconds)),
        )


def newest() -> str:
    """Return the version that this code needs, as four digits.

    Raises:
        Unavailable: two files have the same number, as after a merge. The database does not know which one it has.
    """
    return _versions()[-1]


@cache  # a migration that is written while the process runs is for the next start, so that somebody reads it first
def _versions() -> list[str]:
    versions = sorted(path.name[:4] for path in (_HERE / "versions").glob("[0-9]*.py"))
    for number, following in pairwise(versions):
        if number == following:
            raise Unavailable(
                f"Two migrations have the number {number}. Give the next number to the one that the database lacks,"
                " in its name, its revision and its down_revision."
            )
    return versions


def engine_without_pool(url: URL) -> Engine:
    """Return an engine for a few connections in a row, none of which is kept."""
    arguments = {"client_encoding": "utf8"}  # as in db/pool.py
    engine = create_engine(
        url, poolclass=NullPool, use_native_hstore=False, hide_parameters=True, connect_args=arguments
    )
    event.listen(engine, "do_connect", _connect)
    return engine


def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    return connect(arguments, options)


@contextmanager
def migrating(url: URL) -> Iterator[Connection]:
    """Connect for migrations, in one transaction, and in no other process at the same time.

    Raises:
        Unavailable: another process migrates, until the deadline.
    """
    with engine_without_pool(url).begin() as connection:
        _acquire(connection)
        yield connection


def _acquire(connection: Connection) -> bool:
    """Acquire the lock that one process has at a time, and return whether another one had it.

    The other processes wait for this lock, and so not for locks on tables, which would delay readers.
    """
    limit = f"{ceil(500 * min(2 * LOCK_TIMEOUT, remaining()))}ms"
    if connection.execute(_TRY, {"key": _LOCK_KEY, "limit": limit}).scalar_one():
        return False
    # A backend does not end when its client does. So it must not wait for longer than the client.
    patience = "0" if isinf(remaining()) else f"{max(1, int(1000 * remaining()) - 100)}ms"
    try:
        connection.execute(_WAIT, {"key": _LOCK_KEY, "limit": limit, "patience": patience})
    except DBAPIError as error:
        if _code(error) != errorcodes.LOCK_NOT_AVAILABLE:
            raise
        raise Unavailable("Another process is migrating the schema. Try again.") from None
    return True


def _code(error: DBAPIError) -> str | None:
    return getattr(error.orig, "pgcode", None)


def upgrade(url: URL) -> None:
    """Bring the schema up to date. A second process waits, and then has nothing to do.

    Raises:
        Busy: a table is in use, here or in a process that migrated until now.
        Unavailable: the table todo belongs to another application, or another process still migrates.
        SQLAlchemyError: the database cannot be reached, or refuses.
    """
    # Here, because most starts have nothing to do, and the import costs a third of a second.
    from alembic.config import Config  # noqa: PLC0415  # see above

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    try:
        while _upgrade_by_one(url, config):
            pass
    except DBAPIError as error:
        if _code(error) not in (errorcodes.LOCK_NOT_AVAILABLE, errorcodes.DEADLOCK_DETECTED):
            raise
        raise Busy from error


def _upgrade_by_one(url: URL, config: Any) -> bool:
    """Run the next migration, if there is one, and return whether more follow.

    Each one has a transaction of its own, because a later one may use a value that an earlier one
    added to an Enum, which PostgreSQL permits only after the commit.
    """
    from alembic import command  # noqa: PLC0415  # see `upgrade`
    from alembic.migration import MigrationContext  # noqa: PLC0415  # see `upgrade`

    with engine_without_pool(url).begin() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        before = context.get_current_revision()
        waited = _acquire(connection)
        current = context.get_current_revision()
        following = [version for version in _versions() if version > (current or "")]
        if not following:
            return False
        if waited and current == before:
            raise Busy  # the other process got no lock, and an attempt of each would delay readers
        config.attributes["connection"] = connection
        command.upgrade(config, following[0])
        return len(following) > 1
