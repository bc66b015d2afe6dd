"""How psycopg2 waits: on the event loop when a request is at work there, else in poll(); never for ever."""

import asyncio
import logging
import select
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from math import ceil
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import psycopg2
from fastapi.concurrency import run_in_threadpool
from greenlet import getcurrent, greenlet
from psycopg2 import extensions

from db.budget import remaining

log = logging.getLogger("todo.db")

P = ParamSpec("P")
T = TypeVar("T")

_TOO_LONG = 0.25  # seconds


class _OnLoop(greenlet):
    """A call that runs on the event loop, and leaves it to others whenever it waits."""


async def run_on_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that blocks on nothing but the database, here and not in a worker thread.

    While it waits for the database, the event loop does other things. That saves the hand-over
    from thread to thread, which is a third of a request's CPU time: the threads, that of the event
    loop included, wake each other whenever one begins or ends to wait. A function that blocks on
    something else is told in the log.
    """
    call = _OnLoop(function)
    call.gr_context = getcurrent().gr_context  # ContextVars; by itself it would have none
    proceed = partial(call.switch, *args, **kwargs)
    while True:
        began = monotonic()
        result: Any = proceed()
        if (held := monotonic() - began) > _TOO_LONG:
            log.warning("%s held up all requests for %.0f ms: see db/waiting.py", function.__qualname__, held * 1000)
        if call.dead:
            return result  # type: ignore[no-any-return]  # what the function gave
        try:
            proceed = partial(call.switch, await result)
        except BaseException:  # noqa: BLE001  # for the function, to clean up: most often it is cancelled
            proceed = partial(call.throw, *sys.exc_info())


def _await(awaitable: Awaitable[T]) -> T:
    """Wait without `await`, in what `run_on_loop` runs."""
    outside: Any = getcurrent().parent
    return outside.switch(awaitable)  # type: ignore[no-any-return]  # what was awaited


def run_off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may block on anything: in a worker thread, when this is the event loop's."""
    is_on_loop = isinstance(getcurrent(), _OnLoop)
    return _await(run_in_threadpool(function, *args, **kwargs)) if is_on_loop else function(*args, **kwargs)


def _wait(connection: Any) -> None:
    """Wait for the server no longer than is left, where libpq would wait for ever.

    psycopg2 calls this whenever it waits, connecting included. Through a pooler the server cannot
    be asked to keep such a limit.
    """
    is_on_loop = isinstance(getcurrent(), _OnLoop)
    while (state := connection.poll()) != extensions.POLL_OK:
        seconds, socket = max(0, remaining()), connection.fileno()
        if is_on_loop:
            is_in_time = _await(_wait_on_loop(socket, state, seconds))
        else:
            is_in_time = _wait_in_thread(socket, state, seconds)
        if not is_in_time:
            # The socket of a connection that is being made is closed when nothing refers to it any
            # more, and the traceback would. A statement's connection psycopg2 closes by itself.
            del connection
            raise psycopg2.OperationalError("no answer in time")


def _wait_in_thread(socket: int, state: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
    return bool(poll.poll(None if seconds == float("inf") else ceil(seconds * 1000)))


async def _wait_on_loop(socket: int, state: int, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    reads = state == extensions.POLL_READ
    add, remove = (loop.add_reader, loop.remove_reader) if reads else (loop.add_writer, loop.remove_writer)
    over: asyncio.Future[bool] = loop.create_future()

    def end(is_in_time: bool) -> None:
        if not over.done():
            over.set_result(is_in_time)

    timer = loop.call_later(min(seconds, 86_400), end, False)  # uvloop knows no infinity
    add(socket, end, True)
    try:
        return await over
    finally:
        remove(socket)
        timer.cancel()


extensions.set_wait_callback(_wait)
