"""The time that a request may wait for the database, and how psycopg2 waits."""

import asyncio
import logging
import select
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import ceil
from time import monotonic
from typing import Any

import psycopg2
from psycopg2 import extensions

from config import settings
from db.cancel import cancel_statement
from db.greenlets import may_wait, running_loop, wait_for

log = logging.getLogger("todo.db")

_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


class Budget:
    """The seconds that one request may still wait for the database.

    Args:
        has_left: whether the client of the request closed its connection.
    """

    def __init__(self, has_left: Callable[[], Awaitable[bool]] | None = None) -> None:
        self.seconds = settings.db_timeout
        self._has_left = has_left

    def client_left(self) -> bool:
        """Return whether the client closed its connection; `False` if that is not known."""
        return self._has_left is not None and may_wait() and wait_for(self._has_left())


budget: ContextVar[Budget | None] = ContextVar("budget", default=None)
"""The budget of the request; without one, each wait for the database may last DB_TIMEOUT."""


def remaining() -> float:
    """Return the seconds until the deadline; infinity if there is none."""
    return _deadline.get() - monotonic()


_RESERVE = 100  # milliseconds in which the server's answer can arrive, before the client's side gives up


def statement_limit() -> str:
    """Return SQL that ends the statements after it in time; empty if there is no deadline.

    PostgreSQL goes on with a statement whose client gave up. Such statements would use more
    connections than DB_POOL_SIZE. The setting holds until the end of the transaction, so a pooler
    does not pass it on to another client.
    """
    if (seconds := remaining()) == float("inf"):
        return ""
    left = int(seconds * 1000)
    # Whole tenths of a second, because pg_stat_statements of PostgreSQL 17 and older keeps each text.
    limit = (left - _RESERVE) // 100 * 100
    return f"SET LOCAL statement_timeout = {max(limit, left // 2, 1)};"


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Set a deadline for the block, unless an earlier one is set."""
    token = _deadline.set(min(_deadline.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


class Waiting:
    """Set the deadline for a block that waits for the database, and subtract its time from the budget."""

    __slots__ = ("_began", "_budget", "_token")

    def __enter__(self) -> None:
        self._budget = budget.get()
        self._began = monotonic()
        limit = self._began + (self._budget.seconds if self._budget else settings.db_timeout)
        self._token = _deadline.set(min(_deadline.get(), limit))

    def __exit__(self, *_: object) -> None:
        _deadline.reset(self._token)
        if self._budget:
            self._budget.seconds -= monotonic() - self._began


def _wait(connection: Any) -> None:
    """Wait for the server until the deadline; libpq by itself would wait without a limit.

    psycopg2 calls this whenever it waits, also while it connects. A limit on the server's side
    would not bound the wait: a server that does not answer does not enforce its own.

    If the caller is cancelled, the server is told so. psycopg2 then closes the connection.
    """
    on_loop = may_wait()
    if not on_loop and running_loop():
        log.warning("a session outside of a request blocks the event loop: see docs/how-to/call-another-service.md")
    while (state := connection.poll()) != extensions.POLL_OK:
        seconds, socket = max(0, remaining()), connection.fileno()
        wait = _wait_on_loop if on_loop else _wait_in_thread
        try:
            is_in_time = wait(socket, state, seconds)
        except BaseException:
            if on_loop:
                cancel_statement(connection)
            raise
        if not is_in_time:
            # A connection that is being made has no close(). Its socket is closed when nothing
            # refers to it, and the traceback would. psycopg2 closes a statement's connection.
            del connection
            raise psycopg2.OperationalError("no answer in time")


def _wait_in_thread(socket: int, state: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
    return bool(poll.poll(None if seconds == float("inf") else ceil(seconds * 1000)))


def _wait_on_loop(socket: int, state: int, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    reads = state == extensions.POLL_READ
    add, remove = (loop.add_reader, loop.remove_reader) if reads else (loop.add_writer, loop.remove_writer)
    ready: asyncio.Future[bool] = loop.create_future()

    def end(in_time: bool) -> None:
        if not ready.done():
            ready.set_result(in_time)

    timer = loop.call_later(min(seconds, 86_400), end, False)  # uvloop does not accept infinity
    add(socket, end, True)
    try:
        return wait_for(ready)
    finally:
        remove(socket)
        timer.cancel()


extensions.set_wait_callback(_wait)
