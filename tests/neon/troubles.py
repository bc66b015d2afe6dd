"""Make a database unavailable in different ways, until a `with` block ends."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager

import psycopg2

from tests.conftest import BETTER_AUTH_SQL
from tests.live import wait_for
from tests.neon.conftest import Neon

Trouble = Callable[[Neon], AbstractContextManager[None]]


@contextmanager
def refused(neon: Neon) -> Iterator[None]:
    """Refuse new connections, and reset open ones."""
    neon.faults.refuse()
    neon.faults.reset()
    yield
    neon.faults.heal()


@contextmanager
def hanging(neon: Neon) -> Iterator[None]:
    """Accept connections, and forward no data on new and open ones."""
    neon.faults.hang()
    yield
    neon.faults.heal()


@contextmanager
def compute_away(neon: Neon) -> Iterator[None]:
    """Stop the pooler. The proxy continues."""
    neon.pooler.kill()
    wait_for(lambda: neon.faults.open == 0)
    yield
    neon.pooler.start()


@contextmanager
def table_locked(neon: Neon) -> Iterator[None]:
    """Lock the table in another transaction, so that statements wait."""
    with closing(psycopg2.connect(neon.database.url)) as connection:
        connection.cursor().execute("LOCK TABLE todo")
        yield


@contextmanager
def pooler_full(neon: Neon) -> Iterator[None]:
    """Use all connections of the pooler to the server in other transactions."""
    with ExitStack() as others:
        for _ in range(10):
            connection = others.enter_context(closing(psycopg2.connect(neon.url(port=neon.front.port))))
            connection.cursor().execute("SELECT 1")  # this opens a transaction, which stays open
        yield


@contextmanager
def better_auth_later(neon: Neon) -> Iterator[None]:
    """Create Better Auth's tables only at the end of the block."""
    yield
    neon.database.execute(BETTER_AUTH_SQL)
    neon.database.add_user(neon.user_id)
