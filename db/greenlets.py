"""Run synchronous code that waits, on the event loop, without blocking it.

psycopg2 is synchronous: `session.exec()` returns when the answer is there. A request runs in a
greenlet, as SQLAlchemy's asyncio extension runs its own code. When psycopg2 waits, the greenlet
switches to the event loop, which serves other requests, and is resumed when the answer is there.
This works in `def` and `async def` alike, and in everything that a request calls.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from functools import partial
from threading import local
from time import monotonic
from types import coroutine
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

import anyio.to_thread
from greenlet import GreenletExit, getcurrent, greenlet
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("todo.db")

P = ParamSpec("P")
T = TypeVar("T")

TOO_LONG = 0.25
"""Seconds without a wait after which the log names the code that blocked the event loop."""

_in_request: ContextVar[bool] = ContextVar("in_request", default=False)
_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


class _Greenlet(greenlet):
    """A greenlet that runs one call after the other, and whose parent runs the event loop.

    A new one costs 10 µs, because Python allocates a stack for it. Reusing one costs 1 µs.
    """

    is_done = False
    failure: BaseException | None = None

    def run(self, function: Callable[[Any], Any], argument: Any) -> None:
        """Run a call, switch to the parent with its result, and wait for the next call."""
        while True:
            result = None
            try:
                result = function(argument)
            except GreenletExit:
                raise  # nobody refers to this greenlet any more
            except BaseException as error:  # noqa: BLE001  # `_drive` raises it
                self.failure = error
            self.is_done = True
            parent: Any = self.parent
            function, argument = parent.switch(result)


class _Idle(local):
    """The greenlets of a thread that have nothing to run."""

    def __init__(self) -> None:
        self.greenlets: list[_Greenlet] = []


_MAX_IDLE = 64
_idle = _Idle()


def may_wait() -> bool:
    """Return whether `wait_for` may be called here."""
    return isinstance(getcurrent(), _Greenlet)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def wait_for(awaitable: Awaitable[T]) -> T:
    """Wait for an awaitable in synchronous code that runs in a greenlet of this module."""
    return _run(awaitable.__await__())  # type: ignore[no-any-return]  # the awaitable's result


def _run(steps: Any) -> Any:
    """Run a coroutine, and switch to the event loop wherever it suspends itself."""
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            future = steps.send(value) if error is None else steps.throw(error)
        except StopIteration as stop:
            return stop.value
        parent: Any = getcurrent().parent
        try:
            value, error = parent.switch(future), None
        except BaseException as thrown:  # noqa: BLE001  # the coroutine handles it, most often a cancellation
            error = thrown


@coroutine
def _drive(function: Callable[..., T], argument: Any, name: Callable[[], str]) -> Generator[Any, Any, T]:
    """Call a function in a greenlet, and await on the event loop what the function waits for."""
    call = _idle.greenlets.pop() if _idle.greenlets else _Greenlet()
    call.gr_context = getcurrent().gr_context  # ContextVars; by itself it would have none
    resume: Callable[..., Any] = call.switch
    arguments: tuple[Any, ...] = function, argument
    while True:
        if call.parent is not (current := getcurrent()):
            call.parent = current
        began = monotonic()
        result = resume(*arguments)
        if (blocked := monotonic() - began) > TOO_LONG:
            log.warning(
                "%s blocked all requests for %.0f ms: see docs/how-to/call-another-service.md", name(), blocked * 1000
            )
        if call.is_done:
            break
        try:
            resume, arguments = call.switch, ((yield result),)
        except BaseException as error:  # noqa: BLE001  # the function handles it
            # Without the traceback, greenlet would drop the frames of the thread or task that failed.
            resume, arguments = call.throw, (type(error), error, error.__traceback__)
    failure = call.failure
    call.failure, call.is_done, call.gr_context = None, False, None
    if len(_idle.greenlets) < _MAX_IDLE:
        _idle.greenlets.append(call)
    if failure is not None:
        raise failure
    return result  # type: ignore[no-any-return]  # what the function returned


async def run_in_greenlet(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may wait for the database, without blocking the event loop meanwhile."""
    if may_wait():
        return function(*args, **kwargs)
    return await _drive(lambda _: function(*args, **kwargs), None, lambda: function.__qualname__)


def run_off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may block on anything: in a worker thread if this runs in a greenlet.

    A cancelled caller does not wait for the thread, so that a process can stop while the database
    does not answer.
    """
    call = partial(function, *args, **kwargs)
    return wait_for(anyio.to_thread.run_sync(call, abandon_on_cancel=True)) if may_wait() else call()


async def run_request(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run a request or the lifespan, and each task that it starts, in a greenlet."""
    loop = asyncio.get_running_loop()
    if loop not in _loops:
        _loops.add(loop)
        _set_task_factory(loop)
    reset = _in_request.set(True)
    try:
        await _drive(_run, app(scope, receive, send), lambda: _name(scope))
    finally:
        _in_request.reset(reset)


def _name(scope: Scope) -> str:
    endpoint = scope.get("endpoint")
    return getattr(endpoint, "__qualname__", "") or str(scope.get("path", scope["type"]))


async def _drive_task(steps: Coroutine[Any, Any, T]) -> T:
    return await _drive(_run, steps, lambda: getattr(steps, "__qualname__", "a task"))


def _set_task_factory(loop: asyncio.AbstractEventLoop) -> None:
    """Run tasks in greenlets if a request starts them: a streamed answer, or `asyncio.gather()`."""
    create: Any = loop.get_task_factory() or _create_task

    def create_task(loop: asyncio.AbstractEventLoop, steps: Any, **options: Any) -> Any:
        if not _in_request.get():
            return create(loop, steps, **options)
        task = create(loop, _drive_task(steps), **options)
        # A task that is cancelled before its first step leaves a coroutine that nobody awaited.
        task.add_done_callback(lambda _: steps.close())
        return task

    loop.set_task_factory(create_task)


def _create_task(loop: asyncio.AbstractEventLoop, steps: Any, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(steps, loop=loop, **options)
