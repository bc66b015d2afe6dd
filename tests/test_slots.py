"""Test the number of connections that threads, greenlets and event loops use together."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.live import environment

PREAMBLE = """
import asyncio
import socket
import time
from threading import Thread

import anyio
import psycopg2
from pydantic import BaseModel
from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from config import settings
from db.pool import pool
from db.greenlets import run_in_greenlet
from db.session import RequestSession
from db.slots import requester, slots
from db.statement import Statement
from db.transaction import engine
from errors import Unavailable


def in_use():
    return len(slots._used)


class Slept(BaseModel):
    slept: str


SLEEP = Statement(Slept, select(func.pg_sleep(bindparam("seconds")).label("slept")))


def sleep(seconds):
    return [row.slept for row in SLEEP.all(RequestSession(), seconds=seconds)]


def sleep_in_transaction(seconds):
    with RequestSession() as session, session.begin():
        return [row.slept for row in SLEEP.all(session, seconds=seconds)]
"""

CANCELLED = """
async def abandon(sleep):
    asleep = asyncio.create_task(run_in_greenlet(sleep, 60))
    while in_use() == 0:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    for _ in range(3):
        assert await run_in_greenlet(sleep, 0) == [""], "another one is served meanwhile"
    asleep.cancel()
    (error,) = await asyncio.gather(asleep, return_exceptions=True)
    return type(error).__name__, in_use()


async def main():
    for function in (sleep, sleep, sleep_in_transaction, sleep_in_transaction):
        print(await abandon(function))


asyncio.run(main())
"""

WAITERS_CANCELLED = """
async def main():
    held = [slots.acquire() for _ in range(2)]
    waiters = [asyncio.create_task(run_in_greenlet(sleep, 0)) for _ in range(20)]
    await asyncio.sleep(0.1)
    for waiter in waiters[::2]:
        waiter.cancel()
    await asyncio.wait(waiters[::2])
    for slot in held:
        slots.release(slot)
    await asyncio.gather(*waiters, return_exceptions=True)
    print(sum(waiter.cancelled() for waiter in waiters), sum(not waiter.cancelled() for waiter in waiters))
    print(await asyncio.gather(*(run_in_greenlet(sleep, 0) for _ in range(4))))


asyncio.run(main())
"""

GRANTED_AND_CANCELLED = """
async def main():
    slot = slots.acquire()
    waiter = asyncio.create_task(run_in_greenlet(sleep, 0))
    await asyncio.sleep(0.1)
    slots.release(slot)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    print(await run_in_greenlet(sleep, 0))


asyncio.run(main())
"""

TWO_LOOPS = """
async def many():
    return await asyncio.gather(*(run_in_greenlet(sleep, 0.01) for _ in range(30)))


results = []
threads = [Thread(target=lambda: results.extend(asyncio.run(many()))) for _ in range(3)]
threads += [Thread(target=lambda: results.append(sleep_in_transaction(0.01))) for _ in range(10)]
for thread in threads:
    thread.start()
most = 0
while any(thread.is_alive() for thread in threads):
    most = max(most, in_use())
print(len(results), most, len(pool._idle))
"""

ABANDONED = """
def begin(loop):
    async def holds():
        task = asyncio.ensure_future(run_in_greenlet(sleep, 30))
        while in_use() < 1:
            await asyncio.sleep(0.01)
        waits = asyncio.ensure_future(run_in_greenlet(sleep, 30))
        await asyncio.sleep(0.1)
        return task, waits
    return loop.run_until_complete(holds())


first = asyncio.new_event_loop()
tasks = begin(first)  # the loop is not run again
began = time.monotonic()
print(asyncio.run(run_in_greenlet(sleep, 0)), sleep(0), time.monotonic() - began < 5)
"""

TIMED_OUT = """
async def main():
    slot = slots.acquire()
    answers = await asyncio.gather(*(run_in_greenlet(sleep, 0) for _ in range(5)), return_exceptions=True)
    print({type(answer).__name__ for answer in answers})
    slots.release(slot)
    try:
        await run_in_greenlet(sleep, 3.2)
    except Exception as error:
        print(type(error).__name__)
    print(await run_in_greenlet(sleep, 0))


asyncio.run(main())
"""

IN_TURN = """
order = []


def of(user):
    requester.set(user)
    sleep(0)
    order.append(user)


async def main():
    slot = slots.acquire()
    waiters = [asyncio.create_task(run_in_greenlet(of, user)) for user in "aaabbc"]
    await asyncio.sleep(0.1)
    slots.release(slot)
    await asyncio.gather(*waiters)
    print("".join(order))


asyncio.run(main())
"""

SHARES = """
most, now = {"a": 0, "b": 0, None: 0}, {"a": 0, "b": 0, None: 0}


