"""Measure the statements and the time of a request when the database is 20 ms away.

`make bench` includes this. A proxy that delays and a proxy that counts are between the server and
PostgreSQL.
"""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import cycle
from selectors import SelectSelector
from statistics import median
from threading import Thread
from time import perf_counter

import psycopg2

from benchmarks import report
from benchmarks.lineup import PEERS
from benchmarks.routes import request
from benchmarks.servers import Client
from benchmarks.stage import Stage
from tests.wire import Wire

ONE_WAY = 0.0095  # seconds; with both directions and two proxies a statement takes about 20 ms
TARGET = 25  # milliseconds
_REQUESTS = 30  # requests of each route, one after the other
_WARM_UP = 5  # requests of each route before the measured ones
_ROUTES = ("list", "get", "create", "patch", "toggle", "put")
_NOTE = """\
PostgreSQL is behind a proxy that delays messages, so that `SELECT 1` takes {:.1f} ms. The values are medians of {}
requests of each route, one after the other. Statements are the messages that PostgreSQL receives."""


@contextmanager
def delayed(upstream: int) -> Iterator[int]:
    """Forward a new port to `upstream` on this machine, with a delay of `ONE_WAY` in each direction."""
    loop = asyncio.SelectorEventLoop(SelectSelector())  # epoll would round each delay up to a millisecond

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            # A piece does not wait for earlier ones, because this adds latency and does not limit bandwidth.
            loop.call_later(ONE_WAY, writer.write, piece)
        loop.call_later(ONE_WAY, writer.close)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", upstream)
        with suppress(asyncio.CancelledError):  # end() cancels this
            await asyncio.gather(forward(reader, server_writer), forward(server_reader, writer), return_exceptions=True)

    async def end() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = loop.run_until_complete(asyncio.start_server(connect, "127.0.0.1", 0))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def measure(stage: Stage) -> list[str]:
    """Measure the API and the usual design, and return the parts of the report."""
    results = {}
    with Wire(stage.server.socket_dir).open() as wire, delayed(wire.port) as port:

        def far(name: str) -> str:
            stage.database(name)
            return wire.url(name).replace(f":{wire.port}/", f":{port}/")

        distance = _select_1(far("far"))
        for name in ("api", "usual"):
            with stage.serving(far(f"far_{name}"), PEERS[name].command) as server:
                person = stage.people[0]
                client = Client(server.port, person.token)
                for route in _ROUTES:
                    asked = request(route, person, person.todos[0])
                    bodies = cycle(asked.bodies or [None])
                    times = []
                    for number in range(_WARM_UP + _REQUESTS):
                        if number == _WARM_UP:
                            sent = len(wire.messages)
                        times.append(client.ask(asked.method, asked.path, next(bodies)).milliseconds)
                    statements = (len(wire.messages) - sent) / _REQUESTS
                    results[route, name] = statements, median(times[_WARM_UP:])
    rows = []
    for route in _ROUTES:
        cells = [cell for name in ("api", "usual") for cell in ("{:g}|{:.1f}".format(*results[route, name])).split("|")]
        rows.append([route, *cells, report.target(results[route, "api"][1], TARGET, " ms")])
    head = ["", "statements", "p50 ms", "usual design: statements", "p50 ms", "target"]
    return [_NOTE.format(distance, _REQUESTS), report.table(head, rows)]


def _select_1(url: str) -> float:
    """Return the milliseconds of the shortest statement."""
    times = []
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        for _ in range(_REQUESTS):
            started = perf_counter()
            cursor.execute("SELECT 1")
            times.append((perf_counter() - started) * 1000)
    return median(times)
