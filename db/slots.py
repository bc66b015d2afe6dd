"""The number of connections in use, and who may use the next one that is free."""

import asyncio
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from contextvars import ContextVar
from threading import Event, Lock
from time import monotonic

from config import settings
from db.greenlets import may_wait, running_loop, wait_for
from db.waiting import budget, remaining
from errors import Unavailable

requester: ContextVar[Hashable] = ContextVar("requester", default=None)
"""The user for whom this code runs. Each user may use half of the connections at most."""

LONG = 0.1
"""Seconds of waiting after which a request checks that its client is still there. That costs as much as a statement."""


class Slot:
    """The right to use one connection, until it is released."""

    __slots__ = ("loop", "one_at_a_time", "user")

    def __init__(self, user: Hashable, loop: asyncio.AbstractEventLoop | None, one_at_a_time: bool) -> None:
        self.user = user
        self.loop = loop
        self.one_at_a_time = one_at_a_time


class _Waiter:
    """A caller that waits for a slot, on an event loop or in a thread."""

    __slots__ = ("_event", "_future", "loop", "one_at_a_time", "slot", "user")

    def __init__(self, user: Hashable, one_at_a_time: bool) -> None:
        self.user = user
        self.one_at_a_time = one_at_a_time
        self.slot: Slot | None = None
        self.loop = asyncio.get_running_loop() if may_wait() else None
        self._future = self.loop.create_future() if self.loop else None
        self._event = None if self.loop else Event()

    def wait(self, seconds: float) -> None:
        """Wait until a slot is granted, or the time is up."""
        if self._event:
            self._event.wait(None if seconds == float("inf") else max(0, seconds))
        elif self.loop and self._future:
            timer = self.loop.call_later(min(max(0, seconds), 86_400), self._end)
            try:
                wait_for(self._future)
            finally:
                timer.cancel()

    def grant(self, slot: Slot) -> None:
        """Grant the slot, and resume the caller, from any thread."""
        self.slot = slot
        if self._event:
            self._event.set()
        elif self.loop:
            with suppress(RuntimeError):  # the loop was closed just now: `Slots` reclaims the slot
                self.loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._future and not self._future.done():
            self._future.set_result(None)


class Slots:
    """A number of slots, for all threads and event loops of the process.

    One user has half of them at most, and one at least. So a user whose statements are slow does not
    stop the others. Users that wait are served in turn, and the requests of each in order of arrival.

    Writes of one user wait for each other in the database. So a user has one slot of those that are
    acquired with `one_at_a_time`, and the other writes wait here, without a connection.

    Some hosts run each call on an event loop of its own. A slot that a stopped loop still has is
    reclaimed when somebody needs it.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._share = max(1, count // 2)
        self._used: set[Slot] = set()
        self._used_by: dict[Hashable, int] = {}
        self._one_at_a_time: set[Hashable] = set()
        self._waiting: dict[Hashable, deque[_Waiter]] = {}
        self._lock = Lock()

    def acquire(self, *, one_at_a_time: bool = False) -> Slot:
        """Return a slot; wait for one until the deadline.

        Args:
            one_at_a_time: whether to wait for the other such slots of the user, too.

        Raises:
            Unavailable: none was free in time, or the client left.
        """
        user = requester.get()
        one_at_a_time = one_at_a_time and user is not None
        with self._lock:
            if not self._may_grant(user, one_at_a_time):
                self._reclaim()
            if self._may_grant(user, one_at_a_time):
                return self._grant(user, running_loop(), one_at_a_time)
            waiter = _Waiter(user, one_at_a_time)
            self._waiting.setdefault(user, deque()).append(waiter)
        began = monotonic()
        try:
            waiter.wait(remaining())
            is_late = monotonic() - began > LONG
            if self._leave(waiter) and is_late and (request := budget.get()) and request.client_left():
                raise Unavailable("The client closed its connection before its statement began.")
        except BaseException:
            if slot := self._leave(waiter):
                self.release(slot)
            raise
        if not waiter.slot:
            raise Unavailable("The database is busy. No connection was free in time.")
        return waiter.slot

    def release(self, slot: Slot) -> None:
        """Make a slot free for the next caller."""
        with self._lock:
            if slot not in self._used:
                return  # it was reclaimed
            self._forget(slot)
            self._serve()

    def _leave(self, waiter: _Waiter) -> Slot | None:
        """Remove a waiter, and return its slot, if it has one."""
        with self._lock:
            if waiter.slot is None:
                self._remove(waiter)
                if self._may_grant(waiter.user, waiter.one_at_a_time):  # one with a stopped event loop was passed over
                    waiter.slot = self._grant(waiter.user, waiter.loop, waiter.one_at_a_time)
        return waiter.slot

    def _may_grant(self, user: Hashable, one_at_a_time: bool) -> bool:
        if one_at_a_time and user in self._one_at_a_time:
            return False
        return self._free > 0 and (user is None or self._used_by.get(user, 0) < self._share)

    def _grant(self, user: Hashable, loop: asyncio.AbstractEventLoop | None, one_at_a_time: bool) -> Slot:
        self._free -= 1
        self._used_by[user] = self._used_by.get(user, 0) + 1
        if one_at_a_time:
            self._one_at_a_time.add(user)
        slot = Slot(user, loop, one_at_a_time)
        self._used.add(slot)
        return slot

    def _forget(self, slot: Slot) -> None:
        self._free += 1
        self._used.remove(slot)
        self._used_by[slot.user] -= 1
        if not self._used_by[slot.user]:
            del self._used_by[slot.user]
        if slot.one_at_a_time:
            self._one_at_a_time.discard(slot.user)

    def _serve(self) -> None:
        for user, waiters in self._waiting.items():
            if not self._may_grant(user, one_at_a_time=False):
                continue
            for waiter in waiters:
                if self._may_grant(user, waiter.one_at_a_time) and (waiter.loop is None or waiter.loop.is_running()):
                    self._remove(waiter)
                    if user in self._waiting:
                        self._waiting[user] = self._waiting.pop(user)  # the others are first the next time
                    waiter.grant(self._grant(user, waiter.loop, waiter.one_at_a_time))
                    return

    def _remove(self, waiter: _Waiter) -> None:
        waiters = self._waiting[waiter.user]
        waiters.remove(waiter)
        if not waiters:
            del self._waiting[waiter.user]

    def _reclaim(self) -> None:
        for slot in [slot for slot in self._used if slot.loop and not slot.loop.is_running()]:
            self._forget(slot)


slots = Slots(settings.db_pool_size)