async def use(user):
    requester.set(user)
    slot = await run_in_greenlet(slots.acquire)
    now[user] += 1
    most[user] = max(most[user], now[user])
    await asyncio.sleep(0.01)
    now[user] -= 1
    slots.release(slot)


async def main():
    await asyncio.gather(*(use(user) for user in ["a"] * 20 + ["b"] * 20))
    await asyncio.gather(*(use(None) for _ in range(20)))
    print(most, slots._used_by, slots._waiting)


asyncio.run(main())
"""

ENDED = """
def ends():
    url = settings.database_url.set(drivername="postgresql", username="postgres")
    connection = psycopg2.connect(url.render_as_string(False))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for _ in range(100):
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'todo_api' AND state = 'active'")
            if not cursor.fetchone()[0]:
                return True
            time.sleep(0.02)


async def main():
    for function in (sleep, sleep_in_transaction):
        asleep = asyncio.create_task(run_in_greenlet(function, 60))
        await asyncio.sleep(0.3)
        asleep.cancel()
        await asyncio.wait({asleep})
        print(asleep.cancelled(), await asyncio.to_thread(ends))
    async with anyio.create_task_group() as group:  # it cancels again and again, as Starlette's streams do
        group.start_soon(run_in_greenlet, sleep, 60)
        await asyncio.sleep(0.3)
        group.cancel_scope.cancel()
    print(await asyncio.to_thread(ends))


asyncio.run(main())
"""

WRITES = """
WRITE = Statement(Slept, select(func.pg_sleep(bindparam("seconds")).label("slept")), one_at_a_time=True)


def write(seconds):
    return [row.slept for row in WRITE.all(RequestSession(), seconds=seconds)]


async def main():
    requester.set("a")
    writes = [asyncio.create_task(run_in_greenlet(write, seconds)) for seconds in (3, 0, 0, 0, 0)]
    await asyncio.sleep(0.1)
    print(in_use(), await run_in_greenlet(sleep, 0))
    requester.set("b")
    print(await run_in_greenlet(write, 0), sum(one.done() for one in writes))
    writes[1].cancel()
    await asyncio.gather(*writes, return_exceptions=True)
    print([one.cancelled() for one in writes], await run_in_greenlet(write, 0))


asyncio.run(main())
"""

ABANDONED_WRITE = """
WRITE = Statement(Slept, select(func.pg_sleep(bindparam("seconds")).label("slept")), one_at_a_time=True)


async def begin():
    requester.set("a")
    slots.acquire(one_at_a_time=True)  # and the loop ends


async def write():
    requester.set("a")
    print([row.slept for row in await run_in_greenlet(WRITE.all, RequestSession(), seconds=0)])


asyncio.run(begin())
asyncio.run(write())
"""

CONNECTING = """
listener = socket.create_server(("127.0.0.1", 0))
url = f"postgresql://x@127.0.0.1:{listener.getsockname()[1]}/x"


async def main():
    connecting = asyncio.create_task(run_in_greenlet(psycopg2.connect, url))
    await asyncio.sleep(0.1)
    connecting.cancel()
    await asyncio.wait({connecting})
    print(connecting.cancelled())


asyncio.run(main())
"""

SCRIPTS = {
    "users in turn": (IN_TURN, "1", "10", ["abcaba"]),
    "half for a user": (SHARES, "4", "10", ["{'a': 2, 'b': 2, None: 4} {} {}"]),
    "one write of a user": (WRITES, "4", "10", ["1 ['']", "[''] 0", "[False, True, False, False, False] ['']"]),
    "an abandoned write": (ABANDONED_WRITE, "4", "10", ["['']"]),
    "cancelled ends at the server": (ENDED, "2", "10", ["True True", "True True", "True"]),
    "cancelled while connecting": (CONNECTING, "2", "10", ["True"]),
    "cancelled": (CANCELLED, "2", "10", ["('CancelledError', 0)"] * 4),
    "waiters cancelled": (WAITERS_CANCELLED, "2", "10", ["10 10", "[[''], [''], [''], ['']]"]),
    "granted and cancelled": (GRANTED_AND_CANCELLED, "1", "5", ["['']"]),
    "two loops and threads": (TWO_LOOPS, "2", "10", ["100 2 2"]),
    "an abandoned loop": (ABANDONED, "1", "10", ["[''] [''] True"]),
    "timed out": (TIMED_OUT, "1", "2", ["{'Unavailable'}", "OperationalError", "['']"]),
}


@pytest.mark.parametrize(("script", "size", "timeout", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_slots_bound_the_connections_and_are_never_lost(
    new_database: Callable[..., Database], tmp_path: Path, script: str, size: str, timeout: str, expected: list[str]
) -> None:
    variables = environment(
        DATABASE_URL=new_database().api_url,
        BETTER_AUTH_URL="http://127.0.0.1:1",
        DB_POOL_SIZE=size,
        DB_TIMEOUT=timeout,
        PYTHONWARNINGS="",
    )
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == expected, done.stderr
