"""Ways in which a database is away, for as long as a `with` block lasts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager

import psycopg2

from tests.conftest import BETTER_AUTH_SQL
from tests.live import wait_for
from tests.neon.conftest import Neon

Trouble = Callable[[Neon], AbstractContextManager[None]]


@contextmanager
def refused(neon: Neon) -> Iterator[None]:
    """Nobody listens, and connections are reset."""
    neon.faults.refuse()
    neon.faults.reset()
    yield
    neon.faults.heal()


@contextmanager
def hanging(neon: Neon) -> Iterator[None]:
    """Who connects is accepted, and nothing else ever happens; the same on open connections."""
    neon.faults.hang()
    yield
    neon.faults.heal()


@contextmanager
def compute_away(neon: Neon) -> Iterator[None]:
    """The proxy is there, and nothing behind it."""
    neon.pooler.kill()
    wait_for(lambda: neon.faults.open == 0)
    yield
    neon.pooler.start()


@contextmanager
def table_locked(neon: Neon) -> Iterator[None]:
    """Statements wait for somebody else's transaction."""
    with closing(psycopg2.connect(neon.database.url)) as connection:
        connection.cursor().execute("LOCK TABLE todo")
        yield


@contextmanager
def pooler_full(neon: Neon) -> Iterator[None]:
    """All of the pooler's connections to the server are in others' transactions."""
    with ExitStack() as others:
        for _ in range(10):
            connection = others.enter_context(closing(psycopg2.connect(neon.url(port=neon.front.port))))
            connection.cursor().execute("SELECT 1")  # opens a transaction, and keeps it open
        yield


@contextmanager
def better_auth_later(neon: Neon) -> Iterator[None]:
    """Better Auth's tables are not there yet."""
    yield
    neon.database.execute(BETTER_AUTH_SQL)
    neon.database.add_user(neon.user_id)
