"""Migrations: what the schema has become, step by step, by Alembic.

The versions are numbered files, so that which is the newest is known without importing Alembic.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text

from db.connection import connect

VERSION_TABLE = "todo_version"
"""Where Alembic keeps the version; of our own name, because Better Auth's half may use Alembic too."""

# Alembic has one context for a whole process.
_one_at_a_time = Lock()
_HERE = Path(__file__).parent
_LOCK_KEY = 0x746F646F  # "todo" in ASCII: one number that all processes agree on
# Then no other lock for longer than 5 s: a migration that waits for a table keeps everybody waiting
# who comes to it later.
_LOCK = text("SELECT pg_advisory_xact_lock(:key), set_config('lock_timeout', '5s', true)")


def newest() -> str:
    """Give the version that this code needs: four digits."""
    return max(path.name for path in (_HERE / "versions").glob("[0-9]*.py"))[:4]


def engine_without_pool(url: URL) -> Engine:
    """Make an engine for a few connections in a row, none of which is kept."""
    engine = create_engine(url, poolclass=NullPool, use_native_hstore=False, hide_parameters=True)
    event.listen(engine, "do_connect", connect)
    return engine


@contextmanager
def migrating(url: URL) -> Iterator[Connection]:
    """Connect for migrations: in one transaction, and in no other process at the same time.

    The lock belongs to the transaction, so it works through a pooler in transaction mode.
    """
    with engine_without_pool(url).begin() as connection:
        connection.execute(_LOCK, {"key": _LOCK_KEY})
        yield connection


def upgrade(url: URL) -> None:
    """Bring the schema up to date; whoever comes second waits, and then has nothing to do.

    Raises:
        Unavailable: a table of another origin is in the way.
        SQLAlchemyError: the database is away, or refuses.
    """
    # Here, because most starts have nothing to do, and importing it takes a third of a second.
    from alembic import command  # noqa: PLC0415  # see above
    from alembic.config import Config  # noqa: PLC0415  # see above

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    with _one_at_a_time, migrating(url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
