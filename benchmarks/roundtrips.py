"""What a request costs when the database is 20 ms away: how often it is asked, and how long that takes.

Part of `make bench`. Between the server and PostgreSQL are a proxy that delays and one that counts.
"""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from selectors import SelectSelector
from statistics import median
from threading import Thread
from time import perf_counter

import psycopg2

from benchmarks import report
from benchmarks.lineup import PEERS
from benchmarks.servers import Client
from benchmarks.stage import Stage
from tests.wire import Wire

ONE_WAY = 0.0095  # seconds; both ways and what the two proxies take make about 20 ms
TARGET = 25  # milliseconds
_REQUESTS = 30  # of each route, one after the other
_WARM_UP = 5  # before them
_ROUTES = {
    "list": ("GET", "/api/todos", None),
    "get": ("GET", "/api/todos/{}", None),
    "create": ("POST", "/api/todos", {"title": "Buy milk"}),
    "patch": ("PATCH", "/api/todos/{}", {"title": "Buy milk, and bread"}),
    "toggle": ("POST", "/api/todos/{}/toggle", None),
}
_NOTE = """\
PostgreSQL behind a proxy that delays: `SELECT 1` through it takes {:.1f} ms. Requests one after the other, {} of each
route, median; statements are the messages to the server, counted on the wire."""


@contextmanager
def delayed(upstream: int) -> Iterator[int]:
    """Forward a port, which is given, to another on this machine; each way takes `ONE_WAY`."""
    loop = asyncio.SelectorEventLoop(SelectSelector())  # epoll's would round each delay up to a millisecond

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            # Later pieces do not wait for earlier ones: it is the way that is long, not narrow.
            loop.call_later(ONE_WAY, writer.write, piece)
        loop.call_later(ONE_WAY, writer.close)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", upstream)
        with suppress(asyncio.CancelledError):  # at the end
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
    """Ask the API and the usual design, and give the report."""
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
                for route, (method, path, body) in _ROUTES.items():
                    times = []
                    for number in range(_WARM_UP + _REQUESTS):
                        if number == _WARM_UP:
                            sent = len(wire.messages)
                        times.append(client.ask(method, path.format(person.todos[0]), body).milliseconds)
                    statements = (len(wire.messages) - sent) / _REQUESTS
                    results[route, name] = statements, median(times[_WARM_UP:])
    rows = []
    for route in _ROUTES:
        cells = [cell for name in ("api", "usual") for cell in ("{:g}|{:.1f}".format(*results[route, name])).split("|")]
        rows.append([route, *cells, report.target(results[route, "api"][1], TARGET, " ms")])
    head = ["", "statements", "p50 ms", "usual design: statements", "p50 ms", "target"]
    return [_NOTE.format(distance, _REQUESTS), report.table(head, rows)]


def _select_1(url: str) -> float:
    """Give the milliseconds that the shortest question takes."""
    times = []
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        for _ in range(_REQUESTS):
            started = perf_counter()
            cursor.execute("SELECT 1")
            times.append((perf_counter() - started) * 1000)
    return median(times)
