"""Migrations: numbered files, which Alembic runs in their order.

The numbers make the newest version known without an import of Alembic.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text

from db.engine import connect

VERSION_TABLE = "todo_version"
"""The table of Alembic's version. It has a name of its own, because another application may use Alembic too."""

# Alembic has one context for a whole process.
_one_at_a_time = Lock()
_HERE = Path(__file__).parent
_LOCK_KEY = 0x746F646F  # "todo" in ASCII: one number that all processes agree on
# A migration waits at most 5 s for any other lock, because all later statements on the table wait with it.
_LOCK = text("SELECT pg_advisory_xact_lock(:key), set_config('lock_timeout', '5s', true)")


def newest() -> str:
    """Return the version that this code needs, as four digits."""
    return _versions()[-1]


def _versions() -> list[str]:
    return sorted(path.name[:4] for path in (_HERE / "versions").glob("[0-9]*.py"))


def engine_without_pool(url: URL) -> Engine:
    """Return an engine for a few connections in a row, none of which is kept."""
    arguments = {"client_encoding": "utf8"}  # as in db/engine.py
    engine = create_engine(
        url, poolclass=NullPool, use_native_hstore=False, hide_parameters=True, connect_args=arguments
    )
    event.listen(engine, "do_connect", connect)
    return engine


@contextmanager
def migrating(url: URL) -> Iterator[Connection]:
    """Connect for migrations, in one transaction, and in no other process at the same time.

    The lock belongs to the transaction, so it works through a pooler in transaction mode.
    """
    with engine_without_pool(url).begin() as connection:
        connection.execute(_LOCK, {"key": _LOCK_KEY})
        yield connection


def upgrade(url: URL) -> None:
    """Bring the schema up to date. A second process waits, and then has nothing to do.

    Raises:
        Unavailable: the table todo belongs to another application.
        SQLAlchemyError: the database cannot be reached, or refuses.
    """
    # Here, because most starts have nothing to do, and the import costs a third of a second.
    from alembic import command  # noqa: PLC0415  # see above
    from alembic.config import Config  # noqa: PLC0415  # see above

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    for version in _versions():
        # Each in a transaction of its own, because a later one may use a value that an earlier one
        # added to an Enum, which PostgreSQL permits only after the commit.
        with _one_at_a_time, migrating(url) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, version)
