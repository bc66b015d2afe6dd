"""How long a request may wait for the database: for its turn, a connection and an answer together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from config import settings
from errors import Unavailable

_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))
_turns = asyncio.Semaphore(settings.db_pool_size)


def remaining() -> float:
    """Give the seconds that are left; infinitely many where nobody set a limit."""
    return _deadline.get() - monotonic()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let the block wait so many seconds, or what is left when that is less."""
    token = _deadline.set(min(_deadline.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


class Turn:
    """Wait for one of DB_POOL_SIZE turns, and hold it; what is left of DB_TIMEOUT is for the block.

    On the event loop, so that whoever waits for a connection occupies no worker thread: however
    many they are, they wait no longer than DB_TIMEOUT, and the others do not wait for them.
    """

    async def __aenter__(self) -> None:
        """Wait.

        Raises:
            Unavailable: no turn came in time.
        """
        self._limit = _deadline.set(monotonic() + settings.db_timeout)
        try:
            async with asyncio.timeout(settings.db_timeout if _turns.locked() else None):
                await _turns.acquire()
        except TimeoutError:
            _deadline.reset(self._limit)
            raise Unavailable("The database is busy: no connection was free in time.") from None

    async def __aexit__(self, *_: object) -> None:
        """Let the next one have it."""
        _deadline.reset(self._limit)
        _turns.release()
