"""Count the function calls and thread switches of a request, and print them as JSON.

test_cost.py runs this module with the API's environment.
"""

import asyncio
import json
import sys
import threading
from collections import Counter
from types import FrameType
from typing import Any

import anyio.to_thread

from db.pool import pool
from main import app

Count = dict[str, float]

REPEATS = 20
counted: Counter[str] = Counter()


def count_call(_frame: FrameType, event: str, _argument: object) -> None:
    """Count a call of a function in Python or C, in any thread."""
    if event in ("call", "c_call"):
        counted["calls"] += 1


run_sync = anyio.to_thread.run_sync


async def count_hop(*arguments: Any, **options: Any) -> Any:
    """Count a switch to a worker thread."""
    counted["hops"] += 1
    return await run_sync(*arguments, **options)


async def ask(method: str, path: str, body: bytes, token: str) -> Any:
    """Send a request to the app without a server, and return the JSON of its answer."""
    path, _, query = path.partition("?")
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    answer: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        answer.append(message)

    await app(scope, receive, send)
    assert answer[0]["status"] < 300, answer
    return json.loads(answer[1]["body"] or "null")


async def measure(token: str) -> dict[str, Count]:
    """Return the cost of one request of each kind, after a first request of that kind."""
    todos = [await ask("POST", "/api/todos", b'{"title": "Buy milk"}', token) for _ in range(20)]
    todo = f"/api/todos/{todos[0]['id']}"
    requests = {
        "health": ("GET", "/health", b""),
        "me": ("GET", "/api/me", b""),
        "list": ("GET", "/api/todos?limit=20", b""),
        "get": ("GET", todo, b""),
        "create": ("POST", "/api/todos", b'{"title": "Buy milk"}'),
        "patch": ("PATCH", todo, b'{"title": "Buy oat milk"}'),
        "toggle": ("POST", f"{todo}/toggle", b""),
    }
    costs = {}
    for name, (method, path, body) in requests.items():
        await ask(method, path, body, token)
        counted.clear()
        sys.setprofile(count_call)
        for _ in range(REPEATS):
            await ask(method, path, body, token)
        sys.setprofile(None)
        costs[name] = {what: counted[what] / REPEATS for what in ("calls", "hops")}
    pool.close_idle()
    counted.clear()
    await ask("GET", "/api/me", b"", token)
    costs["connecting"] = {"hops": counted["hops"]}
    return costs


threading.setprofile(count_call)  # for the worker threads, which start later
anyio.to_thread.run_sync = count_hop  # type: ignore[assignment]  # the same function, which also counts
print(json.dumps(asyncio.run(measure(sys.argv[1]))))  # noqa: T201  # the parent process reads it
