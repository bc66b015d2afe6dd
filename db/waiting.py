"""Limits of waiting: the time that a request may wait for the database, and the connections in use."""

import asyncio
import logging
import select
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import ceil
from threading import Event, Lock
from time import monotonic
from typing import Any

import psycopg2
from psycopg2 import extensions

from config import settings
from db.greenlets import may_wait, wait_for
from errors import Unavailable

log = logging.getLogger("todo.db")

_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


class Budget:
    """The seconds that one request may still wait for the database."""

    def __init__(self) -> None:
        self.seconds = settings.db_timeout


budget: ContextVar[Budget | None] = ContextVar("budget", default=None)
"""The budget of the request; without one, each wait for the database may last DB_TIMEOUT."""


def remaining() -> float:
    """Return the seconds until the deadline; infinity if there is none."""
    return _deadline.get() - monotonic()


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


class Slot:
    """The right to use one connection, until it is released."""

    __slots__ = ("loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop


class _Waiter:
    """A caller that waits for a slot, on an event loop or in a thread."""

    def __init__(self) -> None:
        self.slot: Slot | None = None
        self.loop = asyncio.get_running_loop() if may_wait() else None
        self._future = self.loop.create_future() if self.loop else None
        self._event = Event()

    def wait(self, seconds: float) -> None:
        """Wait until a slot is granted, or the time is up."""
        if self.loop is None or self._future is None:
            self._event.wait(None if seconds == float("inf") else max(0, seconds))
            return
        timer = self.loop.call_later(min(max(0, seconds), 86_400), self._end)
        try:
            wait_for(self._future)
        finally:
            timer.cancel()

    def grant(self, slot: Slot) -> None:
        """Grant the slot, and resume the caller, from any thread."""
        self.slot = slot
        if self.loop is None:
            self._event.set()
        else:
            with suppress(RuntimeError):  # the loop was closed just now: `Slots` takes the slot back
                self.loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._future and not self._future.done():
            self._future.set_result(None)


class Slots:
    """A number of slots, for all threads and event loops of the process in order of arrival.

    Some hosts run each call on an event loop of its own. A slot that a stopped loop still has is
    taken back when somebody needs it.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._used: set[Slot] = set()
        self._waiters: deque[_Waiter] = deque()
        self._lock = Lock()

    def acquire(self) -> Slot:
        """Return a slot; wait for one until the deadline.

        Raises:
            Unavailable: none was free in time.
        """
        with self._lock:
            if not self._free:
                self._reclaim()
            if self._free:
                return self._grant(_running_loop())
            waiter = _Waiter()
            self._waiters.append(waiter)
        try:
            waiter.wait(remaining())
        except BaseException:
            if slot := self._leave(waiter):
                self.release(slot)
            raise
        if slot := self._leave(waiter):
            return slot
        raise Unavailable("The database is busy. No connection was free in time.")

    def _leave(self, waiter: _Waiter) -> Slot | None:
        with self._lock, suppress(ValueError):
            self._waiters.remove(waiter)
            if self._free:  # a waiter with a stopped event loop was passed over
                waiter.slot = self._grant(waiter.loop)
        return waiter.slot

    def release(self, slot: Slot) -> None:
        """Make a slot free for the next caller."""
        with self._lock:
            if slot not in self._used:
                return  # it was taken back
            self._used.remove(slot)
            self._free += 1
            self._serve()

    def _grant(self, loop: asyncio.AbstractEventLoop | None) -> Slot:
        self._free -= 1
        slot = Slot(loop)
        self._used.add(slot)
        return slot

    def _serve(self) -> None:
        for waiter in self._waiters:
            if waiter.loop is None or waiter.loop.is_running():
                self._waiters.remove(waiter)
                waiter.grant(self._grant(waiter.loop))
                return

    def _reclaim(self) -> None:
        for slot in [slot for slot in self._used if slot.loop and not slot.loop.is_running()]:
            self._used.remove(slot)
            self._free += 1


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


slots = Slots(settings.db_pool_size)


def _wait(connection: Any) -> None:
    """Wait for the server until the deadline; libpq by itself would wait without a limit.

    psycopg2 calls this whenever it waits, also while it connects. A limit on the server's side
    would not bound the wait: a server that does not answer does not enforce its own.
    """
    on_loop = may_wait()
    if not on_loop and _running_loop():
        log.warning("a session outside of a request blocks the event loop: see docs/how-to/call-another-service.md")
    while (state := connection.poll()) != extensions.POLL_OK:
        seconds, socket = max(0, remaining()), connection.fileno()
        wait = _wait_on_loop if on_loop else _wait_in_thread
        if not wait(socket, state, seconds):
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
